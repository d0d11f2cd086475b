// Decides which nodes are stored in buffers, which are computed inside other kernels, and which share memory.
import { bytesPerElement, isFloat } from '../core/dtype.js';
import { type Shape, sizeOf, stridesOf } from '../core/shape.js';
import type { Cost } from '../graph/op.js';
import { isParameter, type Program, programNodes } from '../graph/program.js';
import { filledWith, type Tensor } from '../graph/tensor.js';
import { isCast } from '../ops/cast.js';
import { type ResizeOptions, startsOf } from '../ops/slice.js';
import { ALIGNMENT, fusion, products } from '../planning/limits.js';

/** Reshapes share memory with what they reshape. */
export function base(node: Tensor): Tensor {
  let at = node;
  while (at.op.view === 'reshape') at = at.inputs[0]!;
  return at;
}

/** What a repeated, reordered or widened value is read from. */
function underViews(node: Tensor): Tensor {
  let at = base(node);
  while (at.op.view === 'repeat' || at.op.view === 'permute' || halvesOf(at))
    at = base(at.inputs[0]!);
  return at;
}

export const isLeaf = (node: Tensor): boolean => node.op.kernel.kind === 'leaf';
export const isLiteral = (node: Tensor): boolean => filledWith(node) !== undefined;
/** Written into the kernels of its users unless it is stored. */
export const isVirtual = (node: Tensor): boolean =>
  node.op.kernel.kind === 'pointwise' || node.op.kernel.kind === 'index';

/** Operations that an op counts as, where it may be computed again. */
const costs: Readonly<Record<Cost, number>> = { free: 0, cheap: 1, dear: 4, heavy: 4 };
/** Ops that it counts as in the text of a kernel. */
const lengths: Readonly<Record<Cost, number>> = { free: 0.1, cheap: 1, dear: 1, heavy: 12 };
const costOf = (node: Tensor): number => (halvesOf(node) ? 0 : costs[node.op.cost ?? 'dear']);
const lengthOf = (node: Tensor): number =>
  halvesOf(node) ? lengths.free : lengths[node.op.cost ?? 'dear'];

/** Stores a shared expression where writing it into each user would compute more than a buffer costs. */
function storeShared(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  nexts: ReadonlySet<Tensor>,
): void {
  const sinks = new Map<Tensor, Set<number>>(order.map((node) => [node, new Set()]));
  const widest = new Map<Tensor, number>();
  const costs = new Map<Tensor, number>();
  for (const node of order) {
    const read = node.inputs.filter((input) => isVirtual(input) && !stored.has(input));
    const cost = read.reduce((total, input) => total + costs.get(input)!, costOf(node));
    costs.set(node, Math.min(cost, fusion.ops));
  }
  for (const node of [...order].reverse()) {
    const own = sinks.get(node)!;
    if (isVirtual(node) && !stored.has(node)) {
      const cost = costs.get(node)!;
      const repeats = sizeOf(node.shape) > 1 ? (widest.get(node) ?? 0) / sizeOf(node.shape) : 1;
      if ((own.size - 1) * cost > 4 || (repeats >= 4 && cost >= 3)) stored.add(base(node));
    }
    // all updates of a model become one kernel
    const sink = stored.has(node) || !isVirtual(node) ? [nexts.has(node) ? -1 : node.id] : own;
    for (const input of node.inputs) {
      for (const each of sink) sinks.get(input)!.add(each);
      widest.set(input, Math.max(widest.get(input) ?? 0, sizeOf(node.shape)));
    }
  }
}

/**
 * Decides which nodes get a buffer: leaves, outputs, what heavy ops make and read, shared work, and cuts of large
 * expressions. All others are written into the kernels of their users.
 */
export function partition(program: Program, apart: ReadonlySet<Tensor>, storageBuffers: number) {
  const order = programNodes(program);
  const nexts = new Set(program.updates.map(([, next]) => base(next)));
  const results = [...program.outputs.map(base), ...nexts];
  const stored = new Set(results);
  const compared = new Set<Tensor>();
  for (const node of order) {
    const { kind } = node.op.kernel;
    if (!isVirtual(node)) stored.add(node);
    if (kind === 'matmul')
      for (const input of node.inputs)
        for (const read of readsInPlace(input) ? base(input).inputs : [input])
          stored.add(base(read));
    if (kind === 'scatter') stored.add(base(node.inputs[1]!));
    // floats that are compared for equality (the winners of a maximum) are read: computed again they may differ in a bit
    if (
      node.op.comparesBits &&
      node.inputs.every((input) => isFloat(input.dtype) && !isLiteral(input))
    )
      for (const input of node.inputs) compared.add(underViews(input));
  }
  for (const node of compared) stored.add(node);
  const aliases = findAliases(order, stored, new Set([...nexts, ...apart]));
  if (!program.recompute) storeShared(order, stored, nexts);
  // two are for what a kernel writes
  cutLarge(order, stored, Math.max(1, storageBuffers - 2));
  return {
    /** Every node, inputs first. */
    order,
    stored: stored as ReadonlySet<Tensor>,
    /** Stored nodes that lie inside others. */
    aliases,
    /** Stored values that no other kernel or loop may compute again, because they are compared for equality. */
    compared: compared as ReadonlySet<Tensor>,
    /** What outputs and parameters become. */
    results,
    /** The latter of them; kernels that make these make nothing else. */
    nexts,
  };
}

