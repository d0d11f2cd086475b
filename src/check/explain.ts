// explain: values, local derivatives and cotangents of every node of a small graph, also as a Mermaid diagram.
import { pushForward, pushThrough } from '../autodiff/forward.js';
import { backpropagate, checkFloats, pullBack, type Visit } from '../autodiff/reverse.js';
import type { TensorData } from '../core/dtype.js';
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js';
import { feedsByNode, type NodeFeeds } from '../graph/program.js';
import type { Tensor, Tensors } from '../graph/tensor.js';
import { dependents, topological } from '../graph/walk.js';
import { eye, ones } from '../ops/leaf.js';
import type { Runner } from './gradCheck.js';

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
  readonly incoming: readonly { readonly from: number; readonly value: TensorData }[];
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

/** ∂node/∂input i. */
function localDerivative(node: Tensor, i: number): Tensor | undefined {
  const { op, inputs, shape, dtype } = node;
  if (op.kernel.kind === 'pointwise')
    return pushForward(node, i, ones(inputs[i]!.shape, { dtype }));
  const entries = sizeOf(shape) * Math.max(sizeOf(shape), sizeOf(inputs[i]!.shape));
  const rank = node.rank + Math.max(node.rank, inputs[i]!.rank);
  return entries > LARGEST_JACOBIAN || rank > MAX_RANK ? undefined : pullBack(node, eye(shape))[i];
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
  const [x] = targets;
  const mode =
    targets.length === 1 && sizeOf(x!.shape) === 1 && sizeOf(y.shape) > 1 ? 'forward' : 'reverse';
  const order = topological([y]);
  const active = dependents(order, targets);
  const found = new Map<Tensor, { gradient: Tensor; incoming: Parameters<Visit>[2] }>();
  const visit: Visit = (node, gradient, incoming) => found.set(node, { gradient, incoming });
  if (mode === 'forward') pushThrough(y, [x!], [ones(x!.shape, { dtype: x!.dtype })], [], visit);
  else backpropagate(y, targets, y.rank === 0 ? ones([], { dtype: y.dtype }) : eye(y.shape), visit);
  const localsOf = (node: Tensor): (Tensor | undefined)[] =>
    node.inputs.map((input, i) =>
      found.has(node) && active.has(input) ? localDerivative(node, i) : undefined,
    );
  const locals = new Map(order.map((node) => [node, localsOf(node)]));
  const derived = [...found.values()].flatMap(({ gradient, incoming }) => [
    gradient,
    ...incoming.map((x) => x.value),
  ]);
  const wanted = new Set([...order, ...derived, ...[...locals.values()].flat()]);
  const tensors = [...wanted].filter((each) => each !== undefined);
  const given = feedsByNode('explain', topological([y, ...targets]), feeds);
  const results = await engine.run(tensors, given);
  const value = new Map(tensors.map((tensor, i) => [tensor, results[i]!]));
  const nodes = order.map((node): ExplainedNode => {
    const derivative = found.get(node);
    return {
      id: node.id,
      op: node.op.name,
      ...(node.name === undefined ? {} : { name: node.name }),
      inputs: node.inputs.map(({ id }) => id),
      value: value.get(node)!,
      local: locals.get(node)!.map((each) => each && value.get(each)!),
      incoming: (derivative?.incoming ?? []).map((each) => ({
        from: each.from.id,
        value: value.get(each.value)!,
      })),
      ...(derivative ? { gradient: value.get(derivative.gradient)! } : {}),
    };
  });
  return { mode, nodes };
}

/** The computation graph of y as a Mermaid flowchart, inputs below. */
export function toMermaid(y: Tensor): string {
  const order = topological([y]);
  const label = (node: Tensor): string => {
    const { value } = node.options as { value?: number | TensorData };
    const single = typeof value === 'object' && value.data.length === 1 ? value.data[0] : value;
    const title =
      node.name ??
      (typeof single === 'number' && node.inputs.length === 0 ? String(single) : node.op.name);
    return `"${`${title}${node.rank ? ` ${formatShape(node.shape)}` : ''}`.replaceAll('"', '#quot;')}"`;
  };
  return [
    'flowchart BT',
    ...order.map((node) =>
      node.inputs.length ? `  n${node.id}[${label(node)}]` : `  n${node.id}([${label(node)}])`,
    ),
    ...order.flatMap((node) => node.inputs.map((input) => `  n${input.id} --> n${node.id}`)),
  ].join('\n');
}
