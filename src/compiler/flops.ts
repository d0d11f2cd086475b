// How much nodes compute, for rates.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { multiplyAdds } from '../planning/nodes.js';

/** Additions and multiplications; other functions count as one each. */
export const flopsOf = (nodes: readonly Tensor[]): number =>
  nodes.reduce((total, node) => total + flopsOfOne(node), 0);

function flopsOfOne(node: Tensor): number {
  const { kernel } = node.op;
  switch (kernel.kind) {
    case 'matmul':
      return 2 * multiplyAdds(node);
    case 'pointwise':
      return sizeOf(node.shape);
    case 'reduce':
    case 'scatter':
      return sizeOf(node.inputs[0]?.shape ?? []);
    case 'written':
      return sizeOf(node.inputs[0]?.shape ?? []);
    case 'across':
      return node.inputs.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0);
    case 'output':
    case 'index':
    case 'leaf':
    case 'composed':
      return 0;
    default:
      return kernel satisfies never;
  }
}