/** Stores parts of expressions that read or compute too much for one kernel. */
function cutLarge(order: readonly Tensor[], stored: Set<Tensor>, mostReads: number): void {
  /** What each node's expression reads, over virtual nodes on the way. */
  const frontiers = new Map<Tensor, Set<Tensor>>();
  const ops = new Map<Tensor, number>();
  // what is stored lies under the reshapes, which then cost nothing
  const isCut = (input: Tensor): boolean => stored.has(base(input));
  const readsOf = (input: Tensor): Tensor[] =>
    isCut(input) ? [base(input)] : [...frontiers.get(input)!];
  const opsOf = (input: Tensor): number => (isCut(input) ? 0 : ops.get(input)!);
  for (const node of order) {
    for (;;) {
      const reads = new Set(node.inputs.filter((input) => !isLiteral(input)).flatMap(readsOf));
      const count = node.inputs.reduce((total, input) => total + opsOf(input), lengthOf(node));
      frontiers.set(node, reads);
      ops.set(node, count);
      if (reads.size <= (isVirtual(node) ? mostReads : mostReads - 1) && count <= fusion.ops) break;
      const [cut] = node.inputs
        .filter((input) => !isCut(input) && !isLiteral(input))
        .sort(
          (a, b) =>
            frontiers.get(b)!.size - frontiers.get(a)!.size ||
            sizeOf(a.shape) - sizeOf(b.shape) ||
            ops.get(b)! - ops.get(a)!,
        );
      if (!cut) break;
      stored.add(base(cut));
    }
  }
}

/** The halves that a node widens to f32, if it does nothing else. */
export function halvesOf(node: Tensor): Tensor | undefined {
  const at = base(node);
  const [x] = isCast(at) && at.dtype === 'f32' ? at.inputs : [];
  return x?.dtype === 'f16' ? base(x) : undefined;
}

/** A matmul operand that is widened, or read through its index arithmetic (im2col views), instead of being stored. */
const readsInPlace = (node: Tensor): boolean => {
  const { kernel } = base(node).op;
  const isWindows = kernel.kind === 'index' && kernel.inPlace === true;
  return (
    halvesOf(node) !== undefined || (isWindows && sizeOf(node.shape) > products.largestWindows)
  );
};

/** A value that lies inside another's memory, `offset` elements behind its beginning: no kernel moves it. */
type Alias = { readonly parent: Tensor; readonly offset: number };
export type Aliases = ReadonlyMap<Tensor, Alias>;

/** The values that kernels write behind one that is read: those of a concat's parts, or of what a slice cuts. */
export function behind(node: Tensor, aliases: Aliases): Tensor[] {
  const out: Tensor[] = [];
  const stack = [node];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const parts = at.op.contains === 'joined' ? at.inputs.map(base) : [];
    if (at.op.view === 'block' && aliases.get(at)?.parent === base(at.inputs[0]!))
      stack.push(base(at.inputs[0]!));
    else if (parts.some((part) => aliases.get(part)?.parent === at)) stack.push(...parts.reverse());
    else out.push(at);
  }
  return out;
}

/** Where a box of a shape begins in its memory, when that is one run at which a binding may begin. */
function runOffset(box: Tensor, whole: Shape, begin: readonly number[]): number | undefined {
  const cut = box.shape.findIndex((size) => size > 1);
  if (box.shape.some((size, i) => cut >= 0 && i > cut && size !== whole[i])) return undefined;
  const offset = stridesOf(whole).reduce((total, stride, i) => total + begin[i]! * stride, 0);
  return bytesPerElement(box.dtype) === 4 && (offset * 4) % ALIGNMENT === 0 ? offset : undefined;
}

/**
 * Slices that are read where they lie, and concats whose parts are written where they belong; all of them count as
 * stored. `fixed` nodes have a place already.
 */
function findAliases(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  fixed: ReadonlySet<Tensor>,
): Map<Tensor, Alias> {
  const aliases = new Map<Tensor, Alias>();
  const slices = new Map<Tensor, number>();
  const blocks = order.filter(({ op }) => op.view === 'block');
  const joined = order.filter(({ op }) => op.contains === 'joined');
  for (const { inputs } of blocks)
    slices.set(base(inputs[0]!), (slices.get(base(inputs[0]!)) ?? 0) + 1);
  for (const slice of blocks) {
    const parent = base(slice.inputs[0]!);
    const begin = (slice.options as ResizeOptions).widths.map(([before]) => -before);
    const offset = fixed.has(slice) ? undefined : runOffset(slice, slice.inputs[0]!.shape, begin);
    const lies = stored.has(parent) || slices.get(parent)! > 1;
    if (offset === undefined || !lies || isParameter(parent) || isLiteral(parent)) continue;
    stored.add(parent).add(slice);
    aliases.set(slice, { parent, offset });
  }
  const isFixed = (node: Tensor): boolean =>
    fixed.has(node) || aliases.has(node) || isLeaf(node) || isLiteral(node);
  for (const concat of joined) {
    const { axis } = concat.options as { axis: number };
    const starts = startsOf(concat.inputs, axis);
    const origin = concat.shape.map(() => 0);
    const offsets = concat.inputs.map((part, i) =>
      runOffset(part, concat.shape, origin.with(axis, starts[i]!)),
    );
    const parts = new Set(concat.inputs.map(base));
    if (
      fixed.has(concat) ||
      parts.size < offsets.length ||
      offsets.includes(undefined) ||
      [...parts].some(isFixed)
    )
      continue;
    stored.add(concat);
    for (const [i, part] of [...parts].entries()) {
      stored.add(part);
      aliases.set(part, { parent: concat, offset: offsets[i]! });
    }
  }
  return aliases;
}
