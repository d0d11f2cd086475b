// Random numbers on the GPU: the published words, uniform numbers equal to the CPU's, normal ones to 10⁻⁶.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import source from '../../shaders/random.wgsl?raw';
import { ulp } from '../../src/core/bounds.js';
import { threefry } from '../../src/core/randomBits.js';
import type { Engine } from '../../src/engine/engine.js';
import { defineIndex } from '../../src/graph/define.js';
import type { One, Two } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { dropout } from '../../src/nn/index.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { runSeed } from '../../src/ops/draws.js';
import { parameter, tensor } from '../../src/ops/leaf.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let gpu: Engine;
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

/** A word of the block of an element: inputs key and counter, [n, 2] each. */
const word = defineIndex<{ shape: readonly number[]; which: 'x' | 'y' }, Two>({
  name: 'threefryWord',
  cost: 'dear',
  source,
  dtype: () => 'u32',
  reference: ([key, counter], { which }, { shape: [n] }) =>
    Uint32Array.from({ length: n! }, (_, i) => {
      const at = (data: ArrayLike<number>): [number, number] => [data[2 * i]!, data[2 * i + 1]!];
      return threefry(...at(key!.data), ...at(counter!.data))[which === 'x' ? 0 : 1];
    }),
  write: ({ coordinates: [i], read, options }) => {
    const pair = (input: number): string =>
      `vec2u(${read(input, [i!, '0u'])}, ${read(input, [i!, '1u'])})`;
    return `threefry(${pair(0)}, ${pair(1)}).${options.which}`;
  },
});

/** One of the functions of one number in shaders/random.wgsl. */
const called = defineIndex<{ shape: readonly number[]; name: string }, One>({
  name: 'called',
  cost: 'dear',
  source,
  dtype: () => 'f32',
  reference: ([x]) => new Float64Array(x!.data.length),
  write: ({ options: { name }, flat, read }) => `${name}(${read(0, flat)})`,
});
const call = async (name: string, x: Tensor): Promise<ArrayLike<number>> =>
  (await gpu.run(called([x], { shape: x.shape, name }))).data;

describe('Threefry on the GPU', () => {
  const keys = [0, 0, 0xffffffff, 0xffffffff, 0x13198a2e, 0x03707344];
  const counters = [0, 0, 0xffffffff, 0xffffffff, 0x243f6a88, 0x85a308d3];
  for (let i = 0; i < 4096; i++) {
    keys.push(...threefry(1, 0, i, 0));
    counters.push(...threefry(2, 0, i, 0));
  }
  const [key, counter] = [keys, counters].map((list) =>
    tensor(Uint32Array.from(list), [list.length / 2, 2]),
  );
  const drawn = (which: 'x' | 'y'): Tensor =>
    word([key!, counter!], { shape: [key!.shape[0]!], which });

  it('gives the published words, and those of the CPU for generated keys and counters', async () => {
    const values = await gpu.run([drawn('x'), drawn('y')]);
    const [x, y] = values.map(({ data }) => data);
    const first = [0, 1, 2].map((i) => [x![i]!.toString(16), y![i]!.toString(16)]);
    expect(first).toEqual([
      ['6b200159', '99ba4efe'],
      ['1cb996fc', 'bb002be7'],
      ['c4923a9c', '483df7a0'],
    ]);
    expect(values).toEqual(await openCpuEngine().run([drawn('x'), drawn('y')]));
  });
});

/** Whole numbers below 2²⁴: a grid, its neighbours, and ends. */
const grid = new Set([0, 1, 2, 3, 2 ** 24 - 1, 2 ** 24 - 2]);
for (let i = 0; i < 2 ** 24; i += 2 ** 11)
  for (const near of [i - 1, i, i + 1]) if (near > 0) grid.add(near);
for (let i = 1; i < 2 ** 15; i++) grid.add((i * 2654435761) % 2 ** 24);
const whole = [...grid].filter((i) => i < 2 ** 24);

/** The largest error in units in the last place. */
function worst(values: ArrayLike<number>, expected: readonly number[]): number {
  return expected.reduce((most, value, i) => {
    const error = Math.abs(values[i]! - value) / ulp(value);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(most, error);
  }, 0);
}

