// explain: values, local derivatives and cotangents of every node of a small graph, also as a Mermaid diagram.
import { pushForward, pushThrough } from '../autodiff/forward.js';
import { backpropagate, checkFloats, pullBack, total, type Visit } from '../autodiff/reverse.js';
import type { TensorData } from '../core/dtype.js';
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js';
import { feedsByNode, type NodeFeeds } from '../graph/program.js';
import { onlyAt, outputIndex, sourcesOf } from '../graph/several.js';
import { nameOf, type Tensor, type Tensors } from '../graph/tensor.js';
import { dependents, topological } from '../graph/walk.js';
import { eye, ones } from '../ops/leaf.js';
import type { Runner } from './gradCheck.js';

/** What a node's gradient is given by one of its users, the node of this id. */
interface Contribution {
  readonly from: number;
  readonly value: TensorData;
}
/** One node of an explained graph: its value, its local gradients, and its incoming gradients. */
export interface ExplainedNode {
  /** The tensor's id. */
  readonly id: number;
  readonly op: string;
  readonly name?: string;
  /** Ids of the inputs. */
  readonly inputs: readonly number[];
  readonly value: TensorData;
  /**
   * ∂node/∂input for each input on a path to `wrt`: of the node's shape for elementwise ops, else the Jacobian
   * [...node, ...input]. Undefined on no path, without a derivative, and for Jacobians above 2¹⁶ entries.
   */
  readonly local: readonly (TensorData | undefined)[];
  /** The gradient from each user of the node; `gradient` is their sum. */
  readonly incoming: readonly Contribution[];
  /** ∂y/∂node [...y, ...node] in reverse mode, ∂node/∂wrt in forward mode; absent on no path to `wrt`. */
  readonly gradient?: TensorData;
}
/** Result of `explain`: the nodes in topological order. */
export interface Explanation {
  /** Forward for a vector y of one scalar, where one pass gives all derivatives; else reverse. */
  readonly mode: 'reverse' | 'forward';
  /** Inputs before users; the last one is y. */
  readonly nodes: readonly ExplainedNode[];
}

const LARGEST_JACOBIAN = 2 ** 16;

/** ∂node/∂source i, where sources are what the node's value is computed from. */
function localDerivative(node: Tensor, i: number): Tensor | undefined {
  const { op, shape, dtype } = node;
  const source = sourcesOf(node)[i]!;
  if (op.kernel.kind === 'pointwise') return pushForward(node, i, ones(source.shape, { dtype }))[0];
  const entries = sizeOf(shape) * Math.max(sizeOf(shape), sizeOf(source.shape));
  const rank = node.rank + Math.max(node.rank, source.rank);
  if (entries > LARGEST_JACOBIAN || rank > MAX_RANK) return undefined;
  return pullBackFrom(node, eye(shape))[i];
}

/** Cotangents of a node's sources that its own cotangent gives. */
function pullBackFrom(node: Tensor, cotangent: Tensor): (Tensor | undefined)[] {
  const index = outputIndex(node);
  if (index === undefined) return pullBack(node, [cotangent]);
  const call = node.inputs[0]!;
  return pullBack(call, onlyAt(call, index, cotangent));
}

/** Derivatives that arrived at a node, each from a node that has a value. */
type Incoming = Parameters<Visit>[2];
/** The sum of a node's derivatives, and what it is the sum of. */
type Found = ReadonlyMap<Tensor, { readonly gradient: Tensor; readonly incoming: Incoming }>;

/** What arrived through a node of several outputs, by the outputs or sources that it came from. */
function incomingOf(node: Tensor, found: Found, mode: Explanation['mode']): Incoming {
  const arrived = found.get(node)?.incoming ?? [];
  const calls = new Set(arrived.flatMap(({ from }) => (from.outputs ? from : [])));
  if (calls.size === 0) return arrived;
  const direct = arrived.filter(({ from }) => !calls.has(from));
  if (mode === 'forward') {
    const pushed = sourcesOf(node).map((from, i) => {
      const tangent = found.get(from)?.gradient;
      const values = tangent ? pushForward(node.inputs[0]!, i, tangent) : [];
      return { from, value: values[outputIndex(node)!] };
    });
    return [...direct, ...pushed.flatMap(({ from, value }) => (value ? { from, value } : []))];
  }
  const outputs = [...found].filter(([{ inputs }]) => inputs.some((call) => calls.has(call)));
  const pulled = outputs.map(([from, { gradient }]) => {
    const parts = pullBackFrom(from, gradient);
    const own = parts.filter((part, i) => part && sourcesOf(from)[i] === node);
    return { from, parts: own.filter((part) => part !== undefined) };
  });
  const given = pulled.filter(({ parts }) => parts.length > 0);
  return [...direct, ...given.map(({ from, parts }) => ({ from, value: total(parts) }))];
}

