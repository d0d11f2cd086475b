// Integers, literals and ranges: exact, wrapped as on the GPU, rounded as f32.
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, minimum, mul, square } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { equal, where } from '../../src/ops/compare.js';
import { arange, eye, full, tensor } from '../../src/ops/leaf.js';
import { argMax, max, sum } from '../../src/ops/reduce.js';
import { valuesOf } from '../support/property.js';

const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];

describe('integers', () => {
  const whole = tensor([-7, 3], [2], { dtype: 'i32' });
  it('add, multiply and compare exactly', () => {
    expect(value(add(mul(whole, 3), square(whole)))).toEqual([28, 18]);
    expect([value(max(whole)), value(argMax(whole, { axis: 0 })), value(sum(whole))]).toEqual([
      [3],
      [1],
      [-4],
    ]);
    expect(value(where(equal(whole, 3), whole, 0))).toEqual([0, 3]);
  });
  it('wrap around as on the GPU', () => {
    expect(value(add(tensor([2 ** 31 - 1], [1], { dtype: 'i32' }), 1))).toEqual([-(2 ** 31)]);
    expect(value(sum(tensor([2 ** 32 - 1, 2], [2], { dtype: 'u32' })))).toEqual([1]);
  });
  it('come from floats cut towards zero', () => {
    expect(value(cast(tensor([-1.9, 1.9, 3e9]), 'i32'))).toEqual([-1, 1, 2 ** 31 - 128]);
    expect(value(cast(tensor([-1.9, 1.9]), 'u32'))).toEqual([0, 1]);
    expect(value(cast(tensor([-1, 5], [2], { dtype: 'i32' }), 'u32'))).toEqual([2 ** 32 - 1, 5]);
    expect(value(cast(tensor([0, -0, 0.5]), 'bool'))).toEqual([0, 0, 1]);
  });
});

describe('literals', () => {
  it('are the numbers that f32 holds', () => {
    expect(value(mul(tensor(1), 0.1))).toEqual([Math.fround(0.1)]);
    expect(value(full([2], 0.1))).toEqual([Math.fround(0.1), Math.fround(0.1)]);
  });
  it('may be infinite', () => {
    expect(value(where(equal(tensor([1, 2]), 1), 5, Number.NEGATIVE_INFINITY))).toEqual([
      5,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(value(minimum(tensor([1, 2]), Number.POSITIVE_INFINITY))).toEqual([1, 2]);
  });
  it('fill ranges', () => {
    expect([
      value(arange(3)),
      value(arange(1, 2, { step: 0.25, dtype: 'f32' })),
      value(arange(2, 0, { step: -1 })),
    ]).toEqual([
      [0, 1, 2],
      [1, 1.25, 1.5, 1.75],
      [2, 1],
    ]);
    expect([arange(3).dtype, eye(2).dtype, valuesOf([arange(3)])[0]!.data.constructor]).toEqual([
      'i32',
      'f32',
      Int32Array,
    ]);
  });
});
