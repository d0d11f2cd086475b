import { grad } from '../../src/autodiff/reverse.js';
import { isFloat, type TensorData } from '../../src/core/dtype.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { tensor } from '../../src/ops/leaf.js';
import { instantiate } from './property.js';
import { floats, type Sample } from './samples.js';

/** Outputs and gradients of some samples as one graph, so that their kernels compile together. */
export function combine(
  samples: readonly Sample[],
  differentiable: boolean,
): { tree: Tensor[]; feeds: Map<Tensor, TensorData> } {
  const tree: Tensor[] = [];
  const feeds = new Map<Tensor, TensorData>();
  for (const sample of samples) {
    const { y, inputs, feeds: values } = instantiate(sample);
    for (const [node, value] of values) feeds.set(node, value);
    tree.push(y);
    const xs = inputs.filter(({ dtype }) => isFloat(dtype));
    if (differentiable && isFloat(y.dtype) && xs.length > 0)
      tree.push(...grad(y, xs, { cotangent: tensor(floats(1, y.shape)) }));
  }
  return { tree, feeds };
}
