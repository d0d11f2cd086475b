// Sample inputs of ops, made from a seed: f32-exact values, inside the domain, away from kinks and ties.
import fc from 'fast-check';
import type { DType, TensorData } from '../../src/core/dtype.js';
import { formatShape, type Shape, sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';

/** One way to call an op: values for its inputs and the call itself. */
export interface Sample {
  readonly label: string;
  readonly values: readonly (TensorData & { readonly dtype: DType })[];
  readonly build: (inputs: readonly Tensor[]) => Tensor;
}
type Value = Sample['values'][number];

/** Where values lie; `distinct` makes all of one tensor differ by 0.05 at least. */
export interface Domain {
  readonly low?: number;
  readonly high?: number;
  readonly distinct?: boolean;
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** 0 to n − 1 in a random order. */
export function shuffled(n: number, seed: number): number[] {
  const random = uniforms(seed);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** f32 values on a grid of 0.1, shifted by input so that two inputs never tie and none lies at a whole tenth. */
export function floats(seed: number, shape: Shape, domain: Domain = {}, index = 0): Value {
  const { low = -2, high = 2, distinct = false } = domain;
  const size = sizeOf(shape);
  const random = uniforms(seed + 7919 * index);
  const order = shuffled(distinct ? size : 0, seed + index);
  const cells = Math.round((high - low) / 0.1);
  const cell = (i: number): number =>
    distinct ? order[i]! - Math.floor(size / 2) : Math.floor(random() * cells);
  const from = distinct ? (low + high) / 2 : low;
  const data = Float32Array.from(
    { length: size },
    (_, i) => from + 0.1 * cell(i) + 0.02 * (1 + (index % 4)),
  );
  return { shape, dtype: 'f32', data };
}

/** Whole numbers in [low, high). */
export function integers(
  seed: number,
  shape: Shape,
  low: number,
  high: number,
  dtype: 'i32' | 'u32' = 'i32',
): Value {
  const random = uniforms(seed);
  const make = (): number => low + Math.floor(random() * (high - low));
  const length = sizeOf(shape);
  const data =
    dtype === 'i32' ? Int32Array.from({ length }, make) : Uint32Array.from({ length }, make);
  return { shape, dtype, data };
}

export function bools(seed: number, shape: Shape): Value {
  const random = uniforms(seed);
  return {
    shape,
    dtype: 'bool',
    data: Uint8Array.from({ length: sizeOf(shape) }, () => Number(random() < 0.5)),
  };
}

export const seeds = fc.nat({ max: 2 ** 31 - 1 });
// 1, primes, 2ᵏ and 2ᵏ ± 1
const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 257];

/** Sizes of axes up to `most`, small ones more often. */
export const axisSizes = (most: number): fc.Arbitrary<number> =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...sizes.filter((size) => size <= Math.min(most, 5))), weight: 2 },
    { arbitrary: fc.constantFrom(...sizes.filter((size) => size <= most)), weight: 1 },
  );

export interface ShapeLimits {
  readonly minRank?: number;
  readonly maxRank?: number;
  /** May an axis have size 0? */
  readonly empty?: boolean;
}

/** Shapes of rank 0 to 5 with at most `limit` elements; an axis that would pass the limit becomes 1. */
export function shapes(
  limit: number,
  { minRank = 0, maxRank = 5, empty = false }: ShapeLimits = {},
): fc.Arbitrary<Shape> {
  const axis = empty
    ? fc.oneof(
        { arbitrary: axisSizes(limit), weight: 12 },
        { arbitrary: fc.constant(0), weight: 1 },
      )
    : axisSizes(limit);
  return fc.array(axis, { minLength: minRank, maxLength: maxRank }).map((drawn) => {
    let total = 1;
    return drawn.map((size) => {
      const kept = total * Math.max(1, size) <= limit ? size : 1;
      total *= Math.max(1, kept);
      return kept;
    });
  });
}

/** Shapes of `count` operands that broadcast: each may lack leading axes and have 1 for others. */
export const broadcastable = (
  limit: number,
  count: number,
  limits: ShapeLimits = {},
): fc.Arbitrary<Shape[]> =>
  fc
    .tuple(
      shapes(limit, limits),
      fc.array(
        fc.record({
          drop: fc.nat({ max: 8 }),
          ones: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        }),
        {
          minLength: count,
          maxLength: count,
        },
      ),
    )
    .map(([shape, operands]) =>
      operands.map(({ drop, ones }) =>
        shape.slice(drop > 5 ? drop - 5 : 0).map((size, i) => (ones[i] && drop % 2 ? 1 : size)),
      ),
    );

/** Shows a sample by its label when a property fails. */
export const sample = (label: string, values: readonly Value[], build: Sample['build']): Sample =>
  Object.defineProperty({ label, values, build }, fc.toStringMethod, {
    value: () =>
      `${label}(${values.map(({ shape, dtype }) => `${dtype} ${formatShape(shape)}`).join(', ')})`,
  });
