// What the planner tells nodes apart by: where their values come from.
import { filledWith, type Tensor } from '../graph/tensor.js';

export const isLeaf = (node: Tensor): boolean => node.op.kernel.kind === 'leaf';
/** Filled with one number, which is written into kernels. */
export const isLiteral = (node: Tensor): boolean => filledWith(node) !== undefined;
/** Written into the kernels of its users unless it is stored. */
export const isVirtual = (node: Tensor): boolean =>
  node.op.kernel.kind === 'pointwise' || node.op.kernel.kind === 'index';
export const isScatter = (node: Tensor): boolean => node.op.kernel.kind === 'scatter';
