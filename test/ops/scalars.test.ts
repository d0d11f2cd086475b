// Axis 0 or −1 of a scalar, as PyTorch takes it: t.sum(0), softmax(t, -1), t.argmax(0), of 0-dimensional tensors.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { DTypeError, ShapeError } from '../../src/core/errors.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { tensor } from '../../src/ops/leaf.js';
import { argMax, max, mean, min, type ReduceOptions, sum } from '../../src/ops/reduce.js';
import { logSoftmax, logSumExp, softmax } from '../../src/ops/softmax.js';
import { forAllAsync, valuesOf } from '../support/property.js';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
type Options = Readonly<{ axis: number; keepDims?: boolean }>;
type Call = (x: Tensor, options: Options) => Tensor;
const alone =
  (call: (x: Tensor, options: { axis: number }) => Tensor): Call =>
  (x, { axis }) =>
    call(x, { axis });
const reductions = { sum, mean, max, min, logSumExp };
/** What PyTorch gives for a scalar, and its derivative. */
const calls: Record<string, { call: Call; value: (x: number) => number; slope?: number }> = {
  ...Object.fromEntries(
    Object.entries(reductions).map(([name, call]) => [
      name,
      { call, value: (x: number) => x, slope: 1 },
    ]),
  ),
  softmax: { call: alone(softmax), value: (x) => (Number.isFinite(x) ? 1 : nan), slope: 0 },
  logSoftmax: { call: alone(logSoftmax), value: (x) => (Number.isFinite(x) ? 0 : nan), slope: 0 },
  argMax: { call: argMax, value: () => 0 },
};
const value = (x: Tensor): number => valuesOf([x])[0]!.data[0]!;
const numbers = fc.double({ min: -50, max: 50, noNaN: true }).map((x) => Math.fround(x) + 0); // without −0

describe.each(Object.entries(calls))('%s of a scalar', (_, { call, value: expected, slope }) => {
  it('takes axis 0 and −1, with and without keepDims, and gives a scalar', () =>
    forAllAsync(
      fc.tuple(numbers, fc.constantFrom(0, -1), fc.boolean()),
      40,
      async ([number, axis, keepDims]) => {
        const x = tensor(number);
        const y = call(x, { axis, keepDims });
        expect(y.shape).toEqual([]);
        expect(value(y)).toBe(expected(number));
        if (slope === undefined) return;
        expect(value(grad(y, x))).toBe(slope);
        expect((await gradCheck(y, x)).ok).toBe(true);
      },
    ));

  it('agrees with PyTorch for infinities and NaN', () => {
    for (const number of [infinity, -infinity, nan])
      expect(value(call(tensor(number), { axis: 0 }))).toBe(expected(number));
  });

  it('has no other axis', () => {
    for (const axis of [1, -2, 0.5, nan])
      expect(() => call(tensor(1), { axis })).toThrow(/: axis \S+ is outside rank 0; use -1 to 0/);
  });

  it('refuses what is no number', () => {
    expect(() => call(tensor(true), { axis: 0 })).toThrow(DTypeError);
    expect(() => call(tensor(Uint8Array.of(1), []), { axis: 0 })).toThrow(DTypeError);
  });
});

it('lists of axes may name it once', () => {
  for (const [name, call] of Object.entries(reductions) as [
    string,
    (x: Tensor, o: ReduceOptions) => Tensor,
  ][]) {
    expect(value(call(tensor(3), { axis: [-1] }))).toBe(3);
    expect(value(call(tensor(3), { axis: [] }))).toBe(3);
    expect(() => call(tensor(3), { axis: [0, -1] }), name).toThrow(ShapeError);
  }
  expect(value(softmax(tensor(3)))).toBe(1);
  expect(valuesOf([argMax(tensor(3, { dtype: 'i32' }), { axis: 0 })])[0]).toMatchObject({
    shape: [],
    dtype: 'i32',
  });
});
