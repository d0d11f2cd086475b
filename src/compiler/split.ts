// Splits products over long batches, so that they have enough work for a device, in a fixed order.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { matmul, matmulSizes, matmulOf as productOf } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import { reshape } from '../ops/view.js';
import { type AdapterClass, products } from '../planning/limits.js';
import { loadsOf, matmulOf } from '../planning/nodes.js';
import { chooseCut } from '../planning/products.js';

/** A product in parts of k, then their sum (split-K, without atomics), where that takes less time than too few workgroups. */
export function splitProduct(node: Tensor, adapter: AdapterClass): Tensor | undefined {
  if (node.op.kernel.kind !== 'matmul') return undefined;
  const { a, b, ...options } = matmulOf(node);
  if (options.part !== undefined) return undefined;
  const { batch, m, n, k } = matmulSizes(a.shape, b.shape, options);
  const loads = loadsOf([a, b]);
  const extents = { batch: sizeOf(batch), m, n, k, isAlongK: options.transposeB, loads };
  const cut = chooseCut(adapter, extents);
  if (!cut) return splitGradient(node);
  if (cut.part >= k) return undefined;
  return sum(productOf([a, b], { ...options, part: cut.part }), { axis: 0 });
}

/** On software adapters: δaᵀ over a large batch, with few outputs, as a product for each part of the batch. */
function splitGradient(node: Tensor): Tensor | undefined {
  if (node.inputs.some(({ rank }) => rank > 2)) return undefined;
  const { a, b, transposeA, transposeB } = matmulOf(node);
  const { split } = products;
  const [terms = 0] = a.shape;
  const parts = split.parts.find((count) => terms % (4 * count) === 0);
  if (!transposeA || transposeB || terms < split.terms || !parts) return undefined;
  if (sizeOf(node.shape) > split.outputs) return undefined;
  const cut = (x: Tensor): Tensor => reshape(x, [parts, terms / parts, ...x.shape.slice(1)]);
  return sum(matmul(cut(a), cut(b), { transposeA }), { axis: 0 });
}

/** On hardware: one column as one row, and vectors along k, which have one layout, as they are read four steps at a time. */
export function turnThin(node: Tensor, adapter: AdapterClass): Tensor | undefined {
  if (adapter !== 'gpu' || node.op.kernel.kind !== 'matmul') return undefined;
  const { a, b, ...options } = matmulOf(node);
  const { transposeA, transposeB } = options;
  const { m, n } = matmulSizes(a.shape, b.shape, options);
  const turned = (x: Tensor): Tensor =>
    reshape(x, [...x.shape.slice(0, -2), ...x.shape.slice(-2).reverse()]);
  if (n === 1 && m > 1) {
    const row = productOf([b, a], { transposeA: !transposeB, transposeB: !transposeA });
    return reshape(row, node.shape);
  }
  if (m === 1 && transposeA) return productOf([turned(a), b], { ...options, transposeA: false });
  if (n === 1 && !transposeB) return productOf([a, turned(b)], { ...options, transposeB: true });
  return undefined;
}
