// Forward-mode derivatives: jvp, with each op's tangent rule, or its gradient rule applied twice where it has none.
import { isFloat } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { formatShape, type Shape, sameShape } from '../core/shape.js';
import { checkOutputs } from '../graph/rules.js';
import { outputIndex, outputsOf } from '../graph/several.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { mul } from '../ops/arithmetic.js';
import { input, ones, zeros } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { broadcastTo, misfit, reshape } from '../ops/view.js';
import {
  applyRule,
  checkFloats,
  formsOf,
  pullBack,
  pullThrough,
  total,
  type Visit,
} from './reverse.js';

/**
 * What a tangent of input i, of shape E ++ input.shape, adds to those of a node's value, or to each of its outputs; from the
 * vjp alone unless there is a rule.
 */
export function pushForward(
  node: Tensor,
  i: number,
  tangent: Tensor,
  lead: Shape = [],
): readonly (Tensor | undefined)[] {
  const { op, inputs, options } = node;
  if (op.jvp && (lead.length === 0 || op.kernel.kind !== 'pointwise')) {
    const tangents = inputs.map((_, j) => (i === j ? tangent : undefined));
    const found = op.outputs
      ? op.jvp({ inputs, outputs: outputsOf(node), tangents, options })
      : [op.jvp({ inputs, output: node, tangents, options })];
    checkOutputs(op, 'jvp', found, formsOf(node), lead);
    return found;
  }
  const wanted = inputs.map((_, j) => j === i);
  if (op.kernel.kind === 'pointwise') {
    // a pointwise Jacobian is diagonal: pulling a tangent back through input i alone pushes it forward
    const wide = [...lead, ...node.shape];
    const leading = new Array<number>(node.rank - inputs[i]!.rank).fill(1);
    const cotangent = broadcastTo(
      reshape(tangent, [...lead, ...leading, ...inputs[i]!.shape]),
      wide,
    );
    const part = applyRule(node, [cotangent], wanted)[i];
    return [part && broadcastTo(part, wide)];
  }
  // a vjp is linear in its cotangents u, so J v = ∂⟨vjp(u), v⟩/∂u; dead code removes u
  const cotangents = formsOf(node).map(({ shape, dtype }) =>
    isFloat(dtype) ? input([...lead, ...shape], { dtype }) : undefined,
  );
  const isWhole = cotangents.every((u) => u === undefined);
  const pulled = isWhole ? undefined : pullBack(node, cotangents, wanted)[i];
  if (!pulled) return [];
  const product = sum(mul(pulled, tangent));
  const given = cotangents.filter((u) => u !== undefined);
  const found = pullThrough(product, given, ones([], { dtype: product.dtype }));
  return cotangents.map((u) => u && found[given.indexOf(u)]);
}

/** Forward mode over a graph, in one pass from inputs to y; tangents may carry extra leading axes `lead`. */
export function pushThrough(
  y: Tensor,
  wrt: readonly Tensor[],
  vectors: readonly Tensor[],
  lead: Shape,
  visit?: Visit,
) {
  /** Tangents of each node's value, or of each output. */
  const known = new Map<Tensor, (Tensor | undefined)[]>();
  // tangents meet behind a fork, and where one node is given twice or depends on another: there they add
  const arrive = (node: Tensor, tangents: readonly (Tensor | undefined)[]): void => {
    const before = known.get(node) ?? [];
    const sums = formsOf(node).map((_, i) => {
      const parts = [before[i], tangents[i]].filter((part) => part !== undefined);
      return parts.length > 0 ? total(parts) : undefined;
    });
    if (sums.some((each) => each !== undefined)) known.set(node, sums);
  };
  for (const [i, node] of wrt.entries()) arrive(node, [vectors[i]]);
  for (const node of topological([y])) {
    const at = outputIndex(node);
    const incoming = node.inputs.flatMap((from, i) => {
      const tangent = known.get(from)?.[at ?? 0];
      if (!tangent) return [];
      const tangents = at === undefined ? pushForward(node, i, tangent, lead) : [tangent];
      return [{ from, tangents }];
    });
    for (const { tangents } of incoming) arrive(node, tangents);
    const [sum] = known.get(node) ?? [];
    const values = incoming.flatMap(({ from, tangents: [value] }) =>
      value ? { from, value } : [],
    );
    if (sum && !node.outputs) visit?.(node, sum, values);
  }
  return known.get(y)?.[0] ?? zeros([...lead, ...y.shape], { dtype: y.dtype });
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
