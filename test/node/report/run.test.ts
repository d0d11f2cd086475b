// Report pages as files: the runs come back as they were written, and the page is one file with one script.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Run } from '../../../src/node/report/data.js';
import { readPage, writePage } from '../../../src/node/report/run.js';
import { forAllAsync } from '../../support/property.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-page-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run: Run = {
  name: 'model',
  date: '2026-01-01T00:00:00.000Z',
  model: '784-10 linear',
  parameters: 7850,
  settings: { batch: 64, layers: [16] },
  machine: { node: 'v20' },
  costs: [[1, 2.5]],
  steps: 1,
  seconds: 2,
  stepsPerSecond: 0.5,
  epochs: [],
  test: { cost: 1, accuracy: 0.5 },
  plan: { dispatches: [], dispatchesUnfused: 0, buffers: 0, bytes: 0, liveBytes: 0, texts: [] },
};
const write = async (runs: readonly Run[]): Promise<string> => {
  const file = join(folder, 'page.html');
  await writePage(file, runs);
  return file;
};

it('gives back the runs that were written, whatever their texts hold', async () => {
  const hostile = fc.constantFrom(
    '</script>',
    '<!--<script>',
    '$&',
    '$`',
    '/*script*/',
    '/*style*/',
    '\u2028',
    '"',
    '[]',
  );
  const text = fc
    .array(fc.oneof(hostile, fc.string()), { maxLength: 6 })
    .map((parts) => parts.join(''));
  const figure = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null));
  const runs = fc.tuple(text, text, figure).map(([name, written, cost]) => {
    const own = {
      name,
      text: written,
      machine: { [name]: written },
      test: { cost: Object.is(cost, -0) ? 0 : cost },
    };
    return { ...run, ...own };
  });
  await forAllAsync(fc.array(runs, { minLength: 2, maxLength: 3 }), 50, async (given) => {
    expect(await readPage(await write(given))).toEqual(given);
  });
});

it('has null for numbers that JSON cannot hold', async () => {
  const lost = { ...run, test: { cost: Number.NaN, accuracy: Number.POSITIVE_INFINITY } };
  const [read] = await readPage(await write([lost]));
  expect(read!.test).toEqual({ cost: null, accuracy: null });
});

it.each([1, 1999, 2000, 2001, 9999])(
  'keeps at most 2000 points of %i, the last one among them',
  async (length) => {
    const costs = Array.from({ length }, (_, i): [number, number] => [i + 1, 1 / (i + 1)]);
    const [read] = await readPage(await write([{ ...run, costs }]));
    expect(read!.costs.length).toBeLessThanOrEqual(2000);
    expect(read!.costs.length).toBeGreaterThan(Math.min(length, 1000) - 1);
    expect(read!.costs.at(-1)).toEqual(costs.at(-1));
  },
);

it('is one file: its script is whole, ends nowhere early, and names the licence of what it holds', async () => {
  const page = await readFile(await write([run]), 'utf8');
  expect(page).not.toMatch(/<(script|link|img)\b[^>]*\b(src|href)="(?!data:)/);
  const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, text]) => text!);
  expect(scripts).toHaveLength(2);
  for (const text of scripts) expect(() => new Script(text)).not.toThrow();
  expect(scripts[1]).not.toMatch(/\b(import|export)\b[ {]/);
  expect(scripts[1]).toMatch(/Copyright .* Leon Sorokin/);
  expect(page.length).toBeLessThan(80_000); // 51 kB of them draw charts
});
