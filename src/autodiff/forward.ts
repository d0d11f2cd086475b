import { isFloat } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { add, mul } from '../ops/arithmetic.js';
import { input, zeros } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { broadcastTo, reshape } from '../ops/view.js';
import { formatShape, type Shape, sameShape } from '../shape.js';
import { grad, pullBack } from './reverse.js';

/** J v of one node, from its vjp alone unless it has a rule; tangents have shape E ++ input.shape. */
export function pushForward(
  node: Tensor,
  tangents: readonly (Tensor | undefined)[],
  lead: Shape = [],
): Tensor | undefined {
  const { op, inputs, options } = node;
  if (op.jvp && lead.length === 0) return op.jvp({ inputs, output: node, tangents, options });
  const wide = [...lead, ...node.shape];
  if (op.kernel.kind === 'pointwise') return pointwiseTangent(node, tangents, lead);
  // a vjp is linear in its cotangent u, so J v = ∂⟨vjp(u), v⟩/∂u; dead code removes u
  const u = input(wide, { dtype: node.dtype });
  const pulled = pullBack(node, u);
  const products = inputs.flatMap((_, i) => (pulled[i] && tangents[i] ? [sum(mul(pulled[i], tangents[i]))] : []));
  return products.length
    ? grad(
        products.reduce((a, b) => add(a, b)),
        u,
      )
    : undefined;
}

/** A pointwise Jacobian is diagonal, so pulling a tangent back through input i alone pushes it forward. */
function pointwiseTangent(node: Tensor, tangents: readonly (Tensor | undefined)[], lead: Shape): Tensor | undefined {
  const { op, inputs, options } = node;
  const parts = tangents.flatMap((tangent, i) => {
    if (!tangent) return [];
    const rank = node.rank - inputs[i]!.rank;
    const aligned = rank === 0 || lead.length === 0 ? tangent : reshapeLead(tangent, lead, rank);
    const part = op.vjp?.({ inputs, output: node, cotangent: broadcastTo(aligned, [...lead, ...node.shape]), options })[
      i
    ];
    return part ? [broadcastTo(part, [...lead, ...node.shape])] : [];
  });
  return parts.length ? parts.reduce((a, b) => add(a, b)) : undefined;
}

/** E ++ shape to E ++ ones ++ shape, so that a lower-rank input broadcasts under E. */
function reshapeLead(tangent: Tensor, lead: Shape, ones: number): Tensor {
  return reshape(tangent, [...lead, ...new Array<number>(ones).fill(1), ...tangent.shape.slice(lead.length)]);
}

/** Forward mode over a graph, in one pass from inputs to y; tangents may carry extra leading axes `lead`. */
export function pushThrough(y: Tensor, wrt: readonly Tensor[], tangents: readonly Tensor[], lead: Shape): Tensor {
  const known = new Map<Tensor, Tensor>();
  // tangents meet where one node is given twice, or depends on another: there they add
  const meet = (node: Tensor, tangent: Tensor | undefined): void => {
    const before = known.get(node);
    if (tangent) known.set(node, before ? add(before, tangent) : tangent);
  };
  wrt.forEach((node, i) => {
    meet(node, tangents[i]);
  });
  for (const node of topological([y])) {
    const arriving = node.inputs.map((x) => known.get(x));
    if (arriving.some(Boolean)) meet(node, pushForward(node, arriving, lead));
  }
  return known.get(y) ?? zeros([...lead, ...y.shape], { dtype: y.dtype });
}

/**
 * Forward mode: the directional derivative J v of y, of y's shape, for tangents v of wrt's shapes.
 * Throws ShapeError for tangents of other shapes, DTypeError for integers.
 */
export function jvp(y: Tensor, wrt: Tensor | readonly Tensor[], tangents: Tensor | readonly Tensor[]): Tensor {
  const nodes = wrt instanceof Tensor ? [wrt] : wrt;
  const vectors = tangents instanceof Tensor ? [tangents] : tangents;
  if (nodes.length !== vectors.length)
    throw new ShapeError(`jvp: ${nodes.length} inputs and ${vectors.length} tangents; give one for each`);
  if (!isFloat(y.dtype)) throw new DTypeError(`jvp: y is ${y.dtype}, which has no derivative; differentiate a float`);
  nodes.forEach((node, i) => {
    const tangent = vectors[i]!;
    if (!isFloat(node.dtype))
      throw new DTypeError(`jvp: ${node.name ?? node.op.name} is ${node.dtype}; only floats have tangents`);
    if (tangent.dtype !== node.dtype)
      throw new DTypeError(`jvp: tangent is ${tangent.dtype} and its input ${node.dtype}; cast one`);
    if (!sameShape(tangent.shape, node.shape))
      throw new ShapeError(
        `jvp: tangent ${formatShape(tangent.shape)} for an input of shape ${formatShape(node.shape)}; make them equal`,
      );
  });
  return pushThrough(y, nodes, vectors, []);
}
