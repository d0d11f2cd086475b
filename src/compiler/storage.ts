// Decides which nodes are stored in buffers. All others are written into the kernels of their users.
import { isFloat } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { programNodes } from '../graph/program.js';
import { outputIndex, outputsOf } from '../graph/several.js';
import type { Tensor } from '../graph/tensor.js';
import { base, halvesOf, origin } from '../graph/views.js';
import { topological } from '../graph/walk.js';
import { fusion, operations, products, storing, textLengths } from '../planning/limits.js';
import { isLiteral, isVirtual } from '../planning/nodes.js';
import { type Aliases, findAliases } from './aliases.js';
import type { Lowered } from './scalars.js';

/** Which nodes of a program get a buffer. */
export interface Storage {
  /** Every node, inputs first. */
  readonly order: readonly Tensor[];
  /** Of nodes that compute several outputs: these, each of them a node of `order`. */
  readonly outputs: ReadonlyMap<Tensor, Outputs>;
  readonly stored: ReadonlySet<Tensor>;
  /** Stored nodes that lie inside others. */
  readonly aliases: Aliases;
  /** Stored values that no other kernel or loop may compute again, because they are compared for equality. */
  readonly compared: ReadonlySet<Tensor>;
  /** What outputs and parameters become. */
  readonly results: readonly Tensor[];
  /** The latter of them; kernels that make these make nothing else. */
  readonly nexts: ReadonlySet<Tensor>;
}

/** A node for each output of an op that has several. */
type Outputs = readonly [Tensor, ...Tensor[]];

/** Nodes in order, with those of all outputs: a kernel writes what nobody reads too. */
function withOutputs(nodes: readonly Tensor[]) {
  const taken = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    const index = outputIndex(node);
    const [call] = node.inputs;
    if (index === undefined || !call) continue;
    const outputs = taken.get(call) ?? [...outputsOf(call)];
    outputs[index] = node;
    taken.set(call, outputs);
  }
  const isTaken = new Set(nodes);
  const order = nodes.flatMap((node) => [
    node,
    ...(taken.get(node) ?? []).filter((output) => !isTaken.has(output)),
  ]);
  return { order, outputs: taken as ReadonlyMap<Tensor, readonly Tensor[]> as Storage['outputs'] };
}

/** What widens halves is part of what reads them. */
const operationsOf = (node: Tensor): number =>
  halvesOf(node) ? 0 : operations[node.op.cost ?? 'dear'];
const textLengthOf = (node: Tensor): number =>
  textLengths[halvesOf(node) ? 'free' : (node.op.cost ?? 'dear')];

/**
 * What gets a buffer: leaves, outputs, what heavy ops make and read, shared work, and cuts of large expressions. Values of
 * `apart` may not lie in others. `inPlace` says that products read through views.
 */
export function storageOf(
  program: Lowered,
  apart: ReadonlySet<Tensor>,
  storageBuffers: number,
  inPlace: boolean,
): Storage {
  const { order, outputs } = withOutputs(programNodes(program));
  const nexts = new Set(program.updates.map(([, next]) => base(next)));
  const results = [...program.outputs.map(base), ...nexts];
  const compared = new Set(order.filter(comparesBits).flatMap(({ inputs }) => inputs.map(origin)));
  const { scalars } = program;
  const stored = new Set([
    ...results,
    ...order.flatMap((node) => storedFor(node, inPlace)),
    ...compared,
    ...(scalars ? [scalars] : []),
  ]);
  const aliases = findAliases(order, stored, new Set([...nexts, ...apart]), scalars);
  if (!program.recompute) storeShared(order, stored, nexts, inPlace);
  cutLarge(order, stored, Math.max(1, storageBuffers - storing.written), scalars);
  return { order, outputs, stored, aliases, compared, results, nexts };
}

/** Floats that are compared for equality (the winners of a maximum) are read: computed again they may differ in a bit. */
const comparesBits = ({ op, inputs }: Tensor): boolean =>
  op.comparesBits === true && inputs.every((input) => isFloat(input.dtype) && !isLiteral(input));

/** What an op has stored: its own result if it is heavy, and what it reads by buffers. */
function storedFor(node: Tensor, inPlace: boolean): Tensor[] {
  const { kernel, recomputable } = node.op;
  switch (kernel.kind) {
    case 'pointwise':
    case 'index':
      return recomputable === false ? [base(node)] : [];
    case 'matmul':
      return [node, ...node.inputs.flatMap((input) => storedForProduct(input, inPlace))];
    case 'across':
    case 'written':
      return [...(node.outputs ? [] : [node]), ...node.inputs.map(base)];
    case 'scatter':
      return [node, ...node.inputs.slice(1).map(base)];
    case 'output':
    case 'reduce':
    case 'leaf':
    case 'composed':
      return [node];
    default:
      return kernel satisfies never;
  }
}

