// Row kernels, which folds of the class `gpu` become, on whatever adapter there is: against float64, every call cross-checked.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { DType } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import { Engine } from '../../src/engine/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, mul, sqrt, square, sub } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { gather } from '../../src/ops/indexing.js';
import { full, parameter, tensor } from '../../src/ops/leaf.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import { logSoftmax, logSumExp, softmax, softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { transpose } from '../../src/ops/view.js';
import { openAdapter } from '../support/adapter.js';
import { openCpuEngine } from '../support/engine.js';
import { distance, forAllAsync } from '../support/property.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = new Engine(await GpuBackend.open(await openAdapter(), { adapterClass: 'gpu' }), {
    crossCheck: 'every',
  });
});
afterAll(() => gpu.dispose());

/** How far values are from float64, by name. */
async function distances(tree: Readonly<Record<string, Tensor>>): Promise<Record<string, number>> {
  const [values, expected] = [await gpu.run(tree), await cpu.run(tree)];
  const entries = Object.keys(tree).map((name) => [
    name,
    distance(values[name]!.data, expected[name]!.data),
  ]);
  return Object.fromEntries(entries);
}

const expectNear = async (tree: Readonly<Record<string, Tensor>>, most = 1e-5): Promise<void> => {
  for (const [name, far] of Object.entries(await distances(tree)))
    expect(far, name).toBeLessThanOrEqual(most);
};

/** Numbers with ties, and with what the seed says of what is special. */
function values(shape: readonly number[], dtype: DType, seed: number, special: number[]): Tensor {
  const size = sizeOf(shape);
  const number = (i: number): number => ((i * 7919 + seed * 104_729) % 1009) - 504;
  const whole = Int32Array.from({ length: size }, (_, i) => number(i) * (seed % 3 ? 1 : 4_000_000));
  if (dtype === 'i32') return tensor(whole, [...shape]);
  if (dtype === 'u32') return tensor(Uint32Array.from(whole), [...shape]);
  const floats = Float32Array.from({ length: size }, (_, i) => Math.round(number(i)) / 128);
  for (const [k, each] of special.entries()) floats[(seed * 31 + k * 17) % size] = each;
  const x = parameter(tensor(floats, [...shape]));
  return dtype === 'f16' ? cast(x, 'f16') : x;
}

const sizes = fc.constantFrom(1, 2, 3, 4, 5, 8, 12, 33, 64, 130, 1100);
const cases = fc
  .record({
    shape: fc
      .array(sizes, { minLength: 1, maxLength: 4 })
      .filter((shape) => sizeOf(shape) <= 20_000),
    chosen: fc.integer({ min: 1, max: 15 }),
    dtype: fc.constantFrom<DType>('f32', 'f32', 'f16', 'i32', 'u32'),
    seed: fc.nat(1000),
    special: fc.constantFrom<number[]>(
      [],
      [],
      [NaN],
      [Infinity],
      [-Infinity, Infinity],
      [NaN, NaN],
    ),
  })
  .map(({ shape, chosen, ...rest }) => {
    const axes = shape.flatMap((_, axis) => (chosen & (1 << axis) ? [axis] : []));
    return { shape, axis: axes.length > 0 ? axes : [0], ...rest };
  });

describe('generated folds', () => {
  it('are those of the reference, of any shape, axes and dtype', { timeout: 120_000 }, async () => {
    await forAllAsync(cases, 6, async ({ shape, axis, dtype, seed, special }) => {
      const isHeld = dtype !== 'f16' || gpu.info.features.includes('shader-f16');
      const x = values(shape, isHeld ? dtype : 'f32', seed, special);
      const isWhole = dtype === 'i32' || dtype === 'u32';
      const along = { axis, keepDims: true };
      const folds = { sum: sum(x, { axis }), max: max(x, { axis }), min: min(x, { axis }) };
      const first = { best: argMax(x, { axis: axis[0]! }) };
      // values before and behind the folds, at the elements of rows and columns
      const around = isWhole
        ? { behind: sub(x, max(mul(x, x), along)) }
        : {
            behind: sub(mul(x, 0.5), max(mul(x, 0.5), along)),
            variance: mean(square(sub(x, mean(x, along))), { axis }),
          };
      await expectNear({ ...folds, ...first, ...around }, dtype === 'f16' ? 2e-3 : 1e-5);
    });
  });

  it('have bits that do not depend on what else a kernel computes', async () => {
    for (const [shape, axis] of [
      [[6, 1100], 1],
      [[700, 30], 0],
    ] as const) {
      const x = values(shape, 'f32', 3, []);
      const alone = { sum: sum(x, { axis }) };
      const others = {
        centred: sub(x, mean(x, { axis, keepDims: true })),
        best: argMax(x, { axis }),
      };
      const [a, b] = [await gpu.run(alone), await gpu.run({ ...alone, ...others })];
      expect([...a.sum.data]).toEqual([...b.sum.data]);
    }
  });
});

