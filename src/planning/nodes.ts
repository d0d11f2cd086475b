// What the planner tells nodes apart by, and the options of those whose kinds it knows.
import { sizeOf } from '../core/shape.js';
import { filledWith, type Node, type Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import type { MatmulOptions } from '../ops/matmul.js';
import type { ResizeOptions } from '../ops/slice.js';

export const isLeaf = (node: Tensor): boolean => node.op.kernel.kind === 'leaf';
/** Filled with one number, which is written into kernels. */
export const isLiteral = (node: Tensor): boolean => filledWith(node) !== undefined;
/** Written into the kernels of its users unless it is stored. */
export const isVirtual = (node: Tensor): boolean =>
  node.op.kernel.kind === 'pointwise' || node.op.kernel.kind === 'index';
export const isScatter = (node: Tensor): boolean => node.op.kernel.kind === 'scatter';

/** A matrix product with its operands. */
export function matmulOf({ inputs, options }: Tensor): MatmulOptions & {
  readonly a: Tensor;
  readonly b: Tensor;
} {
  const [a, b] = inputs as readonly [Tensor, Tensor];
  return { a, b, ...(options as MatmulOptions) };
}

/** Of a matrix product: M · N · K over the batch. */
export function multiplyAdds(node: Tensor): number {
  const { a, transposeA, part } = matmulOf(node);
  // a product in parts of k has a result for each
  return sizeOf(node.shape) * (part ?? a.shape.at(transposeA ? -2 : -1) ?? 0);
}

/** The axes of its input that a fold folds. */
export const foldedAxes = ({ options }: Tensor): readonly number[] =>
  (options as { readonly axes: readonly number[] }).axes;

/** The axis that parts are joined along. */
export const joinedAxis = ({ options }: Tensor): number =>
  (options as { readonly axis: number }).axis;

/** What is added around a node, or cut off. */
export const resizeOf = (node: Tensor): ResizeOptions => (node as Node<ResizeOptions>).options;

/** How many loads one after the other a product waits for at a time: two where it reads an operand through a view. */
export function loadsOf(operands: readonly Tensor[]): 1 | 2 {
  const isThrough = operands.some((operand) => base(operand).op.readsInPlace === true);
  return isThrough ? 2 : 1;
}
