import { ShapeError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { cast } from '../ops/cast.js';
import { eye, ones } from '../ops/leaf.js';
import { reshape, transpose } from '../ops/view.js';
import { formatShape, MAX_RANK, type Shape, sizeOf } from '../shape.js';
import { pushThrough } from './forward.js';
import { checkFloats, grad } from './reverse.js';

/** Which mode `jacobian` takes: reverse costs one pass for each output, forward one for each input. */
export const jacobianMode = (y: Tensor, x: Tensor): 'reverse' | 'forward' =>
  sizeOf(x.shape) < sizeOf(y.shape) ? 'forward' : 'reverse';

/** The unit vectors of a shape, stacked along one axis: [size, ...shape]. A single one needs no axis. */
function units({ shape, dtype }: Tensor): { vectors: Tensor; lead: Shape } {
  const size = sizeOf(shape);
  if (size === 1) return { vectors: ones(shape, { dtype }), lead: [] };
  return { vectors: cast(reshape(eye(size), [size, ...shape]), dtype), lead: [size] };
}

function byRows(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  if (xs.length === 0) return [];
  const gradients = grad(y, xs, { cotangent: units(y).vectors });
  return gradients.map((gradient, i) => reshape(gradient, [...y.shape, ...xs[i]!.shape]));
}

function byColumns(y: Tensor, x: Tensor): Tensor {
  const { vectors, lead } = units(x);
  const columns = pushThrough(y, [x], [vectors], lead); // [size of x, ...y]
  const last = lead.length ? transpose(columns, [...y.shape.map((_, i) => 1 + i), 0]) : columns;
  return reshape(last, [...y.shape, ...x.shape]);
}

function jacobians(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  checkFloats('jacobian', y, xs);
  const high = xs.find((x) => y.rank + x.rank > MAX_RANK);
  if (high)
    throw new ShapeError(
      `jacobian: ${formatShape(y.shape)} by ${formatShape(high.shape)} has rank ${y.rank + high.rank}, above ${MAX_RANK}; reshape to fewer axes`,
    );
  const reverse = xs.filter((x) => jacobianMode(y, x) === 'reverse');
  const rows = byRows(y, reverse);
  return xs.map((x) => rows[reverse.indexOf(x)] ?? byColumns(y, x));
}

/**
 * All partial derivatives ∂y/∂x: shape [...y.shape, ...x.shape], in one graph without a loop over rows.
 * Takes reverse or forward mode, whichever needs fewer passes (`jacobianMode` tells which).
 */
export function jacobian(y: Tensor, x: Tensor): Tensor;
/** The same for several x: [...y.shape, ...x.shape] for each, in their places. */
export function jacobian(y: Tensor, x: readonly Tensor[]): Tensor[];
export function jacobian(y: Tensor, x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return Array.isArray(x) ? jacobians(y, x) : jacobians(y, [x as Tensor])[0]!;
}

/** Second derivatives of a scalar y: ∂²y/∂x², of shape [...x.shape, ...x.shape]. Throws ShapeError for a y of more elements. */
export function hessian(y: Tensor, x: Tensor): Tensor;
/** The same for several x: a table of blocks ∂²y/∂xᵢ∂xⱼ [...xᵢ.shape, ...xⱼ.shape]. */
export function hessian(y: Tensor, x: readonly Tensor[]): Tensor[][];
export function hessian(y: Tensor, x: Tensor | readonly Tensor[]): Tensor | Tensor[][] {
  if (!Array.isArray(x)) return jacobian(grad(y, x as Tensor), x as Tensor);
  return grad(y, x as readonly Tensor[]).map((gradient) => jacobians(gradient, x));
}
