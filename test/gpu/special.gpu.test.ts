// NaN, infinities and zeros: the same on every adapter, as the float64 reference has them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { binaryCrossEntropy, crossEntropy } from '../../src/loss.js';
import { relu, sigmoid, silu, softplus, tanh } from '../../src/ops/activation.js';
import { div, exp, log, maximum, minimum, mul, pow, sqrt } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { equal, greaterEqual, notEqual } from '../../src/ops/compare.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { argMax, max, min, sum } from '../../src/ops/reduce.js';
import { logSoftmax, logSumExp, softmax } from '../../src/ops/softmax.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { inf, kind } from '../support/special.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const nan = Number.NaN;

const odd = tensor([inf, -inf, nan, 0, -0, 1, -1, 3e38, -3e38, 1e-30]);
const long = tensor(Array.from({ length: 1000 }, (_, i) => (i === 700 ? nan : Math.sin(i))));
const exponent = tensor(-1);
const rows = tensor([
  [0, 1, -inf],
  [-inf, -inf, -inf],
  [inf, 0, 1],
  [nan, 0, 1],
  [-inf, nan, inf],
]);
const far = tensor([-87, -88.7, -89, -91]);
const cases: [string, Tensor][] = [
  ['max', max(tensor([1, nan, 3]))],
  ['min', min(tensor([1, nan, 3]))],
  ['argMax', argMax(tensor([1, nan, 3, nan]), { axis: 0 })],
  ['max of many', max(long)],
  ['sum of many', sum(long)],
  ['max of infinities', max(tensor([-inf, -inf]))],
  ['a masked softmax', softmax(tensor([1, 2, -inf]))],
  ['logSumExp', logSumExp(tensor([-inf, 3]))],
  ['logSumExp of nothing', logSumExp(tensor([-inf, -inf]))],
  ['logSumExp of too much', logSumExp(tensor([inf, 0]))],
  [
    'a pool of −∞ in padding',
    maxPool2d(tensor([[[[-inf, -inf, 1]]]]), { size: [1, 2], stride: 1, padding: [0, 1] }),
  ],
  ['the slope of 0⁻¹ in its exponent', grad(sum(pow(tensor(0), exponent)), exponent)],
  ['x / 0', div(odd, 0)],
  ['1 / x', div(1, odd)],
  ['x⁻¹', pow(odd, -1)],
  ['x⁻²', pow(odd, -2)],
  ['√x', sqrt(odd)],
  ['ln x', log(odd)],
  ['eˣ', exp(odd)],
  ['larger', maximum(odd, 1)],
  ['smaller', minimum(odd, 1)],
  ['σ', sigmoid(odd)],
  ['tanh', tanh(odd)],
  ['ReLU', relu(odd)],
  ['softplus', softplus(odd)],
  ['x = x', equal(odd, odd)],
  ['x ≠ x', notEqual(odd, odd)],
  ['x ≥ x', greaterEqual(odd, odd)],
  ['softmax of rows with −∞, ∞ and NaN', softmax(rows)],
  ['logSoftmax of them', logSoftmax(rows)],
  ['logSumExp of them', logSumExp(rows, { axis: 1 })],
  [
    'the gradient of cross-entropy of them',
    grad(crossEntropy(rows, tensor(Int32Array.of(0, 1, 0, 1, 2))), rows),
  ],
  ['silu far below 0', silu(tensor([-87, -88.7, -89, -91]))],
  ['its slope', grad(sum(silu(far)), far)],
];

it('casts between numbers', async () => {
  const whole = tensor([-1, 5, -(2 ** 31)], [3], { dtype: 'i32' });
  const tree = [
    cast(whole, 'u32'),
    cast(cast(whole, 'u32'), 'i32'),
    cast(odd, 'i32'),
    cast(odd, 'u32'),
    cast(odd, 'bool'),
  ];
  const [a, b] = await Promise.all([gpu.run(tree), cpu.run(tree)]);
  expect(a.map(({ data }) => [...data])).toEqual(b.map(({ data }) => [...data]));
});

