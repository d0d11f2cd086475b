import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accuracyIn, type Cli, openCli, writeDigits } from '../support/cli.js';

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

/** The Vulkan loader's variables, naming a driver that does not load. */
async function brokenDriver(name: string): Promise<Record<string, string>> {
  const file = join(cli.folder, `${name}.json`);
  const ICD = { library_path: './none.so', api_version: '1.3.0' };
  await writeFile(file, JSON.stringify({ file_format_version: '1.0.0', ICD }));
  return { VK_DRIVER_FILES: file, VK_ICD_FILENAMES: file };
}

it('trains and evaluates on the GPU with the same accuracy', async () => {
  const trained = await cli.nabla('train --backend gpu --data digits --layers 8 --epochs 2');
  expect(trained.code).toBe(0);
  expect(trained.out).toMatch(/^engine {2}WebGPU on /);
  const read = await cli.nabla('eval nabla-model.safetensors --data digits --backend gpu');
  expect(read.code).toBe(0);
  expect(accuracyIn(read)).toBe(accuracyIn(trained));
});

it('starts the same on the CPU engine', async () => {
  const [gpu, cpu] = await Promise.all(
    ['gpu', 'cpu'].map((backend) =>
      cli.nabla(
        `train --backend ${backend} --data digits --steps 3 --output ${backend}.safetensors`,
      ),
    ),
  );
  const cost = /^epoch 1\/3 {2}cost (\S+)/m;
  expect(cost.exec(gpu!.out)![1]).toBe(cost.exec(cpu!.out)![1]);
});

it('refuses a batch that the adapter cannot hold', async () => {
  await mkdir(join(cli.folder, 'many'));
  for (const [prefix, length] of [
    ['train', 100_000],
    ['t10k', 50],
  ] as const)
    await writeDigits(join(cli.folder, 'many'), prefix, length);
  // 100,000 × 12,000 f32 are above what 32 bits can bind
  const { code, errors } = await cli.nabla(
    'train --data many --batch 100000 --layers 12000 --backend gpu',
  );
  expect(code).toBe(2);
  expect(errors).toMatch(
    /^nabla: .* bytes, above this adapter's binding limit of \d+; use a smaller batch.*\n$/m,
  );
});

it('trains with every kernel call checked', async () => {
  const { code, out } = await cli.nabla(
    'train --data digits --layers 8 --steps 5 --cross-check every --backend gpu',
  );
  expect(code).toBe(0);
  expect(out).toContain('cross-check every');
  expect(out).toMatch(
    /^cross-check {2}[\d,]{5,} values compared with float64, all within their bounds$/m,
  );
});

it('takes no other adapter than the one that is asked for', async () => {
  expect(await cli.nabla('train --data digits', { env: { NABLA_ADAPTER: 'abacus' } })).toEqual({
    ...{ code: 2, out: '' },
    errors:
      'nabla: open: NABLA_ADAPTER=abacus is none of gpu, lavapipe, swiftshader; nabla doctor says what to do\n',
  });
  const env = { NABLA_ADAPTER: 'lavapipe', ...(await brokenDriver('lvp_icd')) };
  const { code, errors } = await cli.nabla('train --data digits', { env });
  expect(code).toBe(2);
  expect(errors).toMatch(
    /^nabla: open: no WebGPU adapter for NABLA_ADAPTER=lavapipe: no installed driver \(.*\) gives one/m,
  );
});

it('doctor says so when an installed driver gives no adapter', async () => {
  const env = { NABLA_ADAPTER: '', ...(await brokenDriver('radeon_icd')) };
  const { code, out } = await cli.nabla('doctor', { env });
  expect(code).toBe(0);
  expect(out).toContain('SwiftShader from @sparticuz/chromium');
  const said = out.replace(/\s+/g, ' ');
  expect(said).toMatch(
    /To fix no installed driver \(.*radeon_icd.json\) gives one; .* apt-get install -t/,
  );
});

it('doctor names adapter, features, limits and browser', async () => {
  const { code, out } = await cli.nabla('doctor');
  expect(code).toBe(0);
  for (const part of [
    'Adapter\n',
    'driver    ',
    'features  ',
    'maxStorageBufferBindingSize ',
    'Browser\n',
  ])
    expect(out).toContain(part);
});
