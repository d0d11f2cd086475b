// Long folds on the GPU: what is compared is exact, sums and means are as near as one rounding or two, sorted sums keep their bits.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { ulp } from '../../src/core/bounds.js';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { batchNorm1d } from '../../src/nn/batchNorm.js';
import { layerNorm } from '../../src/nn/layers.js';
import { mul } from '../../src/ops/arithmetic.js';
import { gather } from '../../src/ops/indexing.js';
import { parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import { reshape, transpose } from '../../src/ops/view.js';
import { choices } from '../../src/planning/limits.js';
import { forcedClass, openCpuEngine, openGpuEngine } from '../support/engine.js';
import { seed } from '../support/property.js';
import { uniforms } from '../support/samples.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const random = uniforms(seed);
/** Numbers with many ties. */
const steps = (shape: Shape, levels = 500): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, () => Math.floor(random() * levels) - levels / 2);
const of = (shape: Shape, data: Float32Array): Tensor => tensor(data, shape);

describe(`long folds (seed ${seed})`, () => {
  const shapes: readonly (readonly [Shape, readonly number[]])[] = [
    [[5003], [0]],
    [
      [2, 9, 700],
      [0, 2],
    ],
    [[600, 2, 5], [0]],
  ];

  it('give the largest, the smallest, its first place, and exact sums of whole numbers, over any axes', async () => {
    const tree = shapes.flatMap(([shape, axis], i) => {
      const x = i === 1 ? tensor(Int32Array.from(steps(shape)), shape) : of(shape, steps(shape));
      const [first = 0] = axis.slice(-1);
      return [max(x, { axis }), min(x, { axis }), sum(x, { axis }), argMax(x, { axis: first })];
    });
    const [values, expected] = [await gpu.run(tree), await cpu.run(tree)];
    values.forEach(({ data }, i) => {
      expect([...data]).toEqual([...expected[i]!.data]);
    });
    const { checks } = await gpu.verify(tree);
    expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
  });

  it('find NaN and infinities wherever they are', async () => {
    const [none, most] = [Number.NaN, Infinity];
    const special = [[none], [most, none, none], [-most], [most, most], [most, -most], []];
    const rows = special.map((values, k) => {
      const data = steps([3001]).fill(-most, k < 5 ? 3001 : 0);
      for (const value of values) data[Math.floor(random() * 3000)] = value;
      return [...data];
    });
    const x = of([6, 3001], Float32Array.from(rows.flat()));
    const tree = [max, min, sum, argMax].map((call) => call(x, { axis: 1 }));
    const [values, expected] = [await gpu.run(tree), await cpu.run(tree)];
    values.forEach(({ data }, i) => {
      expect([...data]).toEqual([...expected[i]!.data]);
    });
  });
});

/** Mean and variance in float64, of two passes. */
function momentsOf(x: Float32Array): { mean: number; variance: number } {
  let near = 0;
  for (const value of x) near += value / x.length;
  let away = 0;
  for (const value of x) away += (value - near) / x.length;
  const mean = near + away;
  let variance = 0;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  return { mean, variance };
}

