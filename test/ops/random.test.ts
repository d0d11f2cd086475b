// Random tensors on the CPU engine: what they are functions of, and how a step's draws are told apart.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { explain } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { NablaError } from '../../src/core/errors.js';
import { threefry } from '../../src/core/randomBits.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { dropout } from '../../src/nn/index.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { runSeed } from '../../src/ops/draws.js';
import { parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { openCpuEngine } from '../support/engine.js';
import { forAll, forAllAsync } from '../support/property.js';

const numbers = async (engine: Engine, ...tensors: Tensor[]): Promise<number[][]> =>
  (await engine.run(tensors)).map(({ data }) => Array.from(data));

describe('with a seed', () => {
  it('numbers are those of seed and element, at each run and on each engine', async () => {
    const [engine, other] = [openCpuEngine(), openCpuEngine()];
    const uniform = random.uniform([2, 3], { seed: 12 });
    const expected = Array.from(
      { length: 6 },
      (_, i) => (threefry(12, 0, i, 0)[0] >>> 8) * 2 ** -24,
    );
    for (const on of [engine, engine, other])
      expect(await numbers(on, uniform)).toEqual([expected]);
    const [longer] = await numbers(engine, random.uniform([100], { seed: 12 }));
    expect(longer!.slice(0, 6)).toEqual(expected);
  });

  it('normal numbers are Box and Muller’s of the two words', async () => {
    const [values] = await numbers(openCpuEngine(), random.normal([50], { seed: 2 ** 32 - 1 }));
    values!.forEach((value, i) => {
      const [first, second] = threefry(2 ** 32 - 1, 0, i, 0).map((word) => (word >>> 8) * 2 ** -24);
      const expected = Math.sqrt(-2 * Math.log(1 - first!)) * Math.cos(2 * Math.PI * second!);
      expect(value).toBeCloseTo(expected, 14);
    });
  });

  it('normal numbers have the moments and the tails of N(0, 1), and parts on ±1 in their places', async () => {
    const [values] = await numbers(openCpuEngine(), random.normal([2 ** 17], { seed: 1 }));
    const share = (isIn: (x: number) => boolean): number =>
      values!.filter(isIn).length / values!.length;
    const moment = (power: number): number =>
      values!.reduce((total, x) => total + x ** power, 0) / values!.length;
    expect(Math.abs(moment(1))).toBeLessThan(4 / 362);
    expect(Math.abs(moment(2) - 1)).toBeLessThan((4 * Math.SQRT2) / 362);
    expect(Math.abs(moment(3))).toBeLessThan((4 * Math.sqrt(15)) / 362);
    expect(Math.abs(moment(4) - 3)).toBeLessThan((4 * Math.sqrt(96)) / 362);
    expect(share((x) => Math.abs(x) < 1)).toBeCloseTo(0.6827, 2);
    expect(share((x) => x > 3)).toBeCloseTo(0.00135, 3);
  });

  it('scales to what is asked', async () => {
    const engine = openCpuEngine();
    const [unit, scaled] = await numbers(
      engine,
      random.uniform([9], { seed: 3 }),
      random.uniform([9], { seed: 3, low: -2, high: 6 }),
    );
    expect(scaled).toEqual(unit!.map((x) => -2 + 8 * x));
    const [normal, moved] = await numbers(
      engine,
      random.normal([9], { seed: 3 }),
      random.normal([9], { seed: 3, mean: 5, deviation: 2 }),
    );
    expect(moved).toEqual(normal!.map((x) => 5 + 2 * x));
  });
});

const DRAWN = fc.array(
  fc.record({
    seed: fc.option(fc.nat(6), { nil: undefined }),
    kind: fc.constantFrom('uniform' as const, 'normal' as const),
    length: fc.integer({ min: 8, max: 20 }),
  }),
  { minLength: 2, maxLength: 8 },
);

describe('fresh numbers', () => {
  it('differ between the draws of a step and between its runs; a draw read twice is one value', async () => {
    const engine = openCpuEngine();
    const [a, b] = [random.normal([3], { fresh: true }), random.normal([3], { fresh: true })];
    const step = engine.compile({ outputs: { a, b, twice: add(a, a) } });
    const [first, second] = [await step(), await step()];
    const all = [first.a, first.b, second.a, second.b].flatMap(({ data }) => Array.from(data));
    expect(new Set(all).size).toBe(12);
    expect(Array.from(first.twice.data)).toEqual(Array.from(first.a.data, (x) => 2 * x));
  });

  it('are the same in a program that is built again, whatever else was built before', async () => {
    const build = (): Tensor[] => {
      const [a, b] = [random.uniform([4], { fresh: true }), random.normal([4], { fresh: true })];
      return [mul(a, b), square(b), random.uniform([4], { fresh: true, seed: 5 })];
    };
    const [engine, other] = [openCpuEngine(), openCpuEngine()];
    const first = engine.compile({ outputs: build() });
    for (let i = 0; i < 10; i++) random.normal([2], { fresh: true });
    const second = other.compile({ outputs: build() });
    for (let i = 0; i < 3; i++) expect(await first()).toEqual(await second());
    // run keeps plans by structure
    expect(await openCpuEngine().run(build())).toEqual(
      await openCpuEngine().compile({ outputs: build() })(),
    );
  });

  it('are alike where seeds are, and nowhere else', async () => {
    await forAllAsync(DRAWN, 40, async (draws) => {
      const nodes = draws.map(({ kind, length, seed }) =>
        random[kind]([length], { fresh: true, ...(seed !== undefined && { seed }) }),
      );
      const values = await numbers(openCpuEngine(), ...nodes);
      for (const [i, a] of draws.entries())
        for (const [j, b] of draws.entries()) {
          if (i >= j || a.kind !== b.kind) continue;
          const same = a.seed !== undefined && a.seed === b.seed;
          const shared = values[i]!.filter((x) => values[j]!.includes(x)).length;
          expect(shared).toBe(same ? Math.min(a.length, b.length) : 0);
        }
    });
  });

  it('are others in each of 1,000 draws', async () => {
    const engine = openCpuEngine();
    const draws = Array.from({ length: 20 }, () => random.uniform([2, 3, 4, 4], { fresh: true }));
    const step = engine.compile({ outputs: draws });
    const windows = new Set<string>();
    for (let run = 0; run < 50; run++)
      for (const { data } of await step())
        for (let i = 0; i + 3 <= 96; i += 3) windows.add(data.slice(i, i + 3).join());
    expect(windows.size).toBe(20 * 50 * 32);
  });

  it('are new in each call of run, and those of compiled steps go on from there', async () => {
    const engine = openCpuEngine();
    const build = (): Tensor => random.normal([3], { fresh: true });
    const step = engine.compile({ outputs: { y: build() } });
    const seen = [
      await engine.run(build()),
      await engine.run(build()),
      (await step()).y,
      await engine.run(build()),
    ];
    expect(new Set(seen.flatMap(({ data }) => Array.from(data))).size).toBe(12);
    const again = openCpuEngine();
    for (const { data } of seen) expect((await again.run(build())).data).toEqual(data);
  });

  it('are functions of the run’s seed, which is 0 until fit says otherwise', async () => {
    const draw = (): Tensor => random.uniform([6], { fresh: true });
    const of = async (seed?: number): Promise<number[]> => {
      const engine = openCpuEngine();
      if (seed !== undefined) await engine.write(runSeed, seed);
      return (await numbers(engine, draw()))[0]!;
    };
    const element = (seed: number, i: number): number =>
      (threefry(seed, 0, i, 1)[0] >>> 8) * 2 ** -24;
    expect(await of()).toEqual(await of(0));
    expect(await of(9)).toEqual([0, 1, 2, 3, 4, 5].map((i) => element(9, i)));
    expect(await of(2 ** 32 - 1)).toEqual([0, 1, 2, 3, 4, 5].map((i) => element(2 ** 32 - 1, i)));
  });

  it('never meet those of a seed', async () => {
    const engine = openCpuEngine();
    const [fixed, fresh] = await numbers(
      engine,
      random.uniform([64], { seed: 0 }),
      random.uniform([64], { seed: 0, fresh: true }),
    );
    expect(fixed!.filter((x) => fresh!.includes(x))).toEqual([]);
  });

  it('are the same in a value and its gradient: the reparametrised normal', async () => {
    const [mean, deviation] = [parameter([1, 2, 3]), parameter([0.5, 0.25, 2])];
    const noise = random.normal([3], { fresh: true });
    const y = sum(add(mean, mul(deviation, noise)));
    const result = await openCpuEngine().run({ noise, slope: grad(y, deviation) });
    expect(result.slope.data).toEqual(result.noise.data);
  });

  it('pass gradCheck, explain and half precision', async () => {
    const [x, w] = [parameter([[0.3, -0.2, 0.9]]), parameter([[1], [2], [3]])];
    const noisy = (): Tensor => mul(x, random.normal([1, 3], { fresh: true }));
    const y = sum(square(matmul(add(noisy(), noisy()), w)));
    expect((await gradCheck(y, [x, w])).ok).toBe(true);
    const engine = openCpuEngine();
    await engine.run(noisy());
    expect((await gradCheck(y, [x, w], { engine })).ok).toBe(true);
    const { nodes } = await explain(engine, y, x);
    const drawn = nodes
      .filter(({ op }) => op === 'random_normal')
      .flatMap(({ value }) => Array.from(value.data));
    expect(new Set(drawn).size).toBe(6);
    const step = engine.compile({ outputs: { y, dw: grad(y, w) }, precision: 'f16' });
    expect((await step()).y).not.toEqual((await step()).y);
  });

  it('are numbered in graphs of any depth', async () => {
    let y = random.uniform([2], { fresh: true });
    for (let i = 0; i < 20_000; i++) y = add(y, 1);
    const [deep] = await numbers(openCpuEngine(), y);
    expect(deep!.every((value) => value > 20_000 && value < 20_001)).toBe(true);
  });

  it('are refused where there is no step: as the first value of a parameter', async () => {
    const weight = parameter(random.normal([3], { fresh: true }));
    const read = openCpuEngine().read(weight);
    await expect(read).rejects.toThrow(NablaError);
    await expect(read).rejects.toThrow(/a fresh draw belongs to a step.*give it a seed/);
  });

  it('give each application of a dropout a mask of its own, but where the layer has a seed', async () => {
    const x = tensor(new Float32Array(64).fill(1), [64]);
    const [first, second, seeded] = [dropout(0.5), dropout(0.5), dropout(0.5, { seed: 3 })];
    const training = { training: true };
    const masks = [first, first, second, seeded, seeded].map((layer) => layer.apply(x, training));
    const [a, again, b, own, same] = await numbers(openCpuEngine(), ...masks);
    expect(new Set([a, again, b, own].map(String)).size).toBe(4);
    expect(own).toEqual(same);
  });
});

it('bounds and deviations of random numbers are finite and in order, or named', () => {
  const wrong = fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e39, '1', null, 1n);
  const places = fc.constantFrom(
    ['uniform', 'low'],
    ['uniform', 'high'],
    ['normal', 'mean'],
    ['normal', 'deviation'],
  );
  forAll(fc.tuple(places, wrong), 100, ([[kind, name], value]) => {
    const draw = random[kind as 'normal'];
    expect(() => draw([2], { seed: 1, [name!]: value } as never)).toThrow(NablaError);
    expect(() => draw([2], { seed: 1, [name!]: value } as never)).toThrow(
      new RegExp(`^random.${kind}: ${name} is .*; give`),
    );
  });
  const pairs = fc.tuple(
    fc.float({ noNaN: true, min: -9, max: 9 }),
    fc.float({ noNaN: true, min: -9, max: 9 }),
  );
  forAll(pairs, 100, ([low, high]) => {
    const draw = () => random.uniform([2], { seed: 1, low, high });
    if (low <= high) expect(draw().shape).toEqual([2]);
    else expect(draw).toThrow(/^random.uniform: low .* is above high .*; exchange them/);
    const normal = () => random.normal([2], { seed: 1, deviation: low });
    if (low >= 0) expect(normal().shape).toEqual([2]);
    else expect(normal).toThrow(/^random.normal: deviation .* is negative; give one ≥ 0/);
  });
  const wide = () => random.uniform([2], { seed: 1, low: -3e38, high: 3e38 });
  expect(wide).toThrow(/^random.uniform: high − low is 6e\+38; give a finite number/);
});
