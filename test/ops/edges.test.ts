// Ties, kinks, empty sizes and special values: what is promised for each.
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { ShapeError } from '../../src/core/errors.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { elu, leakyRelu, relu, sigmoid, softplus, tanh } from '../../src/ops/activation.js';
import { abs, div, exp, log, maximum, minimum, mul, pow, sqrt } from '../../src/ops/arithmetic.js';
import { stopGradient } from '../../src/ops/cast.js';
import { gather } from '../../src/ops/indexing.js';
import { tensor, zeros } from '../../src/ops/leaf.js';
import { dot, matmul } from '../../src/ops/matmul.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import { concat, pad } from '../../src/ops/slice.js';
import { logSoftmax, logSumExp, softmax, softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { transpose } from '../../src/ops/view.js';
import { valuesOf } from '../support/property.js';

const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];
const gradient = (call: (x: Tensor) => Tensor, at: number[]): number[] => {
  const x = tensor(at);
  return value(grad(sum(call(x)), x));
};

describe('kinks and ties', () => {
  it('gives relu and abs the derivative 0 at 0', () => {
    expect(gradient(relu, [-1, 0, 2])).toEqual([0, 0, 1]);
    expect(gradient(abs, [-1, 0, 2])).toEqual([-1, 0, 1]);
  });
  it('gives leakyRelu and elu their left derivative at 0, as PyTorch', () => {
    expect(gradient((x) => leakyRelu(x, { slope: 0.25 }), [-1, 0, 2])).toEqual([0.25, 0.25, 1]);
    expect(gradient((x) => elu(x, { alpha: 2 }), [0, 2])).toEqual([2, 1]);
  });
  it('shares the gradient of max and min among ties', () => {
    expect(gradient((x) => max(x), [1, 3, 3, 2])).toEqual([0, 0.5, 0.5, 0]);
    expect(gradient((x) => min(x), [1, 1, 1, 2])).toEqual([1, 1, 1, 0].map((share) => share / 3));
    const x = tensor([
      [1, 1, 0],
      [2, 5, 5],
    ]);
    expect(value(grad(max(sum(x, { axis: 0 })), x))).toEqual([0, 1, 0, 0, 1, 0]);
    expect(value(grad(sum(max(x, { axis: -1, keepDims: true })), x))).toEqual([
      0.5, 0.5, 0, 0, 0.5, 0.5,
    ]);
  });
  it('shares the gradient of maximum and minimum at a tie', () => {
    const [a, b] = [tensor([1, 2, 3]), tensor([2, 2, 2])];
    expect(grad(sum(maximum(a, b)), [a, b]).map(value)).toEqual([
      [0, 0.5, 1],
      [1, 0.5, 0],
    ]);
    expect(grad(sum(minimum(a, b)), [a, b]).map(value)).toEqual([
      [1, 0.5, 0],
      [0, 0.5, 1],
    ]);
    expect(gradient((x) => maximum(x, x), [4])).toEqual([1]);
  });
  it('takes the first of equal elements in argMax', () => {
    expect(
      value(
        argMax(
          tensor([
            [1, 7, 7],
            [3, 3, 2],
          ]),
          { axis: -1 },
        ),
      ),
    ).toEqual([1, 0]);
    expect(
      value(
        argMax(
          tensor([
            [1, 7, 7],
            [3, 3, 2],
          ]),
          { axis: 0, keepDims: true },
        ),
      ),
    ).toEqual([1, 0, 0]);
    expect(
      value(argMax(tensor([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]), { axis: 0 })),
    ).toEqual([0]);
    expect(value(argMax(tensor([1, Number.NaN, 3, Number.NaN]), { axis: 0 }))).toEqual([1]);
  });
  it('sends each gathered cotangent to its row, duplicates added in order', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const picked = gather(x, tensor([2, 0, 2], [3], { dtype: 'i32' }));
    expect(value(picked)).toEqual([5, 6, 1, 2, 5, 6]);
    expect(
      value(
        grad(picked, x, {
          cotangent: tensor([
            [1, 2],
            [3, 4],
            [5, 6],
          ]),
        }),
      ),
    ).toEqual([3, 4, 0, 0, 6, 8]);
    const columns = gather(x, tensor([[1, 1]], [1, 2], { dtype: 'i32' }), { axis: -1 });
    expect([columns.shape, value(columns)]).toEqual([
      [3, 1, 2],
      [2, 2, 4, 4, 6, 6],
    ]);
    expect(value(grad(sum(columns), x))).toEqual([0, 2, 0, 2, 0, 2]);
  });
  it('gives u32 for rows of u8', () => {
    const bytes = gather(
      tensor(new Uint8Array([9, 8, 7, 255]), [2, 2]),
      tensor(new Int32Array([1])),
    );
    expect([bytes.dtype, value(bytes)]).toEqual(['u32', [7, 255]]);
  });
  it('stops gradients and still passes values', () => {
    const x = tensor(3);
    expect([value(mul(stopGradient(x), x)), value(grad(mul(stopGradient(x), x), x))]).toEqual([
      [9],
      [3],
    ]);
  });
});

