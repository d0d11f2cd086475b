// Reverse-mode derivatives: grad, by backpropagation of cotangents through the graph.
import { isFloat } from '../core/dtype.js';
import { DTypeError, NablaError, ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { formatShape, sameShape } from '../core/shape.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { dependents, topological } from '../graph/walk.js';
import { add } from '../ops/arithmetic.js';
import { ones, zeros } from '../ops/leaf.js';
import { broadcastTo, misfit, sumTo } from '../ops/view.js';

/** Nodes whose rules are being applied. */
const running = new Set<Tensor>();

/** What a node's vjp rule gives for each input, if it has a derivative; those that are not `wanted` may be left out. */
export function applyRule(node: Tensor, cotangent: Tensor, wanted: readonly boolean[]) {
  const { op, inputs, options } = node;
  if (!op.vjp)
    throw new NablaError(
      `${op.name}: no vjp rule; give its record one, or cut the gradient with stopGradient`,
    );
  if (running.has(node))
    throw new NablaError(
      `${op.name}: its vjp differentiates its own output; write the rule in other ops`,
    );
  running.add(node);
  try {
    const lead = cotangent.shape.slice(0, cotangent.rank - node.rank);
    const parts = op.vjp({ inputs, output: node, cotangent, lead, wanted, options });
    const fact = `its vjp returned ${parts?.length ?? 'no'} cotangents for ${inputs.length} inputs`;
    if (parts?.length !== inputs.length)
      throw new NablaError(
        `${op.name}: ${fact}; return one for each, undefined where there is no derivative`,
      );
    checkTensors(`${op.name}: its vjp`, ...parts.filter((part) => part !== undefined));
    return parts;
  } finally {
    running.delete(node);
  }
}

/** Applies a node's vjp rule; each cotangent comes back as E ++ input.shape, broadcasts of pointwise ops summed. */
export function pullBack(node: Tensor, cotangent: Tensor, wanted = node.inputs.map(() => true)) {
  const { op, inputs } = node;
  const extra = cotangent.rank - node.rank;
  const rule = applyRule(node, cotangent, wanted);
  return inputs.map((input, i) => {
    let part = rule[i];
    if (!part) return undefined;
    if (op.kernel.kind === 'pointwise') {
      if (part.rank < cotangent.rank) part = broadcastTo(part, cotangent.shape);
      if (sameShape(part.shape, cotangent.shape)) part = sumTo(part, input.shape, extra);
    }
    if (!sameShape(part.shape, [...cotangent.shape.slice(0, extra), ...input.shape]))
      misfit(
        `${op.name}: its vjp returned`,
        part,
        `for an input of shape ${formatShape(input.shape)}; return that`,
        input.shape,
      );
    return part;
  });
}

/** Throws unless y and the nodes that it is differentiated by are tensors of floats; `what` only floats have. */
export function checkFloats(
  op: string,
  y: Tensor,
  wrt: readonly Tensor[],
  what = 'derivatives',
): void {
  checkTensors(op, ...wrt, y);
  const whole = [...wrt, y].find(({ dtype }) => !isFloat(dtype));
  if (whole === y)
    throw new DTypeError(
      `${op}: y is ${y.dtype}, which has no derivative; differentiate a float`,
      y.dtype,
    );
  if (whole)
    throw new DTypeError(
      `${op}: ${whole.name ?? whole.op.name} is ${whole.dtype}; only floats have ${what}`,
      whole.dtype,
    );
}

function seed(y: Tensor, cotangent: Tensor | undefined): Tensor {
  if (cotangent === undefined) {
    if (y.shape.some((size) => size !== 1))
      throw new ShapeError(
        `grad: y has shape ${formatShape(y.shape)}; sum it to a scalar, or pass { cotangent }`,
        y.shape,
      );
    return ones(y.shape, { dtype: y.dtype });
  }
  checkTensors('grad', cotangent);
  const tail = cotangent.shape.slice(Math.max(0, cotangent.rank - y.rank));
  if (!sameShape(tail, y.shape))
    misfit(
      'grad: cotangent',
      cotangent,
      `does not end in y's shape ${formatShape(y.shape)}; give one that does`,
      y.shape,
    );
  if (cotangent.dtype !== y.dtype)
    throw new DTypeError(
      `grad: cotangent is ${cotangent.dtype} and y is ${y.dtype}; cast one`,
      cotangent.dtype,
      y.dtype,
    );
  return cotangent;
}

/** Told of a node once all its derivatives have arrived: their sum, and each with the node that sent it. */
export type Visit = (
  node: Tensor,
  sum: Tensor,
  incoming: readonly { from: Tensor; value: Tensor }[],
) => void;
export const total = (parts: readonly Tensor[]): Tensor =>
  parts.reduce((sum, part) => add(sum, part));

/**
 * The backward walk: each node that lies between y and `wrt` is visited once, users first, with the cotangents that
 * arrived over the branches of its fork and their sum. y itself starts from `cotangent`.
 */
export function backpropagate(
  y: Tensor,
  wrt: readonly Tensor[],
  cotangent: Tensor,
  visit: Visit,
): void {
  const order = topological([y]);
  const active = dependents(order, new Set(wrt));
  const arrived = new Map<Tensor, { from: Tensor; value: Tensor }[]>(
    order.map((node) => [node, []]),
  );
  for (const node of order.reverse()) {
    const incoming = arrived.get(node)!;
    arrived.delete(node);
    if (!active.has(node) || (node !== y && incoming.length === 0)) continue;
    const gradient = node === y ? cotangent : total(incoming.map(({ value }) => value));
    visit(node, gradient, incoming);
    const wanted = node.inputs.map((input) => active.has(input));
    if (!wanted.includes(true)) continue;
    pullBack(node, gradient, wanted).forEach((value, i) => {
      if (value && wanted[i]) arrived.get(node.inputs[i]!)!.push({ from: node, value });
    });
  }
}

/** A tensor for each of `T`, in the same places. */
export type EachTensor<T extends readonly Tensor[]> = { -readonly [K in keyof T]: Tensor };

/** Options of `grad`. */
export interface GradOptions {
  /** ∂(result)/∂y, of y's shape; extra leading axes give one gradient each. Required unless y is a scalar. */
  cotangent?: Tensor;
}

/**
 * Reverse mode: ∂y/∂wrt as graph nodes of wrt's shapes, contracted with the cotangent (1 for a scalar y).
 * `wrt` may be any nodes; the gradient is zero for nodes that y does not depend on. Visits each node once and sums the
 * cotangents of all its users.
 * Throws ShapeError for a non-scalar y without a cotangent, DTypeError for an integer `wrt`.
 */
export function grad(y: Tensor, wrt: Tensor, options?: GradOptions): Tensor;
/** The same for several nodes: one gradient each, in the same order. */
export function grad<const T extends readonly Tensor[]>(
  y: Tensor,
  wrt: T,
  options?: GradOptions,
): EachTensor<T>;
export function grad(
  y: Tensor,
  wrt: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor | Tensor[] {
  const targets = (Array.isArray(wrt) ? wrt : [wrt]) as readonly Tensor[];
  checkFloats('grad', y, targets, 'gradients');
  const cotangent = seed(y, checkOptions('grad', options, '', 'cotangent').cotangent);
  const lead = cotangent.shape.slice(0, cotangent.rank - y.rank);
  const found = new Map<Tensor, Tensor>();
  backpropagate(y, targets, cotangent, (node, gradient) => found.set(node, gradient));
  const gradients = targets.map(
    (x) => found.get(x) ?? zeros([...lead, ...x.shape], { dtype: x.dtype }),
  );
  return Array.isArray(wrt) ? gradients : gradients[0]!;
}
