import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Engine, open } from '../../src/index.node.js';
import type { Contender, Runner } from './contenders/contender.js';
import { nabla } from './contenders/nabla.js';
import { appendHistory } from './history.js';
import { factsOf, measure } from './measure.js';
import { installNavigator } from './node.js';
import { caseOf, cases, isChosen, trainingProblem } from './problems.js';
import { timeTable } from './report.js';
import { agreement } from './verify.js';

const short = { blocks: 2, blockMilliseconds: 1 };
let adapter: string;
let reference: Engine;
let jax: Contender;

beforeAll(async () => {
  adapter = await installNavigator();
  ({ jax } = await import('./contenders/jax.js'));
  reference = await open({ backend: 'cpu' });
});

/** A contender whose results are another's, changed. */
const changed = (honest: Contender, change: (values: Float32Array[]) => void): Contender => {
  const wrap = (runner: Runner): Runner => ({
    ...runner,
    async results() {
      const values = await runner.results();
      change(values);
      return values;
    },
  });
  return {
    name: 'wrong',
    matmul: async (problem) => wrap(await honest.matmul(problem)),
    training: async (problem) => wrap(await honest.training(problem)),
    operation: async (problem) => wrap(await honest.operation(problem)),
  };
};

it('times what trains rightly, refuses what does not, and keeps a line of each run', async () => {
  const { initial } = trainingProblem('A', 'sgd');
  const unmoved = changed(nabla(open), (values) => values[3]!.set(initial[2]!.data));
  const result = await measure(caseOf('A sgd'), [nabla(open), jax, unmoved], reference, short);
  const positive = expect.any(Number);
  expect(result.timings).toEqual({
    Nabla: {
      median: positive,
      quartiles: [positive, positive],
      blocks: 2,
      steps: positive,
      ratio: 1,
    },
    'jax-js': {
      median: positive,
      quartiles: [positive, positive],
      blocks: 2,
      steps: positive,
      ratio: positive,
    },
    wrong: {
      reason: expect.stringMatching(/^wrong: parameter 2 \[10,128\] moved by .* and is off by/),
    },
  });
  const facts = await factsOf(caseOf('A sgd'), nabla(open));
  expect(facts!.dispatches).toBeLessThanOrEqual(8);
  expect(facts!.hostMicroseconds[0]).toBeGreaterThan(0);
  expect(facts!.peakBytes).toBeGreaterThanOrEqual(4 * (784 * 128 + 128 * 10));
  const table = timeTable([result]);
  expect(table).toMatch(/\| A sgd +\| +[\d.]+ \([\d.]+–[\d.]+\) \|/);

  const file = join(await mkdtemp(join(tmpdir(), 'nabla-bench-')), 'history', 'bench.jsonl');
  for (const name of ['first', 'second'])
    appendHistory(file, { adapter, platform: 'Node', quick: true }, { ...result, name });
  const lines = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    {
      name: 'first',
      adapter,
      commit: expect.any(String),
      versions: { '@jax-js/jax': expect.any(String) },
    },
    { name: 'second', timings: JSON.parse(JSON.stringify(result.timings)) },
  ]);
});

it('sees one wrong element of a product', async () => {
  const near = changed(nabla(open), ([product]) => {
    product![256 * 77 + 3]! *= 1.01;
  });
  const { timings } = await measure(
    caseOf('matmul 256 TN'),
    [nabla(open), jax, near],
    reference,
    short,
  );
  expect(timings['jax-js']).toMatchObject({ ratio: expect.any(Number) });
  expect(timings.wrong).toEqual({
    reason: expect.stringMatching(/^wrong: row 77 of the product is off by/),
  });
});

it('compares what is too large for the CPU engine among engines, after the kernels verify themselves', async () => {
  const problem = trainingProblem('C', 'adam');
  const check = agreement(problem);
  const runners = await Promise.all([nabla(open).training(problem), jax.training(problem)]);
  for (const runner of runners) await runner.run(2);
  const [own, peers] = (await Promise.all(runners.map((runner) => runner.results()))) as [
    Float32Array[],
    Float32Array[],
  ];
  expect(await check(peers, runners[1])).toMatch('nothing to compare with');
  expect(await check(own, runners[0])).toBeUndefined();
  expect(await check(peers, runners[1])).toBeUndefined();
  expect(await check([peers[0]!, ...peers.slice(1).reverse()])).toMatch(/is off by/);
  for (const runner of runners) runner.dispose();
});

it('tells why a contender has no time', async () => {
  const absent: Contender = {
    name: 'absent',
    matmul: () => Promise.reject(new Error('no op\nfor this')),
    training: () => Promise.reject(new Error('no op\nfor this')),
    operation: () => Promise.reject(new Error('no op\nfor this')),
  };
  const { timings } = await measure(caseOf('C sgd'), [absent, nabla(open)], reference, short);
  expect(timings).toMatchObject({
    absent: { reason: 'no op' },
    Nabla: { median: expect.any(Number) },
  });
});

it('chooses cases by their words', () => {
  const names = (...filters: string[]) =>
    cases.map(({ name }) => name).filter((name) => isChosen(name, filters));
  expect(names('A', '512 NT')).toEqual(['matmul 512 NT', 'A sgd', 'A adam']);
  expect(names()).toHaveLength(cases.length);
});
