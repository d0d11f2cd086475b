// Values as callers give them: nested arrays that are no tensor.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FeedError, tensor } from '../src/index.common.js';
import { forAll } from './support/property.js';

/** What a caller without types may pass. */
const untyped = tensor as (values: unknown) => unknown;

it('arrays that hold themselves are refused, however wide and wherever they do', () => {
  const rings = fc.record({
    depth: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 9 }),
    at: fc.nat(),
  });
  forAll(rings, 60, ({ depth, width, at }) => {
    const inner: unknown[] = [];
    const levels = [inner];
    for (let k = 1; k < depth; k++) levels.unshift(new Array(width).fill(levels[0]));
    inner.push(...new Array(width).fill(levels[at % depth]));
    expect(() => untyped(levels[0])).toThrow(FeedError);
    expect(() => untyped(levels[0])).toThrow(/^tensor: the array holds itself; copy/);
  });
  // one array in several places is none of them
  const row = [1, 2];
  expect(tensor([row, row]).shape).toEqual([2, 2]);
  expect(() => untyped([[[[[[[[[1]]]]]]]]])).toThrow(
    /^tensor: rank 9 .* is above 8; use fewer axes/,
  );
});