describe('rows', () => {
  it('of one column, one row, none, and many columns', async () => {
    const row = values([1, 5000], 'f32', 1, []);
    const column = values([5000, 1], 'f32', 2, []);
    await expectNear({
      row: softmax(row),
      best: argMax(row, { axis: 1 }),
      rows: sum(row, { axis: 0 }),
      column: sum(column, { axis: 1 }),
      columns: max(column, { axis: 0 }),
      empty: sum(full([0, 5], 1), { axis: 0 }),
      nothing: sum(full([5, 0], 1), { axis: 0 }),
    });
  });

  it('of 2²⁰ columns are folded within 2 units of the last place', async () => {
    const x = parameter(full([2 ** 20], 0.1));
    const { total, largest, best } = await gpu.run({
      total: mean(x),
      largest: max(x),
      best: argMax(x, { axis: 0 }),
    });
    expect(Math.abs(total.data[0]! - Math.fround(0.1))).toBeLessThanOrEqual(2 * 2 ** -27);
    expect([largest.data[0], best.data[0]]).toEqual([Math.fround(0.1), 0]);
  });

  it('hold the first of equal largest, the first NaN, and 0 where all are least', async () => {
    const rows = [0, 1, 2, 3].map(() => new Array<number>(700).fill(-Infinity));
    Object.assign(rows[0]!, { 5: 2, 6: 2, 300: 2, 699: 2 });
    Object.assign(rows[1]!, { 4: Infinity, 120: NaN, 121: NaN, 600: Infinity });
    Object.assign(rows[3]!, { 699: -1e30 });
    const x = tensor(rows);
    const { across, down } = await gpu.run({
      across: argMax(x, { axis: 1 }),
      down: argMax(transpose(x), { axis: 0 }),
    });
    expect([...across.data]).toEqual([5, 120, 0, 699]);
    expect([...down.data]).toEqual([5, 120, 0, 699]);
    const least = tensor(new Int32Array(900).fill(-(2 ** 31)), [3, 300]);
    expect([...(await gpu.run({ y: argMax(least, { axis: 1 }) })).y.data]).toEqual([0, 0, 0]);
  });

  it('of models: cross-entropy, layer and batch norm, and their gradients', {
    timeout: 120_000,
  }, async () => {
    const [z, t] = [values([24, 300], 'f32', 5, []), softmax(values([24, 300], 'f32', 6, []))];
    const cost = mean(softmaxCrossEntropy(z, t));
    await expectNear({ cost, logs: logSoftmax(z), slope: grad(cost, z) }, 1e-4);
    await expectNear({ peak: logSumExp(values([3, 500], 'f32', 4, [Infinity]), { axis: 1 }) });
    const along = { axis: -1, keepDims: true };
    const centred = sub(z, mean(z, along));
    const normal = div(centred, sqrt(add(mean(square(centred), along), 1e-5)));
    await expectNear({ normal, slope: grad(sum(mul(normal, t)), z) }, 1e-4);
    const image = values([6, 5, 9, 9], 'f32', 7, []);
    const axes = { axis: [0, 2, 3], keepDims: true };
    const mu = mean(image, axes);
    await expectNear({ mu, variance: mean(square(sub(image, mu)), axes) }, 1e-4);
  });

  it('of a gather’s gradient', async () => {
    const table = values([40, 12], 'f32', 9, []);
    const picked = tensor(Int32Array.from({ length: 300 }, (_, i) => (i * i) % 40));
    const weights = values([300, 12], 'f32', 10, []);
    await expectNear({ slope: grad(sum(mul(gather(table, picked), weights)), table) }, 1e-4);
  });
});