it.for(cases)('%s', async ([, y]) => {
  const [a, b] = await Promise.all([gpu.run(y), cpu.run(y)]);
  expect([...a.data].map(kind)).toEqual([...b.data].map(kind));
});

it('costs nothing to be infinitely sure of what is right, and ∞ of what is wrong', async () => {
  const logits = [inf, -inf, inf, -inf, 88, -88];
  const labels = [0, 0, 1, 1, 1, 0];
  const costs = logits.map((z, i) => {
    const logit = tensor([[z]]);
    const cost = binaryCrossEntropy(logit, tensor([[labels[i]!]]));
    return { cost, slope: grad(cost, logit) };
  });
  for (const engine of [gpu, cpu]) {
    const values = await engine.run(costs);
    expect(values.map(({ cost }) => kind(cost.data[0]!))).toEqual([
      String(inf),
      '0',
      '0',
      String(inf),
      '0',
      '0',
    ]);
    expect(values.map(({ slope }) => Math.abs(slope.data[0]!) > 0.5)).toEqual([
      true,
      false,
      false,
      true,
      false,
      false,
    ]);
  }
});

it("follows C99's table of pow", async () => {
  const entries: readonly (readonly [number, number, number])[] = [
    ...[0.5, 0.1, 0.01, 3, 2.5, inf].map((b) => [0, b, 0] as const),
    ...[-0.5, -2, -inf].map((b) => [0, b, inf] as const),
    [-0, -3, -inf],
    [-0, 3, -0],
    [-0, -2, inf],
    ...[nan, inf, -inf, 0.5, 1e30].map((b) => [1, b, 1] as const),
    ...[inf, -inf].map((b) => [-1, b, 1] as const),
    ...[0, -0].flatMap((b) => [nan, inf, -inf, 0, -7].map((a) => [a, b, 1] as const)),
    [0.5, inf, 0],
    [-0.5, -inf, inf],
    [2, inf, inf],
    [-2, -inf, 0],
    [-inf, 0.5, inf],
    [-inf, 3, -inf],
    [-inf, 2, inf],
    [-inf, -3, -0],
    [-inf, -0.5, 0],
    [inf, 0.1, inf],
    [inf, -0.1, 0],
    [-8, 1 / 3, nan],
    [-2, 3, -8],
    [nan, 1, nan],
    [2, nan, nan],
  ];
  const y = pow(tensor(entries.map(([a]) => a)), tensor(entries.map(([, b]) => b)));
  for (const engine of [gpu, cpu])
    expect(Array.from((await engine.run(y)).data, (x) => x + 0)).toEqual(
      entries.map(([, , result]) => result + 0),
    );
});

it("leaves a pool's padding without a gradient, also where all of a window is −∞", async () => {
  const property = async (
    size: number,
    padding: number,
    stride: number,
    extent: number,
  ): Promise<void> => {
    const x = input([1, 1, extent, extent], { name: 'x' });
    const y = maxPool2d(x, { size, padding, stride });
    const weights = tensor(
      Float32Array.from({ length: sizeOf(y.shape) }, (_, i) => i + 1),
      y.shape,
    );
    const slope = grad(sum(mul(y, weights)), x);
    for (const share of [1, 0.7, 0]) {
      const data = Float32Array.from({ length: extent ** 2 }, (_, i) =>
        ((i * 7) % 10) / 10 < share ? -inf : i % 5,
      );
      const [a, b] = await Promise.all([gpu.run(slope, { x: data }), cpu.run(slope, { x: data })]);
      const total = (values: ArrayLike<number>): number =>
        Array.from(values).reduce((some, each) => some + each, 0);
      // nothing is lost: each window's weight arrives somewhere
      const all = (sizeOf(y.shape) * (sizeOf(y.shape) + 1)) / 2;
      expect([total(a.data), total(b.data)]).toEqual([all, all]);
      expect([...a.data]).toEqual([...b.data]);
    }
  };
  for (const [size, padding, stride] of [
    [2, 1, 2],
    [2, 1, 1],
    [3, 1, 1],
    [3, 1, 2],
    [5, 2, 3],
  ] as const)
    await property(size, padding, stride, 5);
});
