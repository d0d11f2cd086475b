// Reverse-mode derivatives: grad, by backpropagation of cotangents through the graph.
import { isFloat } from '../core/dtype.js';
import { DTypeError, NablaError, ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { formatShape, type Shape, sameShape } from '../core/shape.js';
import type { Form, Options } from '../graph/op.js';
import { isParameter } from '../graph/program.js';
import { definitionOf } from '../graph/record.js';
import { checkCotangents, checkShapeOf } from '../graph/rules.js';
import { outputIndex, outputsOf } from '../graph/several.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { dependents, topological } from '../graph/walk.js';
import { add } from '../ops/arithmetic.js';
import { copy } from '../ops/cast.js';
import { ones, zeros } from '../ops/leaf.js';
import { gradient, seed } from '../ops/marks.js';
import { broadcastTo, misfit, sumTo } from '../ops/view.js';

/** Nodes whose rules are being applied. */
const running = new Set<Tensor>();

/** Cotangents of a node: of its value, or one for each output where it has several; undefined where none arrived. */
export type Cotangents = readonly (Tensor | undefined)[];

/** The forms of what a node computes: of its value, or of its outputs. */
export const formsOf = (node: Tensor): readonly Form[] => node.outputs ?? [node];

/** The sizes of the extra leading axes E that cotangents of a node carry. */
function leadOf(node: Tensor, cotangents: Cotangents): Shape {
  const forms = formsOf(node);
  const i = cotangents.findIndex((each) => each !== undefined);
  const { shape, rank } = cotangents[i]!;
  return shape.slice(0, rank - forms[i]!.shape.length);
}

/** Derivatives of an op that other ops define, by those. */
function throughDefinition(
  define: (inputs: readonly Tensor[], options: Options) => Tensor | readonly Tensor[],
  { inputs, options }: Tensor,
  cotangents: Cotangents,
  wanted: readonly boolean[],
): (Tensor | undefined)[] {
  // copies, because one input may depend on another
  const own = inputs.map(copy);
  const results = [define(own, options)].flat();
  const chosen = own.filter((_, i) => wanted[i] && isFloat(own[i]!.dtype));
  const parts = results.flatMap((y, i) => {
    const cotangent = cotangents[i];
    return cotangent ? [pullThrough(y, chosen, cotangent)] : [];
  });
  return own.map((each) => {
    const at = chosen.indexOf(each);
    const found = parts.map((gradients) => gradients[at]).filter((part) => part !== undefined);
    return found.length > 0 ? total(found) : undefined;
  });
}

/** What a node's vjp rule gives for each input, if it has a derivative; those that are not `wanted` may be left out. */
export function applyRule(
  node: Tensor,
  cotangents: Cotangents,
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const { op, inputs, options } = node;
  const context = { inputs, lead: leadOf(node, cotangents), wanted, options };
  if (op.vjp && running.has(node))
    throw new NablaError(
      `${op.name}: its vjp differentiates its own output; write the rule in other ops`,
    );
  const define = definitionOf(op);
  // a rule need not carry leading axes where the definition does
  if (define && (!op.vjp || (context.lead.length > 0 && op.kernel.kind === 'written')))
    return throughDefinition(define, node, cotangents, wanted);
  if (!op.vjp) {
    throw new NablaError(
      `${op.name}: no vjp rule; give its record one, or cut the gradient with stopGradient`,
    );
  }
  running.add(node);
  try {
    const parts = op.outputs
      ? op.vjp({ ...context, outputs: outputsOf(node), cotangents })
      : op.vjp({ ...context, output: node, cotangent: cotangents[0]! });
    checkCotangents(op, parts, inputs);
    return parts;
  } finally {
    running.delete(node);
  }
}

/** Applies a node's vjp rule; each cotangent comes back as E ++ input.shape, broadcasts of pointwise ops summed. */
export function pullBack(
  node: Tensor,
  cotangents: Cotangents,
  wanted: readonly boolean[] = node.inputs.map(() => true),
): (Tensor | undefined)[] {
  const { op, inputs } = node;
  const lead = leadOf(node, cotangents);
  const rule = applyRule(node, cotangents, wanted);
  return inputs.map((input, i) => {
    let part = rule[i];
    if (!part) return undefined;
    if (op.kernel.kind === 'pointwise') {
      const whole = [...lead, ...node.shape];
      if (part.rank < whole.length) part = broadcastTo(part, whole);
      if (sameShape(part.shape, whole)) part = sumTo(part, input.shape, lead.length);
    }
    checkShapeOf(op, 'vjp', part, input, lead);
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

/** What the cotangent of y is: that given, or 1 for a scalar. */
function cotangentOf(y: Tensor, cotangent: Tensor | undefined): Tensor {
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
  const sum = (incoming: readonly { value: Tensor }[]): Tensor | undefined =>
    incoming.length > 0 ? total(incoming.map(({ value }) => value)) : undefined;
  for (const node of order.reverse()) {
    const incoming = arrived.get(node)!;
    arrived.delete(node);
    if (!active.has(node) || (node !== y && incoming.length === 0)) continue;
    const cotangents = formsOf(node).map((_, i) => {
      if (node === y) return cotangent;
      return sum(node.outputs ? incoming.filter(({ from }) => outputIndex(from) === i) : incoming);
    });
    const [gradient] = cotangents;
    if (gradient && !node.outputs) visit(node, gradient, incoming);
    const wanted = node.inputs.map((input) => active.has(input));
    if (!wanted.includes(true)) continue;
    const parts = outputIndex(node) === undefined ? pullBack(node, cotangents, wanted) : cotangents;
    parts.forEach((value, i) => {
      if (value && wanted[i]) arrived.get(node.inputs[i]!)!.push({ from: node, value });
    });
  }
}

/** ∂y/∂x for each x of `wrt`, contracted with a cotangent: the sum of what arrives there, and nothing where none does. */
export function pullThrough(
  y: Tensor,
  wrt: readonly Tensor[],
  cotangent: Tensor,
): (Tensor | undefined)[] {
  const found = new Map<Tensor, Tensor>();
  backpropagate(y, wrt, cotangent, (node, sum) => found.set(node, sum));
  return wrt.map((x) => found.get(x));
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
  const cotangent = cotangentOf(y, checkOptions('grad', options, '', 'cotangent').cotangent);
  const lead = cotangent.shape.slice(0, cotangent.rank - y.rank);
  const pass = ones([]);
  const found = pullThrough(y, targets, seed.put(cotangent, pass));
  const gradients = targets.map((x, i) => {
    const value = found[i];
    if (!value) return zeros([...lead, ...x.shape], { dtype: x.dtype });
    return isParameter(x) ? gradient.put(value, pass, x) : gradient.put(value, pass);
  });
  return Array.isArray(wrt) ? gradients : gradients[0]!;
}
