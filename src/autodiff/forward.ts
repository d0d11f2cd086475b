// Forward-mode derivatives: jvp, with each op's tangent rule, or its gradient rule applied twice where it has none.
import { DTypeError, ShapeError } from '../core/errors.js';
import { formatShape, type Shape, sameShape } from '../core/shape.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { add, mul } from '../ops/arithmetic.js';
import { input, zeros } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { broadcastTo, misfit, reshape } from '../ops/view.js';
import { applyRule, checkFloats, grad, pullBack, type Visit } from './reverse.js';

/** What a tangent of input i, of shape E ++ input.shape, adds to a node's; from the vjp alone unless there is a rule. */
export function pushForward(
  node: Tensor,
  i: number,
  tangent: Tensor,
  lead: Shape = [],
): Tensor | undefined {
  const { op, inputs, options } = node;
  if (op.jvp && (lead.length === 0 || op.kernel.kind !== 'pointwise')) {
    const tangents = inputs.map((_, j) => (i === j ? tangent : undefined));
    return op.jvp({ inputs, output: node, tangents, options });
  }
  const wide = [...lead, ...node.shape];
  const wanted = inputs.map((_, j) => j === i);
  if (op.kernel.kind === 'pointwise') {
    // a pointwise Jacobian is diagonal: pulling a tangent back through input i alone pushes it forward
    const ones = new Array<number>(node.rank - inputs[i]!.rank).fill(1);
    const cotangent = broadcastTo(reshape(tangent, [...lead, ...ones, ...inputs[i]!.shape]), wide);
    const part = applyRule(node, cotangent, wanted)[i];
    return part && broadcastTo(part, wide);
  }
  // a vjp is linear in its cotangent u, so J v = ∂⟨vjp(u), v⟩/∂u; dead code removes u
  const u = input(wide, { dtype: node.dtype });
  const pulled = pullBack(node, u, wanted)[i];
  return pulled && grad(sum(mul(pulled, tangent)), u);
}

/** Forward mode over a graph, in one pass from inputs to y; tangents may carry extra leading axes `lead`. */
export function pushThrough(
  y: Tensor,
  wrt: readonly Tensor[],
  vectors: readonly Tensor[],
  lead: Shape,
  visit?: Visit,
) {
  const known = new Map<Tensor, Tensor>();
  // tangents meet behind a fork, and where one node is given twice or depends on another: there they add
  const arrive = (node: Tensor, tangent: Tensor) =>
    known.set(node, known.has(node) ? add(known.get(node)!, tangent) : tangent);
  for (const [i, node] of wrt.entries()) arrive(node, vectors[i]!);
  for (const node of topological([y])) {
    const incoming = node.inputs.flatMap((from, i) => {
      const tangent = known.get(from);
      const value = tangent && pushForward(node, i, tangent, lead);
      return value ? [{ from, value }] : [];
    });
    for (const { value } of incoming) arrive(node, value);
    if (known.has(node)) visit?.(node, known.get(node)!, incoming);
  }
  return known.get(y) ?? zeros([...lead, ...y.shape], { dtype: y.dtype });
}

/**
 * Forward mode: the directional derivative J v of y, of y's shape, for tangents v of wrt's shapes.
 * Throws ShapeError for tangents of other shapes, DTypeError for integers.
 */
export function jvp(
  y: Tensor,
  wrt: Tensor | readonly Tensor[],
  tangents: Tensor | readonly Tensor[],
): Tensor {
  const nodes = Array.isArray(wrt) ? wrt : [wrt];
  const vectors = Array.isArray(tangents) ? tangents : [tangents];
  if (nodes.length !== vectors.length)
    throw new ShapeError(
      `jvp: ${nodes.length} inputs and ${vectors.length} tangents; give one for each`,
    );
  checkFloats('jvp', y, nodes, 'tangents');
  checkTensors('jvp', ...vectors);
  nodes.forEach((node, i) => {
    const { dtype, shape } = vectors[i]!;
    if (dtype !== node.dtype)
      throw new DTypeError(
        `jvp: tangent is ${dtype} and its input ${node.dtype}; cast one`,
        dtype,
        node.dtype,
      );
    if (!sameShape(shape, node.shape))
      misfit(
        'jvp: tangent',
        { shape },
        `for an input of shape ${formatShape(node.shape)}; make them equal`,
        node.shape,
      );
  });
  return pushThrough(y, nodes, vectors, []);
}
