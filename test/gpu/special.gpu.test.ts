// NaN, infinities and zeros: the same on every adapter, as the float64 reference has them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine } from '../../src/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu, sigmoid, softplus, tanh } from '../../src/ops/activation.js';
import { div, exp, log, maximum, minimum, pow, sqrt } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { equal, greaterEqual, notEqual } from '../../src/ops/compare.js';
import { maxPool2d } from '../../src/ops/convolution.js';
import { tensor } from '../../src/ops/leaf.js';
import { argMax, max, min, sum } from '../../src/ops/reduce.js';
import { logSumExp, softmax } from '../../src/ops/softmax.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
const odd = tensor([inf, -inf, nan, 0, -0, 1, -1, 3e38, -3e38, 1e-30]);
const long = tensor(Array.from({ length: 1000 }, (_, i) => (i === 700 ? nan : Math.sin(i))));
const exponent = tensor(-1);
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
  ['a pool of −∞ in padding', maxPool2d(tensor([[[[-inf, -inf, 1]]]]), { size: [1, 2], stride: 1, padding: [0, 1] })],
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
];

/** What kind of number it is in f32; what is too small for full precision may be taken for 0. */
const kind = (x: number): string => {
  const single = Math.fround(x);
  if (!Number.isFinite(single)) return String(single);
  return Math.abs(single) < 2 ** -126 ? '0' : String(Math.sign(single));
};

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
