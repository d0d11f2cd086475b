// Generators of sample calls for each family of ops.
import fc from 'fast-check';
import type { Shape } from '../../src/core/shape.js';
import type { Tensor, TensorLike } from '../../src/graph/tensor.js';
import type { ReduceOptions } from '../../src/ops/reduce.js';
import {
  axisSizes,
  broadcastable,
  type Domain,
  floats,
  integers,
  type Sample,
  type ShapeLimits,
  sample,
  seeds,
  shapes,
  shuffled,
} from './samples.js';

export interface Entry {
  /** The exported function, or the record's own name where none is exported. */
  readonly name: string;
  /** Has it a derivative with respect to its float inputs? */
  readonly differentiable: boolean;
  /** Samples whose inputs have at most about `limit` elements each. */
  readonly samples: (limit: number) => fc.Arbitrary<Sample>;
}
type Samples = Entry['samples'];

export const entry = (name: string, samples: Samples, differentiable = true): Entry => ({
  name,
  differentiable,
  samples,
});

/** Ops of operands that broadcast, each with its domain. */
export const pointwise = (
  name: string,
  call: (...inputs: Tensor[]) => Tensor,
  domains: readonly Domain[],
  differentiable = true,
): Entry =>
  entry(
    name,
    (limit) =>
      fc
        .tuple(broadcastable(limit, domains.length, { empty: true }), seeds)
        .map(([operands, seed]) =>
          sample(
            name,
            operands.map((shape, i) => floats(seed, shape, domains[i], i)),
            (inputs) => call(...inputs),
          ),
        ),
    differentiable,
  );
export const unary = (
  name: string,
  call: (x: Tensor) => Tensor,
  domain: Domain = {},
  differentiable = true,
): Entry => pointwise(name, (x) => call(x!), [domain], differentiable);
export const binary = (
  name: string,
  call: (a: Tensor, b: Tensor) => Tensor,
  a: Domain = {},
  b: Domain = {},
): Entry => pointwise(name, (x, y) => call(x!, y!), [a, b]);

/** Reductions over any axes, in every form that `axis` takes. */
export const reduction = (
  name: string,
  call: (x: Tensor, options: ReduceOptions) => Tensor,
  domain: Domain = {},
  limits: ShapeLimits = {},
): Entry =>
  entry(name, (limit) =>
    fc
      .tuple(shapes(limit, limits), seeds, fc.boolean(), fc.boolean(), fc.nat({ max: 5 }))
      .map(([shape, seed, keepDims, fromEnd, form]) => {
        const rank = Math.max(1, shape.length); // a scalar has axis 0
        const axes = shuffled(rank, seed).slice(0, 1 + (seed % rank));
        const signed = fromEnd ? axes.map((axis) => axis - rank) : axes;
        const axis = form === 0 ? undefined : form === 1 ? signed[0] : signed;
        const options = { ...(axis === undefined ? {} : { axis }), keepDims };
        return sample(`${name} ${JSON.stringify(options)}`, [floats(seed, shape, domain)], ([x]) =>
          call(x!, options),
        );
      }),
  );

export const along = (
  name: string,
  call: (x: Tensor, axis: number) => Tensor,
  domain: Domain = {},
  differentiable = true,
): Entry =>
  entry(
    name,
    (limit) =>
      fc.tuple(shapes(limit), seeds, fc.boolean()).map(([shape, seed, fromEnd]) => {
        const rank = Math.max(1, shape.length);
        const axis = (seed % rank) - (fromEnd ? rank : 0);
        return sample(`${name} axis ${axis}`, [floats(seed, shape, domain)], ([x]) =>
          call(x!, axis),
        );
      }),
    differentiable,
  );

export const comparison = (name: string, call: (a: TensorLike, b: TensorLike) => Tensor): Entry =>
  entry(
    name,
    (limit) =>
      fc.tuple(broadcastable(limit, 2), seeds, fc.boolean()).map(([[a, b], seed, whole]) =>
        sample(
          name,
          // inputs of one grid, so that some are equal
          whole
            ? [integers(seed, a!, -3, 3), integers(seed + 1, b!, -3, 3)]
            : [
                floats(seed, a!, { low: -0.5, high: 0.5 }),
                floats(seed + 1, b!, { low: -0.5, high: 0.5 }),
              ],
          ([x, y]) => call(x!, y!),
        ),
      ),
    false,
  );

export const vectors = (
  name: string,
  call: (u: Tensor, v: Tensor) => Tensor,
  same: boolean,
): Entry =>
  entry(name, (limit) =>
    fc
      .tuple(
        broadcastable(limit / 4, 2, { maxRank: 2 }),
        axisSizes(limit ** 0.5),
        axisSizes(limit ** 0.5),
        seeds,
      )
      .map(([[a, b], m, n, seed]) =>
        sample(
          name,
          [floats(seed, [...a!, m]), floats(seed, [...b!, same ? m : n], {}, 1)],
          ([u, v]) => call(u!, v!),
        ),
      ),
  );

export const views = (
  name: string,
  call: (x: Tensor, seed: number) => Tensor,
  differentiable = true,
): Entry =>
  entry(
    name,
    (limit) =>
      fc
        .tuple(shapes(limit, { empty: true }), seeds)
        .map(([shape, seed]) =>
          sample(`${name} #${seed}`, [floats(seed, shape)], ([x]) => call(x!, seed)),
        ),
    differentiable,
  );

/** Another shape with the same number of elements: sizes rotated, then two neighbours merged. */
export function reshaped(shape: Shape, seed: number): Shape {
  if (shape.length === 0) return seed % 2 ? [1, 1] : [-1];
  const turned = [...shape.slice(seed % shape.length), ...shape.slice(0, seed % shape.length)];
  return turned.length > 1 && seed % 3
    ? [turned[0]! * turned[1]!, ...turned.slice(2)]
    : [...turned, 1];
}

/** A cost of logits and targets in [0, 1) of one shape. */
export const rows = (name: string, call: (z: Tensor, t: Tensor) => Tensor): Entry =>
  entry(name, (limit) =>
    fc.tuple(shapes(limit, { minRank: 1, maxRank: 3 }), seeds).map(([shape, seed]) => {
      const values = [floats(seed, shape), floats(seed, shape, { low: 0, high: 1 }, 1)];
      return sample(name, values, ([z, t]) => call(z!, t!));
    }),
  );

export const generated = (
  name: string,
  build: (shape: Shape, seed: number) => Tensor,
  limits: ShapeLimits = { empty: true },
): Entry =>
  entry(
    name,
    (limit) =>
      fc
        .tuple(shapes(limit, limits), seeds)
        .map(([shape, seed]) => sample(name, [], () => build(shape, seed))),
    false,
  );
