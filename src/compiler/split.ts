// Splits products over long batches, so that they have enough work for a device, in a fixed order.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { matmul } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import { reshape } from '../ops/view.js';
import { products } from '../planning/limits.js';
import { matmulOf } from '../planning/nodes.js';

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