describe(`sums of many numbers (seed ${seed})`, () => {
  /** What rows of so many numbers are. */
  const kinds = [
    'copies',
    'of any',
    'a few ulp apart',
    'two numbers',
    'far from 0',
    'of either sign',
  ];
  const matrices = [1000, 777, 4099].map((length) => {
    const offset = 10 ** (1 + 4 * random());
    const made = (call: (i: number) => number) => Float32Array.from({ length }, (_, i) => call(i));
    const rows = [
      made(() => 12345.678),
      made(() => offset),
      made(() => offset * (1 + 2 ** -21 * random())),
      made((i) => offset + (i % 2 ? 1 : -1) * 2 ** -9 * offset),
      made(() => 1e4 + random()),
      made(() => random() - 0.5),
    ];
    return {
      rows,
      x: of([rows.length, length], Float32Array.from(rows.flatMap((row) => [...row]))),
    };
  });

  it('have means within 2 ulp of the largest, and sums and sums of squares within 4 ulp of their sizes', async () => {
    const along = { axis: 1 };
    const values = await gpu.run(
      matrices.map(({ x }) => ({
        mean: mean(x, along),
        sum: sum(x, along),
        squares: sum(mul(x, x), along),
      })),
    );
    for (const [i, { rows }] of matrices.entries())
      for (const [row, data] of rows.entries()) {
        const name = `${data.length} ${kinds[row]}`;
        const { mean, variance } = momentsOf(data);
        const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const squares = data.length * (variance + mean ** 2);
        const size = data.reduce((total, x) => total + Math.abs(x), 0);
        const off = (key: 'mean' | 'sum' | 'squares', exact: number) =>
          Math.abs(values[i]![key].data[row]! - exact);
        expect(off('mean', mean), name).toBeLessThanOrEqual(2 * ulp(largest));
        expect(off('sum', mean * data.length), name).toBeLessThanOrEqual(4 * ulp(size));
        expect(off('squares', squares), name).toBeLessThanOrEqual(4 * ulp(squares));
      }
  });

  it('normalise rows and channels as exact numbers do', async () => {
    const values = await gpu.run(
      matrices.map(({ x }) => ({
        rows: layerNorm(x.shape[1]!).apply(x),
        channels: transpose(batchNorm1d(x.shape[0]!).apply(transpose(x), { training: true })),
      })),
    );
    for (const [i, { rows }] of matrices.entries())
      for (const [row, data] of rows.entries()) {
        const { mean, variance } = momentsOf(data);
        const scale = 1 / Math.sqrt(variance + 1e-5);
        for (const [way, found] of Object.entries(values[i]!)) {
          const own = found.data.subarray(row * data.length);
          const exact = Float64Array.from(data, (x) => (x - mean) * scale);
          const worst = exact.reduce((most, y, at) => Math.max(most, Math.abs(own[at]! - y)), 0);
          expect(worst, `${way} of ${data.length} ${kinds[row]}`).toBeLessThanOrEqual(2e-6);
        }
      }
  });

  it('of 3 million times 0.1 have the mean 0.1', async () => {
    const data = new Float32Array(3_000_000).fill(0.1);
    const { data: found } = await gpu.run(mean(of([data.length], data)));
    expect(Math.abs(found[0]! - data[0]!)).toBeLessThanOrEqual(2 * ulp(0.1));
  });
});

describe(`gradients of gather (seed ${seed})`, () => {
  const cases: readonly (readonly [
    rows: number,
    positions: number,
    inner: number,
    skew: number,
  ])[] = [
    [8192, 4096, 8, 1],
    [5000, 999, 3, 1],
    [2048, 2500, 4, 6],
  ];
  it.each(cases)(
    'of %i rows by %i positions add in the order of the positions',
    async (rows, positions, inner, skew) => {
      const indices = Int32Array.from({ length: positions }, () =>
        Math.floor(rows * random() ** skew),
      );
      const values = Float32Array.from({ length: positions * inner }, () => random() - 0.3);
      const table = parameter({
        shape: [rows, inner],
        dtype: 'f32',
        data: new Float32Array(rows * inner),
      });
      const picked = gather(table, tensor(indices));
      const gradient = grad(picked, table, { cotangent: of([positions, inner], values) });
      const { data } = await gpu.run(gradient);
      const expected = new Float32Array(rows * inner);
      indices.forEach((row, position) => {
        for (let i = 0; i < inner; i++) expected[row * inner + i]! += values[position * inner + i]!;
      });
      const isInOrder = (await forcedClass()) !== 'gpu' || positions >= choices.gpu.sorting.fewest;
      if (isInOrder) expect([...data]).toEqual([...expected]);
      const { checks } = await gpu.verify(gradient);
      expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    },
  );
});

it('products of a large matrix and a vector are within their bounds', async () => {
  const matrix = of([700, 600], steps([700, 600]));
  const vectors = [700, 600].map((n) => of([n], steps([n])));
  const [long, short] = vectors as [Tensor, Tensor];
  const tree = [
    matmul(matrix, short),
    matmul(long, matrix),
    matmul(reshape(short, [1, 600]), matrix, { transposeB: true }),
    matmul(matrix, reshape(long, [700, 1]), { transposeA: true }),
  ];
  const [values, expected] = [await gpu.run(tree), await cpu.run(tree)];
  values.forEach(({ data, shape }, i) => {
    expect(shape).toEqual(expected[i]!.shape);
    expect([...data]).toEqual([...expected[i]!.data].map(Math.fround));
  });
});
