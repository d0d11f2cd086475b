// Splits long sums and products over long batches, so that they have enough work for a device, in a fixed order.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { matmul } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import { resize } from '../ops/slice.js';
import { reshape } from '../ops/view.js';
import { products, sums } from '../planning/limits.js';
import { foldedAxes, matmulOf } from '../planning/nodes.js';

/** δaᵀ over a large batch, with few outputs: a product for each part of the batch, then their sum (split-K, without atomics). */
export function splitProduct(node: Tensor): Tensor | undefined {
  if (node.op.kernel.kind !== 'matmul' || node.inputs.some(({ rank }) => rank > 2))
    return undefined;
  const { a, b, transposeA, transposeB } = matmulOf(node);
  const { split } = products;
  const [terms = 0] = a.shape;
  const parts = split.parts.find((count) => terms % (4 * count) === 0);
  if (!transposeA || transposeB || terms < split.terms || !parts) return undefined;
  if (sizeOf(node.shape) > split.outputs) return undefined;
  const cut = (x: Tensor): Tensor => reshape(x, [parts, terms / parts, ...x.shape.slice(1)]);
  return sum(matmul(cut(a), cut(b), { transposeA }), { axis: 0 });
}

/** Long sums with few outputs become a tree: [n] → [parts, n / parts] → [parts] → scalar, zero-padded where it does not divide. */
export function splitSum(node: Tensor): Tensor | undefined {
  const { kernel } = node.op;
  const [x] = node.inputs;
  if (!x || kernel.kind !== 'reduce' || kernel.name !== 'sum') return undefined;
  const axes = foldedAxes(node);
  const [first = 0] = axes;
  const isAdjacent = axes.every((axis, i) => axis === first + i);
  const folded = x.shape.slice(first, first + axes.length);
  const length = sizeOf(folded);
  if (!isAdjacent || length <= sums.longest || sizeOf(node.shape) > sums.results) return undefined;
  const before = sizeOf(x.shape.slice(0, first));
  const after = sizeOf(x.shape.slice(first + axes.length));
  const parts = Math.ceil(Math.sqrt(length));
  const each = Math.ceil(length / parts);
  const missing = parts * each - length;
  const rows = resize(reshape(x, [before, length, after]), [
    [0, 0],
    [0, missing],
    [0, 0],
  ]);
  const partial = sum(reshape(rows, [before, parts, each, after]), { axis: 2 });
  return reshape(sum(partial, { axis: 1 }), node.shape);
}