describe('the functions of shaders/random.wgsl', () => {
  it('cos 2πv is good to 2 ulp', async () => {
    const values = await call('cosine_of_turn', tensor(Uint32Array.from(whole)));
    const expected = whole.map((i) =>
      Math.sin(2 * Math.PI * (Math.abs(i * 2 ** -24 - 0.5) - 0.25)),
    );
    expect(worst(values, expected)).toBeLessThan(2);
    const quarters = await call(
      'cosine_of_turn',
      tensor(Uint32Array.of(0, 2 ** 22, 2 ** 23, 3 * 2 ** 22)),
    );
    expect(Array.from(quarters, (x) => x + 0)).toEqual([1, 0, -1, 0]);
  });

  it('−ln u is good to 2 ulp, also near u = 1', async () => {
    const u = whole.map((i) => 1 - i * 2 ** -24);
    const values = await call('minus_log', tensor(Float32Array.from(u)));
    const expected = u.map((x) => 0 - Math.log(x));
    expect(worst(values, expected)).toBeLessThan(2);
    expect(values[whole.indexOf(0)]).toBe(0);
  });

  it('√a is good to 2 ulp', async () => {
    const a = whole.map((i) => Math.fround(i * 2 ** -19));
    const values = await call('near_root', tensor(Float32Array.from(a)));
    expect(worst(values, a.map(Math.sqrt))).toBeLessThan(2);
  });
});

const SIZE = 2 ** 18;
const flat = (data: ArrayLike<number>): Float64Array => Float64Array.from(data);

describe('random tensors on the GPU', () => {
  it.each([0, 1, 580, 2 ** 32 - 1])(
    'of seed %i are the CPU’s: uniform bit for bit, normal to 10⁻⁶',
    async (seed) => {
      const tree = {
        uniform: random.uniform([SIZE], { seed }),
        normal: random.normal([SIZE + 1], { seed }),
      };
      const [here, there] = [await gpu.run(tree), await openCpuEngine().run(tree)];
      expect(flat(here.uniform.data)).toEqual(flat(there.uniform.data));
      const errors = flat(there.normal.data).map((value, i) =>
        Math.abs(value - here.normal.data[i]!),
      );
      expect(errors.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-6);
    },
  );

  it('are the CPU’s where they are fresh: in each draw, at each run, of each seed of a run', async () => {
    const cpu = openCpuEngine();
    const own = await openGpuEngine();
    const build = () => ({
      plain: random.uniform([64, 3], { fresh: true }),
      other: random.uniform([50], { fresh: true }),
      seeded: random.uniform([7], { fresh: true, seed: 1 }),
      normal: sum(mul(tensor(new Float32Array(64).fill(1)), random.normal([64], { fresh: true }))),
    });
    const [here, there] = [own, cpu].map((engine) => engine.compile({ outputs: build() }));
    for (const seed of [0, 77])
      for (let run = 0; run < 3; run++) {
        for (const engine of [own, cpu]) await engine.write(runSeed, seed);
        const [a, b] = [await here!(), await there!()];
        for (const name of ['plain', 'other', 'seeded'] as const)
          expect(flat(a[name].data)).toEqual(flat(b[name].data));
        expect(Math.abs(a.normal.data[0]! - b.normal.data[0]!)).toBeLessThan(64e-6);
        const [ran, reference] = [await own.run(build()), await cpu.run(build())];
        expect(flat(ran.other.data)).toEqual(flat(reference.other.data));
        expect(flat(ran.other.data)).not.toEqual(flat(a.other.data));
      }
    own.dispose();
  });

  it('pass the cross-check of every kernel', async () => {
    const x = parameter(random.normal([32, 8], { seed: 4, deviation: 3 }));
    const noisy = dropout(0.3).apply(add(x, random.normal([32, 8], { fresh: true })), {
      training: true,
    });
    const report = await gpu.verify({
      noisy,
      total: sum(noisy),
      normal: random.normal([SIZE], { fresh: true }),
    });
    expect(report.ok).toBe(true);
    expect(report.checks.find(({ op }) => op === 'random_normal')!.checked).toBe(SIZE);
  });
});
