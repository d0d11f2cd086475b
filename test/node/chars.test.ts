import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decode } from '../../src/io/safetensors.js';
import { accuracyIn, type Cli, openCli } from '../support/cli.js';

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
  const text = 'a ∇b\n'.repeat(260);
  await writeFile(join(cli.folder, 'text.txt'), text);
  await writeFile(join(cli.folder, 'strange.txt'), text.replace('b', 'z'));
  await writeFile(join(cli.folder, 'short.txt'), text.slice(0, 640));
});
afterAll(() => cli.close());

const train = (options: string) =>
  cli.nabla(
    `train --backend cpu ${options.includes('--preset') ? '' : '--preset chars '}${options}`,
  );
/** What comes after "generated text:". */
const writtenIn = (out: string): string =>
  out.slice(out.indexOf('generated text:\n') + 16).slice(0, 240);

it('learns what follows what, and writes when eval reads it back', async () => {
  const trained = await train(
    '--text text.txt --layers 6 --batch 6 --steps 24 --learning-rate 0.1',
  );
  expect(trained).toMatchObject({ code: 0, errors: '' });
  expect(trained.out).toContain(
    'text.txt: 1,300 characters, 5 different; 18 training and 2 test examples of 64\n',
  );
  expect(trained.out).toMatch(/^model {3}5-6-5 LSTM, crossEntropy;/m);
  expect(Number.parseFloat(accuracyIn(trained)!)).toBeGreaterThan(50);
  expect(trained.out).toContain('  npx nabla eval nabla-model.safetensors --text text.txt\n');

  const { metadata } = decode(await readFile(join(cli.folder, 'nabla-model.safetensors')));
  expect(JSON.parse(metadata.get('architecture')!)).toMatchObject({
    kind: 'chars',
    alphabet: '\n ab∇',
  });
  const read = await cli.nabla('eval nabla-model.safetensors --text text.txt --backend cpu');
  expect(read).toMatchObject({ code: 0, errors: '' });
  expect(accuracyIn(read)).toBe(accuracyIn(trained));
  expect(writtenIn(read.out)).toMatch(/^[ab∇ \n]{240}$/);
  const page = await readFile(join(cli.folder, 'nabla-model.report.html'), 'utf8');
  expect(page).toContain(`"text":${JSON.stringify(writtenIn(read.out))}`);
  expect(await cli.nabla('eval nabla-model.safetensors --text strange.txt')).toEqual({
    ...{ code: 2, out: '' },
    errors:
      "nabla: --text strange.txt: the network was not trained on 'z'; give a text of the same characters\n",
  });
  expect((await cli.nabla('eval nabla-model.safetensors')).errors).toMatch(
    /^nabla: --text: .* reads a text.*\n$/,
  );
});

it.each([
  ['', /--text: a network of characters reads a text/],
  ['--text text.txt --preset mnist', /--text: digits have none; add --preset chars/],
  ['--text nowhere.txt', /nowhere.txt: there is no such file; name one/],
  ['--text digits', /digits: it is a folder; name a file in it/],
  ['--text short.txt', /short.txt: 640 characters; 641 are the least/],
  [
    '--text text.txt --layers none',
    /--layers none: a network of characters has at least one layer/,
  ],
])('refuses %s in one line', async (options, error) => {
  const { code, out, errors } = await train(options);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(errors).toMatch(/^nabla: .*\n$/);
  expect(errors).toMatch(error);
});