/** Derivatives of all nodes between y and the targets. */
function derivativesOf(y: Tensor, targets: readonly Tensor[]) {
  const [x] = targets;
  const isColumn = targets.length === 1 && sizeOf(x!.shape) === 1 && sizeOf(y.shape) > 1;
  const mode = isColumn ? ('forward' as const) : ('reverse' as const);
  const found = new Map<Tensor, { gradient: Tensor; incoming: Incoming }>();
  const visit: Visit = (node, gradient, incoming) => found.set(node, { gradient, incoming });
  if (isColumn) pushThrough(y, [x!], [ones(x!.shape, { dtype: x!.dtype })], [], visit);
  else {
    const cotangent = y.rank === 0 ? ones([], { dtype: y.dtype }) : eye(y.shape);
    backpropagate(y, targets, cotangent, visit);
  }
  return { mode, found };
}

/**
 * The computation of y and its derivatives with respect to `wrt`, as plain data: each node's value, its local
 * gradients, each backpropagated contribution and their sum. One run of the engine evaluates each needed node once.
 */
export async function explain(
  engine: Runner,
  y: Tensor,
  wrt: Tensors,
  feeds: NodeFeeds = {},
): Promise<Explanation> {
  const targets = (Array.isArray(wrt) ? wrt : [wrt]) as readonly Tensor[];
  checkFloats('explain', y, targets);
  const { mode, found } = derivativesOf(y, targets);
  const all = topological([y]);
  const active = dependents(all, targets);
  const shown = all.filter((node) => !node.outputs);
  const explained = shown.map((node) => ({
    node,
    gradient: found.get(node)?.gradient,
    incoming: incomingOf(node, found, mode),
    locals: sourcesOf(node).map((source, i) =>
      found.has(node) && active.has(source) ? localDerivative(node, i) : undefined,
    ),
  }));
  const derived = explained.flatMap(({ gradient, incoming, locals }) => {
    const given = incoming.map(({ value }) => value);
    return [gradient, ...given, ...locals];
  });
  const wanted = new Set([...shown, ...derived]);
  const tensors = [...wanted].filter((each) => each !== undefined);
  const given = feedsByNode('explain', topological([y, ...targets]), feeds);
  const results = await engine.run(tensors, given);
  const values = new Map(tensors.map((tensor, i) => [tensor, results[i]!]));
  const resultOf = (tensor: Tensor): TensorData => values.get(tensor)!;
  const nodes = explained.map(({ node, gradient, incoming, locals }): ExplainedNode => {
    return {
      id: node.id,
      op: nameOf(node),
      ...(node.name === undefined ? {} : { name: node.name }),
      inputs: sourcesOf(node).map(({ id }) => id),
      value: resultOf(node),
      local: locals.map((each) => each && resultOf(each)),
      incoming: incoming.map(({ from, value }) => ({ from: from.id, value: resultOf(value) })),
      ...(gradient ? { gradient: resultOf(gradient) } : {}),
    };
  });
  return { mode, nodes };
}

/** The computation graph of y as a Mermaid flowchart, inputs below. */
export function toMermaid(y: Tensor): string {
  const order = topological([y]).filter((node) => !node.outputs);
  const label = (node: Tensor): string => {
    const { value } = node.options as { value?: number | TensorData };
    const single = typeof value === 'object' && value.data.length === 1 ? value.data[0] : value;
    const isNumber = typeof single === 'number' && node.inputs.length === 0;
    const title = node.name ?? (isNumber ? String(single) : nameOf(node));
    const text = node.rank ? `${title} ${formatShape(node.shape)}` : title;
    return `"${text.replaceAll('"', '#quot;')}"`;
  };
  const boxes = order.map((node) => {
    const [open, close] = node.inputs.length ? ['[', ']'] : ['([', '])'];
    return `  n${node.id}${open}${label(node)}${close}`;
  });
  const arrows = order.flatMap((node) =>
    sourcesOf(node).map(({ id }) => `  n${id} --> n${node.id}`),
  );
  return ['flowchart BT', ...boxes, ...arrows].join('\n');
}
