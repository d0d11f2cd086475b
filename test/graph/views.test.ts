// What lies under views: the one vocabulary that planner, kernels and checks look through them with.
import { describe, expect, it } from 'vitest';
import {
  base,
  halvesOf,
  origin,
  originOfIntegers,
  transposedMatrices,
  underViews,
} from '../../src/graph/views.js';
import { sin } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { input } from '../../src/ops/leaf.js';
import { slice } from '../../src/ops/slice.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';

const x = input([2, 3, 4]);

describe('views', () => {
  it('are looked through kind by kind', () => {
    const turned = transpose(x);
    expect(base(reshape(reshape(x, [6, 4]), [24]))).toBe(x);
    expect(base(reshape(turned, [24]))).toBe(turned);
    expect(underViews(reshape(turned, [24]), ['reshape', 'permute'])).toBe(x);
    expect(underViews(broadcastTo(x, [5, 2, 3, 4]), ['reshape', 'permute'])).not.toBe(x);
  });

  it('of halves are told from other casts', () => {
    const half = input([4], { dtype: 'f16' });
    expect(halvesOf(reshape(cast(half, 'f32'), [2, 2]))).toBe(half);
    expect(halvesOf(cast(input([4], { dtype: 'i32' }), 'f32'))).toBeUndefined();
    expect(origin(broadcastTo(transpose(reshape(cast(half, 'f32'), [2, 2])), [3, 2, 2]))).toBe(
      half,
    );
    const y = sin(x);
    expect(origin(y)).toBe(y);
  });

  it('pass whole numbers on, but for blocks, of which some are not there', () => {
    const indices = input([6], { dtype: 'i32' });
    expect(originOfIntegers(cast(transpose(reshape(indices, [2, 3])), 'u32'))).toBe(indices);
    const part = slice(indices, [1]);
    expect(originOfIntegers(reshape(part, [5, 1]))).toBe(part);
  });

  it('that exchange the last two axes alone are transposed matrices', () => {
    expect(transposedMatrices(transpose(x, [0, 2, 1]))).toBe(x);
    expect(transposedMatrices(transpose(x, [2, 1, 0]))).toBeUndefined();
    expect(transposedMatrices(x)).toBeUndefined();
  });
});
