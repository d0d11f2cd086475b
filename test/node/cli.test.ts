// The command as people run it: training, evaluation, errors, files, help, and without the optional packages.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decode, encode } from '../../src/io/safetensors.js';
import { accuracyIn, type Cli, openCli, type Running, root, run } from '../support/cli.js';
import { impossible, replacing } from './cli.cases.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

const train = (options: string, running?: Running) =>
  cli.nabla(`train --backend cpu --data digits ${options}`, running);

describe('nabla train and eval', () => {
  it('train a network that eval reads back with the same accuracy', async () => {
    const trained = await train(
      '--layers 16 --optimizer sgd --learning-rate 0.5 --epochs 6 --batch 7',
    );
    expect(trained).toMatchObject({ code: 0, errors: '' });
    expect(trained.out.split('\n')[0]).toBe('engine  CPU, float64');
    expect(trained.out).toMatch(
      /^epoch 6\/6 {2}cost 0\.\d{4} {2}train \d+\.\d\d% {2}test \d+\.\d\d% {2}\d+\.\d s$/m,
    );
    expect(Number.parseFloat(accuracyIn(trained)!)).toBeGreaterThan(90);

    const read = await cli.nabla('eval nabla-model.safetensors --data digits --backend cpu');
    expect(read).toMatchObject({ code: 0, errors: '' });
    expect(accuracyIn(read)).toBe(accuracyIn(trained));
  });

  it("name the weights as PyTorch's Sequential does", async () => {
    await train('--layers 6,5 --steps 1 --output named.safetensors');
    const { tensors, metadata } = decode(await readFile(join(cli.folder, 'named.safetensors')));
    const shapes = [...tensors].map(([name, { shape }]) => `${name} [${shape.join()}]`).sort();
    expect(shapes).toEqual([
      '0.bias [6]',
      '0.weight [6,20]',
      '2.bias [5]',
      '2.weight [5,6]',
      '4.bias [10]',
      '4.weight [10,5]',
    ]);
    expect(JSON.parse(metadata.get('architecture')!)).toMatchObject({
      sizes: [20, 6, 5, 10],
      activation: 'relu',
    });
  });

  it('write costs and accuracies for TensorBoard', async () => {
    const { out } = await train(
      '--layers 6 --epochs 2 --output seen.safetensors --tensorboard runs/first',
    );
    const [name, ...others] = await readdir(join(cli.folder, 'runs/first'));
    expect(name).toMatch(/^events\.out\.tfevents\.\d+\.nabla$/);
    expect(others).toEqual([]);
    expect(out).toContain(`wrote runs/first/${name}; see it with tensorboard --logdir runs/first`);
    const text = (await readFile(join(cli.folder, 'runs/first', name!))).toString('latin1');
    expect(text.match(/accuracy\/test/g)).toHaveLength(2); // one an epoch
    expect(text).toContain('cost');
  });

  it('give the same run for the same seed and another for another', async () => {
    const runs = [1, 1, 2].map((seed, i) =>
      train(`--steps 5 --seed ${seed} --output seed-${i}.safetensors`),
    );
    const [one, same, other] = (await Promise.all(runs)).map(
      ({ out }) => /^test accuracy.*/m.exec(out)?.[0],
    );
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  it("takes a preset's settings, and what is given over them", async () => {
    const { out } = await train('--preset nielsen --epochs 1');
    expect(out).toContain('20-30-10 sigmoid, halfSquaredError; sgd 3, batch 10, 1 epoch,');
  });

  it('stop after the step in progress on Ctrl-C and write what was learned', async () => {
    let sent = false;
    const { code, out, errors } = await train('--epochs 100000 --output stopped.safetensors', {
      onOutput(child) {
        if (!sent) setTimeout(() => child.kill('SIGINT'), 500);
        sent = true;
      },
    });
    expect({ code, errors }).toEqual({ code: 130, errors: '' });
    expect(out).toMatch(/^stopped after [\d,]+ steps\ntest accuracy /m);
    expect(await readdir(cli.folder)).toContain('stopped.safetensors');
  });

  it('go on where nobody reads what they print, and write what was learned', async () => {
    const { code, errors } = await train('--epochs 3 --output unread.safetensors', {
      onOutput: ({ stdout }) => stdout.destroy(),
    });
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(await readdir(cli.folder)).toContain('unread.safetensors');
  });

  it('say so where the cost is no number any more', async () => {
    const { code, errors } = await train(
      '--optimizer sgd --learning-rate 1e38 --batch 10 --layers 8,8 --activation identity --epochs 9',
    );
    expect(code).toBe(2);
    expect(errors).toMatch(
      /^nabla: the cost is (NaN|Infinity) at step \d+; try a --learning-rate below 1e\+38\n$/,
    );
  });
});

describe('what cannot be done', () => {
  beforeAll(async () => {
    await mkdir(join(cli.folder, 'damaged'));
    for (const name of await readdir(join(cli.folder, 'digits'))) {
      const bytes = await readFile(join(cli.folder, 'digits', name));
      await writeFile(
        join(cli.folder, 'damaged', name),
        name.startsWith('train-images') ? bytes.subarray(0, 999) : bytes,
      );
    }
    await train('--steps 1 --output whole.safetensors');
    const model = await readFile(join(cli.folder, 'whole.safetensors'));
    await writeFile(join(cli.folder, 'cut.safetensors'), model.subarray(0, model.length - 40));
    await writeFile(
      join(cli.folder, 'text.safetensors'),
      'These are not the weights you are looking for.',
    );
    await writeFile(
      join(cli.folder, 'other.safetensors'),
      encode({ x: { shape: [1], dtype: 'f32', data: new Float32Array(1) } }),
    );
  });

  it.each(impossible)('nabla %s: one line and exit code 2', async (args, error) => {
    const { code, out, errors } = await cli.nabla(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toMatch(/^nabla: .*\n$/);
    expect(errors).toMatch(error);
  });
});

describe('what nabla train writes', () => {
  const inFolder = (...names: string[]): string => join(cli.folder, ...names);
  const kept = async (): Promise<Buffer[]> => {
    const names = (await readdir(inFolder('digits'))).sort();
    return Promise.all(
      [...names.map((name) => inFolder('digits', name)), inFolder('notes')].map((file) =>
        readFile(file),
      ),
    );
  };
  beforeAll(async () => {
    await writeFile(inFolder('notes'), 'abc '.repeat(400));
    await writeFile(inFolder('old.previous'), 'abc '.repeat(400));
    await symlink('digits/t10k-images-idx3-ubyte', inFolder('linked'));
    await symlink('circle', inFolder('circle'));
    execFileSync('mkfifo', [inFolder('pipe')]);
    // a device of the test's own; only an administrator may make one
    if (process.getuid?.() === 0) execFileSync('mknod', [inFolder('device'), 'c', '1', '3']);
    await Promise.all([
      train('--steps 1 --output one.safetensors'),
      train('--steps 1 --output two.safetensors'),
    ]);
  });

  it.each(replacing)(
    'never replaces what is needed, nor what is no file: %s',
    async (options, error) => {
      const before = await kept();
      const data = options.includes('--text') ? '' : '--data digits';
      const { code, out, errors } = await cli.nabla(
        `train --backend cpu ${data} --layers 4 --steps 1 ${options}`,
      );
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(errors).toMatch(/^nabla: .*\n$/);
      expect(errors).toMatch(error);
      expect(await kept()).toEqual(before);
      expect((await stat(inFolder('pipe'))).isFIFO()).toBe(true);
      expect((await readdir(cli.folder)).filter((name) => /\.part$|^runs2/.test(name))).toEqual([]);
    },
  );

  it('replaces no page that nabla report reads', async () => {
    for (const output of ['one.report.html', './two.report.html']) {
      const { code, errors } = await cli.nabla(
        `report one.report.html two.report.html --output ${output}`,
      );
      expect(code).toBe(2);
      expect(errors).toMatch(
        /^nabla: --output .*html: it would replace a run; name another file\n$/,
      );
    }
  });

  it('is the model first, which is there where the rest cannot be written', async () => {
    const { code, errors } = await train(
      '--epochs 40 --output saved.safetensors --tensorboard gone',
      {
        onOutput: () => rmSync(inFolder('gone'), { recursive: true, force: true }),
      },
    );
    expect(code).toBe(2);
    expect(errors).toMatch(
      /^nabla: gone\/events.*: its folder cannot be written to; make the folder/,
    );
    expect(decode(await readFile(inFolder('saved.safetensors'))).tensors.size).toBe(4);
  });

  it('goes through a link, and keeps the mode', async () => {
    await mkdir(inFolder('store'));
    await writeFile(inFolder('store', 'real.safetensors'), '', { mode: 0o600 });
    await symlink('store/real.safetensors', inFolder('short.safetensors'));
    expect(await train('--steps 1 --output short.safetensors')).toMatchObject({
      code: 0,
      errors: '',
    });
    expect((await lstat(inFolder('short.safetensors'))).isSymbolicLink()).toBe(true);
    expect((await stat(inFolder('store', 'real.safetensors'))).mode & 0o777).toBe(0o600);
    expect(decode(await readFile(inFolder('store', 'real.safetensors'))).tensors.size).toBe(4);
  });
});

describe('help', () => {
  it.each([['--help'], ['train --help'], ['eval --help'], ['']])(
    'nabla %s fits 80 columns',
    async (args) => {
      const { code, out, errors } = await cli.nabla(args);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
      expect(out).toContain('Usage:');
    },
  );

  it('gives the version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect((await cli.nabla('--version')).out).toContain(`nabla/${version}`);
  });
});

describe('without the optional packages', () => {
  let bare: string;
  beforeAll(async () => {
    bare = join(cli.folder, 'bare');
    await cp(cli.built, join(bare, 'dist'), { recursive: true });
    await cp(join(root, 'package.json'), join(bare, 'package.json'));
  });
  const nabla = (line: string, NABLA_ADAPTER = '') =>
    run(join(bare, 'dist', 'cli.js'), line.split(' '), cli.folder, { env: { NABLA_ADAPTER } });

  it('warns and trains on the CPU, unless a GPU is asked for', async () => {
    const { code, out, errors } = await nabla('train --data digits --layers 8 --steps 2');
    expect(code).toBe(0);
    expect(out).toMatch(/^engine {2}CPU, float64/);
    expect(errors).toMatch(
      /^nabla: no WebGPU adapter: .* npm install webgpu; nabla doctor .* CPU .* slow\.\n$/,
    );
    const missing = 'the package webgpu is not installed; run: npm install webgpu';
    expect(await nabla('train --data digits --backend gpu')).toEqual({
      ...{ code: 2, out: '' },
      errors: `nabla: open: no WebGPU adapter: ${missing}; nabla doctor says what to do\n`,
    });
    expect(await nabla('train --data digits', 'swiftshader')).toEqual({
      ...{ code: 2, out: '' },
      errors: `nabla: open: no WebGPU adapter for NABLA_ADAPTER=swiftshader: ${missing}; nabla doctor says what to do\n`,
    });
  });

  it('doctor says what is missing and how to mend it', async () => {
    const { code, out } = await nabla('doctor');
    expect(code).toBe(1);
    expect(out).toContain('none; Nabla runs on the CPU in float64');
    expect(out).toContain(
      'To fix\n  no WebGPU adapter: the package webgpu is not installed; run:\n    npm install webgpu\n',
    );
  });
});