describe('powers', () => {
  const powers = (a: number[], b: number): number[] => value(pow(tensor(a), b));
  it('works for negative bases with whole exponents', () => {
    expect(powers([-2, -1, 0, 3], 3)).toEqual([-8, -1, 0, 27]);
    expect(powers([-2, 4], -1)).toEqual([-0.5, 0.25]);
    expect(powers([-8], 1 / 3)).toEqual([Number.NaN]);
  });
  it.each([
    [0, [0, 0, 0, 0]],
    [1, [1, 0, 0, 0]],
    [2, [0, 2, 0, 0]],
    [3, [0, 0, 6, 0]],
  ])('has all derivatives of x^%i at 0', (exponent, expected) => {
    const x = tensor(0);
    let y: Tensor = pow(x, exponent);
    const derivatives = expected.map(() => {
      y = grad(y, x);
      return y;
    });
    expect(derivatives.flatMap(value)).toEqual(expected);
  });
  it('has the mixed derivative at exponent 0: ∂²aᵇ/∂a∂b = 1/a', () => {
    const [a, b] = [tensor(4), tensor(0)];
    expect(value(grad(grad(pow(a, b), a), b))).toEqual([0.25]);
    expect(value(grad(grad(pow(a, b), b), a))[0]).toBeCloseTo(0.25, 15);
  });
  it('has no slope in the exponent where the base is 0', () => {
    const b = tensor([0, 1, 2.5]);
    expect(value(grad(sum(pow(tensor([0, 0, 0]), b)), b))).toEqual([0, 0, 0]);
  });
  it('falls without end in the exponent at a pole, as PyTorch', () => {
    const [a, b] = [tensor([0, 0]), tensor([-1, -2.5])];
    expect(value(grad(sum(pow(a, b)), b))).toEqual([-Infinity, -Infinity]);
    expect(value(grad(sum(pow(a, b)), a))).toEqual([-Infinity, -Infinity]);
  });
});

describe('far from 0', () => {
  it('neither overflows nor cancels', () => {
    const far = [-1000, -100, 100, 1000];
    expect(gradient(sigmoid, far).every(Number.isFinite)).toBe(true);
    expect(value(tanh(tensor(far)))).toEqual([-1, -1, 1, 1]);
    expect(gradient(softplus, far)).toEqual([0, expect.closeTo(0, 40), 1, 1]);
    expect(value(softmax(tensor([1000, 999, 998])))[0]).toBeCloseTo(0.665241, 6);
    expect(value(logSumExp(tensor([1000, 1000])))[0]).toBeCloseTo(1000 + Math.log(2), 9);
    expect(value(logSoftmax(tensor([0, -2000])))).toEqual([0, -2000]);
    const masked = tensor([Number.NEGATIVE_INFINITY, 0, 1]);
    expect(value(logSumExp(masked))[0]).toBeCloseTo(Math.log(1 + Math.E), 12);
    expect(value(softmax(masked))[0]).toBe(0);
    expect(gradient(logSumExp, [Number.NEGATIVE_INFINITY, 0])).toEqual([0, 1]);
    const logits = tensor([[2000, 0]]);
    expect(value(grad(sum(softmaxCrossEntropy(logits, tensor([[0, 1]]))), logits))).toEqual([
      1, -1,
    ]);
  });
  it('gives what IEEE gives at poles', () => {
    expect(value(log(tensor([0, -1])))).toEqual([Number.NEGATIVE_INFINITY, Number.NaN]);
    expect(value(div(tensor([1, -1, 0]), 0))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
    expect(value(sqrt(tensor(-1)))).toEqual([Number.NaN]);
    expect(value(maximum(tensor([Number.NaN, 1]), tensor([1, Number.NaN])))).toEqual([
      Number.NaN,
      Number.NaN,
    ]);
    expect(value(relu(tensor([Number.NaN])))).toEqual([Number.NaN]);
  });
});

describe('nothing', () => {
  const none = zeros([2, 0]);
  it('sums and multiplies to 0', () => {
    expect(value(sum(none))).toEqual([0]);
    expect(value(sum(none, { axis: 1 }))).toEqual([0, 0]);
    expect(value(matmul(none, zeros([0, 3])))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(value(matmul(zeros([4, 2, 0]), zeros([0, 1])))).toEqual(new Array(8).fill(0));
    expect(value(dot(zeros([0]), zeros([0])))).toEqual([0]);
    expect(value(grad(sum(matmul(none, zeros([0, 3]))), none))).toEqual([]);
  });
  it.each([
    ['mean', mean],
    ['max', max],
    ['min', min],
    ['logSumExp', logSumExp],
    ['argMax', (x: Tensor) => argMax(x, { axis: -1 })],
  ] as const)('has no %s', (name, call) => {
    expect(() => call(none)).toThrow(ShapeError);
    expect(() => call(none)).toThrow(new RegExp(`^${name}: .*empty`));
  });
  it('passes through ops of elements', () => {
    expect(
      valuesOf([exp(none), concat([none, none], { axis: 1 }), transpose(none), softmax(none)]).map(
        (x) => x.shape,
      ),
    ).toEqual([
      [2, 0],
      [2, 0],
      [0, 2],
      [2, 0],
    ]);
    expect(
      value(
        pad(
          none,
          [
            [0, 0],
            [1, 1],
          ],
          3,
        ),
      ),
    ).toEqual([3, 3, 3, 3]);
  });
});
