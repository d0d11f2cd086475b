import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, openCli, root, run } from '../support/cli.js';

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/```(\w+)\n(.*?)```/gs)].flatMap(([, name, body]) => (name === language ? [body!] : []));

it("the README's example runs and prints what the README says", async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const example = join(cli.built, 'example.mjs');
  await writeFile(example, blocks(readme, 'js')[0]!.replace("from 'nabla'", "from './index.node.js'"));
  const { code, out } = await run(example, [], cli.folder);
  expect(code).toBe(0);
  // To five digits: the last bits are the adapter's.
  const rounded = (text: string): string =>
    text.replace(/-?\d+\.\d{5,}/g, (number) => Number(number).toFixed(5)).trim();
  const said = blocks(readme, 'text').find((block) => block.startsWith('f '))!;
  expect(rounded(out).split('\n')[0]).toBe(rounded(said).split('\n')[0]);
  expect(out.split('\n')).toHaveLength(said.split('\n').length);
});

it('nabla explain prints what the README says', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const file = /npx nabla explain (\S+)/.exec(readme)![1]!;
  const { out } = await cli.nabla(`explain ${join(root, file)}`);
  expect(blocks(readme, 'text')).toContain(out);
});
