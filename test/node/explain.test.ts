import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { explainFile } from '../../src/node/cli/explain.js';
import { parseExpression } from '../../src/node/cli/expression.js';
import { tensor } from '../../src/ops/leaf.js';
import { root } from '../support/cli.js';
import { valuesOf } from '../support/property.js';

const examples = join(root, 'demo', 'examples');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-explain-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const explained = async (file: string, mermaid = false): Promise<string[]> =>
  (await explainFile(file, mermaid)).split('\n');
const written = async (value: unknown): Promise<string> => {
  const file = join(folder, 'example.json');
  await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
};

it('reproduces the published numbers of every example', async () => {
  for (const file of await readdir(examples)) {
    const { published = {} } = JSON.parse(await readFile(join(examples, file), 'utf8')) as {
      published?: Record<string, number>;
    };
    const lines = await explained(join(examples, file));
    for (const [key, expected] of Object.entries(published)) {
      const [, value, sum] = lines
        .map((line) => /^(\S+) .*?(?:input|\)) +(\S+) .*?(\S+)$/.exec(line) ?? [])
        .filter(([, name]) => name === key.replace('∂', ''))
        .map(([, name, first, last]) => [name, first, last])[0]!;
      expect(Number(key.startsWith('∂') ? sum : value), `${file}: ${key}`).toBeCloseTo(
        expected,
        11,
      );
    }
  }
});

it('shows what arrives over each branch of a fork, and their sum', async () => {
  const lines = await explained(join(examples, 'seed002-fanout.json'));
  const at = lines.findIndex((line) => line.startsWith('b '));
  expect(lines[at]).toMatch(/from y: 7 +9$/);
  expect(lines[at + 1]).toMatch(/^ +from x: 2$/);
});

it('gives no gradient to what was not asked for', async () => {
  const lines = await explained(join(examples, 'seed003-section13.json'));
  expect(lines.filter((line) => line.endsWith('–')).map((line) => line.split(' ')[0])).toEqual([
    'a',
    'f0',
    'W4',
  ]);
});

it('draws the graph', async () => {
  const lines = await explained(join(examples, 'seed002-fanout.json'), true);
  expect(lines.join('\n')).toMatch(/^flowchart BT\n {2}n\d+\(\["a"\]\)/);
});

it.each([
  ['2 + 3 * 4 ^ 2 ^ 0.5', 2 + 3 * 4 ** (2 ** 0.5)],
  ['-(x / 4) - -1', 0.25],
  ['neg(x)^2', 9],
  ['sum(square(matmul(W, v)))', 25 + 121],
  ['max(v) - min(W) + logSumExp(v)', 1 + 2 + Math.log(1 + Math.exp(-1)) + 0],
  ['sum(logSoftmax(v))', -1 - 2 * Math.log(1 + Math.exp(-1))],
])('reads %s', (text, value) => {
  const names = new Map([
    ['x', tensor(3)],
    [
      'W',
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ],
    ['v', tensor([1, 2])],
  ]);
  expect(valuesOf([parseExpression(text, names)])[0]!.data[0]).toBeCloseTo(value, 5);
});

it.each([
  ['{', /example.json: .*JSON/],
  [{ f: 'x' }, /it needs "inputs"/],
  [{ inputs: { x: 1 }, f: 'x + y' }, /'y' has no value; use x/],
  [{ inputs: { x: 1 }, f: 'process.exit(1)' }, /is not supported/],
  [{ inputs: { x: 1 }, f: 'x ? 1 : 2' }, /is not supported/],
  [{ inputs: { x: 1 }, f: 'constructor(x)' }, /'constructor' is no function/],
  [{ inputs: { x: 1 }, f: 'exp(x, x)' }, /exp takes 1 and is given 2/],
  [{ inputs: { x: 1 }, f: 'x +' }, /'x \+': /],
  [{ inputs: { a: 2 }, let: { a: 'a + 1' }, f: 'a' }, /'a' is an input already; rename it/],
  [{ inputs: { f: 2 }, f: 'f * f' }, /'f' is an input already; rename it/],
  [{ inputs: { a: 2 }, let: { f: 'a + 1' }, f: 'a' }, /'f' is a step already; rename it/],
  [{ inputs: { x: 1 }, f: '2' }, /f: '2' is a number; name an input/],
  [{ inputs: null, f: '1' }, /it needs "inputs"/],
  [{ inputs: { x: 1 }, f: '-x^2' }, /is ambiguous/],
  [{ inputs: { x: 1 }, f: 'x', wrt: ['z'] }, /wrt: 'z'/],
])('refuses %j', async (value, message) => {
  await expect(explained(await written(value))).rejects.toThrow(message);
});
