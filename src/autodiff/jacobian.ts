// Jacobian matrices, row by row with reverse mode or column by column with forward mode, whichever takes fewer passes.

import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { ones, unitRows } from '../ops/leaf.js';
import { concat } from '../ops/slice.js';
import { misfit, reshape, transpose } from '../ops/view.js';
import { pushThrough } from './forward.js';
import { checkFloats, grad } from './reverse.js';

/** The mode that `jacobian` selects: reverse needs one pass for each output, forward one for each input. */
export const jacobianMode = (y: Tensor, x: Tensor): 'reverse' | 'forward' =>
  sizeOf(x.shape) < sizeOf(y.shape) ? 'forward' : 'reverse';

/** Elements that the unit vectors of one pass, and what they are carried to, may have: 64 MiB of f32. */
const PASS = 2 ** 24;

/**
 * The unit vectors of a shape in stacks [some, ...shape], small enough to be carried over to `size` elements each; one by one
 * and without the leading axis where a node between has no room for it.
 */
function units({ shape, dtype }: Tensor, size: number, y: Tensor): Tensor[] {
  const all = sizeOf(shape);
  if (all === 1) return [ones(shape, { dtype })];
  const single = topological([y]).some(({ rank }) => rank === MAX_RANK);
  const most = single ? 1 : Math.max(1, Math.floor(PASS / Math.max(1, all, size)));
  return Array.from({ length: Math.max(1, Math.ceil(all / most)) }, (_, i) => {
    const rows = unitRows(all, i * most, Math.min((i + 1) * most, all), dtype);
    return reshape(rows, [...rows.shape.slice(0, single ? 0 : 1), ...shape]);
  });
}

/** Results of all passes as one matrix [vectors, size]. */
function stack(results: readonly Tensor[], size: number): Tensor {
  const rows = results.map((each) => reshape(each, [sizeOf(each.shape) / Math.max(1, size), size]));
  return concat(rows, { axis: 0 });
}

function byRows(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  const size = Math.max(...xs.map((x) => sizeOf(x.shape)));
  const passes = units(y, size, y).map((vectors) => grad(y, xs, { cotangent: vectors }));
  return xs.map((x, i) => {
    const rows = passes.map((gradients) => gradients[i]!);
    return reshape(stack(rows, sizeOf(x.shape)), [...y.shape, ...x.shape]);
  });
}

function byColumns(y: Tensor, x: Tensor): Tensor {
  const size = sizeOf(y.shape);
  const columns = units(x, size, y).map((v) =>
    pushThrough(y, [x], [v], v.shape.slice(0, v.rank - x.rank)),
  );
  return reshape(transpose(stack(columns, size)), [...y.shape, ...x.shape]);
}

function jacobians(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  checkFloats('jacobian', y, xs);
  const high = xs.find((x) => y.rank + x.rank > MAX_RANK);
  if (high)
    misfit(
      'jacobian:',
      y,
      `by ${formatShape(high.shape)} has rank ${y.rank + high.rank}, above 8; use fewer`,
      high.shape,
    );
  const reverse = xs.filter((x) => jacobianMode(y, x) === 'reverse');
  const rows = reverse.length > 0 ? byRows(y, reverse) : [];
  return xs.map((x) => rows[reverse.indexOf(x)] ?? byColumns(y, x));
}

/**
 * All partial derivatives ∂y/∂x, of shape [...y.shape, ...x.shape], in one graph without a loop over rows; in several
 * passes where one would have more than 2²⁴ elements. Uses reverse or forward mode, whichever needs fewer passes (see
 * `jacobianMode`).
 */
export function jacobian(y: Tensor, x: Tensor): Tensor;
/** The same for several x: one Jacobian [...y.shape, ...x.shape] for each, in the same order. */
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
