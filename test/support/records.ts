// Every op record that graphs of the table reach: calls, their derivatives of first and second order, and what composed
// ops are written in.
import fc from 'fast-check';
import { jvp } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { isFloat } from '../../src/core/dtype.js';
import type { ComposedKernel, Op } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { ones } from '../../src/ops/leaf.js';
import type { Entry } from './families.js';
import { instantiate, seed } from './property.js';

/** Records of a graph, of its derivatives, and of what composed ones are written in. */
export function recordsOf(roots: readonly Tensor[]): Set<Op> {
  const found = new Set<Op>();
  for (const node of topological(roots)) {
    found.add(node.op);
    if (node.op.kernel.kind === 'composed')
      for (const op of recordsOf([
        (node.op.kernel as ComposedKernel).compose(node.inputs, node.options),
      ]))
        found.add(op);
  }
  return found;
}

/** Some calls of an entry of the table with their first and second derivatives. */
export function graphsOf(entry: Entry, runs = 12): Tensor[] {
  return fc.sample(entry.samples(12), { numRuns: runs, seed }).flatMap((sample) => {
    const { y, inputs } = instantiate(sample);
    const xs = inputs.filter(({ dtype }) => isFloat(dtype));
    if (!entry.differentiable || !isFloat(y.dtype)) return [y];
    const first = grad(y, xs, { cotangent: ones(y.shape) });
    const second = first.flatMap((g) => grad(g, xs, { cotangent: ones(g.shape) }));
    const tangents = xs.map((x) => ones(x.shape));
    return [y, ...first, ...second, jvp(y, xs, tangents)];
  });
}