/** A product's operand, or what that is read from: halves that the product widens, and what lies under views that it reads. */
function storedForProduct(operand: Tensor, inPlace: boolean): Tensor[] {
  const node = base(operand);
  const isRead = halvesOf(node) !== undefined || isReadThrough(node, inPlace);
  return isRead ? node.inputs.flatMap((input) => storedForProduct(input, inPlace)) : [node];
}

/** Whether a product reads through a view that offers it: everywhere where that is too large to be written out. */
function isReadThrough({ op, shape }: Tensor, inPlace: boolean): boolean {
  const isOffered = op.kernel.kind === 'index' && op.readsInPlace === true;
  return isOffered && (inPlace || sizeOf(shape) > products.largestWindows);
}

/** Stores a shared expression where writing it into each user would compute more than a buffer costs. */
function storeShared(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  nexts: ReadonlySet<Tensor>,
  inPlace: boolean,
): void {
  const isExpression = (node: Tensor): boolean => isVirtual(node) && !stored.has(node);
  /** Operations an element of each node's expression. */
  const costs = new Map<Tensor, number>();
  for (const node of order) {
    const read = node.inputs.filter(isExpression);
    const cost = read.reduce((total, input) => total + (costs.get(input) ?? 0), operationsOf(node));
    costs.set(node, Math.min(cost, fusion.ops));
  }
  /** The kernels that would compute it, and elements of the largest node that reads it. */
  const sinks = new Map(order.map((node) => [node, new Set<number>()]));
  const widest = new Map<Tensor, number>();
  const isWorthBuffer = (node: Tensor): boolean => {
    if (inPlace && isReadThrough(base(node), inPlace)) return false;
    const cost = costs.get(node) ?? 0;
    const size = sizeOf(node.shape);
    const again = (sinks.get(node)?.size ?? 0) - 1;
    const repeats = size > 1 ? (widest.get(node) ?? 0) / size : 1;
    return (
      again * cost > storing.operations || (repeats >= storing.repeats && cost >= storing.worth)
    );
  };
  for (const node of [...order].reverse()) {
    if (isExpression(node) && isWorthBuffer(node)) stored.add(base(node));
    // all updates of a model become one kernel
    const own = [nexts.has(node) ? -1 : node.id];
    const sink = isExpression(node) ? (sinks.get(node) ?? []) : own;
    for (const input of node.inputs) {
      for (const each of sink) sinks.get(input)?.add(each);
      widest.set(input, Math.max(widest.get(input) ?? 0, sizeOf(node.shape)));
    }
  }
}

/** An expression as it would be written into one kernel. */
interface Expression {
  /** What it reads, over virtual nodes on the way. */
  readonly reads: ReadonlySet<Tensor>;
  /** Ops of its text. */
  readonly length: number;
}

/** The nodes that are written into the kernel of a stored one. */
const expressionUnder = (node: Tensor, stored: ReadonlySet<Tensor>): Tensor[] =>
  topological([node], ({ inputs }) =>
    inputs.filter((input) => isVirtual(input) && !stored.has(base(input))),
  );

/** Stores parts of expressions that read or compute too much for one kernel. */
function cutLarge(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  mostReads: number,
  scalars: Tensor | undefined,
): void {
  const expressions = new Map<Tensor, Expression>();
  const ofScalars = new Set(scalars ? expressionUnder(scalars, stored) : []);
  // what is stored lies under the reshapes, which then cost nothing
  const partOf = (input: Tensor): Expression => {
    const known = stored.has(base(input)) ? undefined : expressions.get(input);
    return known ?? { reads: new Set([base(input)]), length: 0 };
  };
  const expressionOf = (node: Tensor): Expression => {
    const read = node.inputs.filter((input) => !isLiteral(input));
    const length = node.inputs.reduce(
      (total, input) => total + partOf(input).length,
      textLengthOf(node),
    );
    return { reads: new Set(read.flatMap((input) => [...partOf(input).reads])), length };
  };
  for (const node of order.filter((each) => outputIndex(each) === undefined)) {
    const most = isVirtual(node) ? mostReads : mostReads - 1;
    const longest = ofScalars.has(node) ? fusion.scalars : fusion.ops;
    const isTooLarge = ({ reads, length }: Expression): boolean =>
      reads.size > most || length > longest;
    let expression = expressionOf(node);
    while (isTooLarge(expression)) {
      const parts = node.inputs.filter((each) => !stored.has(base(each)) && !isLiteral(each));
      const [cut] = parts.sort((a, b) => largerFirst(a, partOf(a), b, partOf(b)));
      if (!cut) break;
      stored.add(base(cut));
      expression = expressionOf(node);
    }
    expressions.set(node, expression);
  }
}

/** Orders parts of an expression: what reads most is cut first, then what is smallest, then what is longest. */
const largerFirst = (a: Tensor, partA: Expression, b: Tensor, partB: Expression): number =>
  partB.reads.size - partA.reads.size ||
  sizeOf(a.shape) - sizeOf(b.shape) ||
  partB.length - partA.length;
