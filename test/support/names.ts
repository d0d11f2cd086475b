// The names of all of Nabla's own ops, those that only rules and composed ops use included.
import fc from 'fast-check';
import { grad } from '../../src/autodiff/reverse.js';
import { isFloat } from '../../src/core/dtype.js';
import type { ComposedKernel } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { ones } from '../../src/ops/leaf.js';
import { table } from './ops.js';
import { instantiate, seed } from './property.js';

function namesIn(roots: readonly Tensor[]): string[] {
  return topological(roots).flatMap((node) => {
    const { kernel, name } = node.op;
    if (kernel.kind !== 'composed') return [name];
    return [name, ...namesIn([(kernel as ComposedKernel).compose(node.inputs, node.options)])];
  });
}

const names = table.flatMap((entry) => {
  const [sample] = fc.sample(entry.samples(6), { numRuns: 1, seed });
  const { y, inputs } = instantiate(sample!);
  const floats = inputs.filter(({ dtype }) => isFloat(dtype));
  const isDerived = entry.differentiable && isFloat(y.dtype) && floats.length > 0;
  return namesIn([y, ...(isDerived ? grad(y, floats, { cotangent: ones(y.shape) }) : [])]);
});

/** Each once: add, reshape, full, softmaxBackward, constant, … */
export const builtInNames: readonly string[] = [
  ...new Set([...names, 'constant', 'input', 'parameter']),
].sort();
