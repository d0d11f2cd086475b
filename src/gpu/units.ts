import type { Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { digit, flat, type Index, split } from './index.js';
import { base, isLeaf, isLiteral, isVirtual, type Partition, partition } from './partition.js';
import { Writer } from './writer.js';

/** Storage buffers that one kernel may bind by WebGPU's default limits. */
const MAX_BINDINGS = 8;

/**
 * One kernel: heavy ops (`heads`) with the pointwise results (`roots`) computed on top of them while they are in
 * registers. A `map` has roots alone. A `reduce` works on a space rows × columns, its heads folding the columns.
 */
export interface Unit {
  readonly kind: 'map' | 'reduce' | 'matmul';
  readonly heads: Tensor[];
  readonly roots: Tensor[];
  /** Index of an output element; for a `reduce`, of a row. */
  readonly rowIndex: Index;
  /** Index of an element of what a `reduce` folds. */
  readonly elementIndex?: Index;
  /** Folds with one key share a space. */
  readonly space: string;
  /** What it reads from buffers, and what others need from it. */
  readonly reads: Set<Tensor>;
  readonly stores: Tensor[];
}

export const members = (unit: Unit): Tensor[] => [...unit.heads, ...unit.roots];
const rowsOf = (index: Index): number => index.reduce((product, { extent }) => product * extent, 1);

/** Sizes of a fold: what is kept and what is folded, and where each axis of the input comes from. */
export function reduceSpace(head: Tensor): { input: Shape; axes: readonly number[]; kept: Shape; folded: Shape } {
  const input = head.inputs[0]!.shape;
  if (head.op.kernel.kind === 'scatter')
    return { input: [...head.shape, input[1]!], axes: [3], kept: head.shape, folded: [input[1]!] };
  const { axes } = head.options as { axes: readonly number[] };
  return { input, axes, kept: input.filter((_, i) => !axes.includes(i)), folded: axes.map((axis) => input[axis]!) };
}

function reduceUnit(head: Tensor): Unit {
  const { input, axes, kept, folded } = reduceSpace(head);
  const rowIndex = digit('row', sizeOf(kept));
  const columnIndex = digit('column', sizeOf(folded));
  const never = (): string => 'never';
  const rowAxes = split(rowIndex, kept, never);
  const columnAxes = split(columnIndex, folded, never);
  const elementIndex = input.flatMap((_, i) =>
    axes.includes(i) ? columnAxes[axes.indexOf(i)]! : rowAxes[i - axes.filter((axis) => axis < i).length]!,
  );
  return {
    kind: 'reduce',
    heads: [head],
    roots: [],
    rowIndex,
    elementIndex,
    space: `${flat(elementIndex)}|${sizeOf(input)}|${sizeOf(kept)}`,
    reads: new Set(),
    stores: [],
  };
}

function matmulUnit(head: Tensor): Unit {
  const { batch, m, n } = matmulSizes(head.inputs[0]!.shape, head.inputs[1]!.shape, head.options as MatmulOptions);
  const rowIndex = [...digit('batch', sizeOf(batch)), ...digit('m', m), ...digit('n', n)];
  return { kind: 'matmul', heads: [head], roots: [], rowIndex, space: '', reads: new Set(), stores: [] };
}

const mapUnit = (root: Tensor): Unit => ({
  kind: 'map',
  heads: [],
  roots: [root],
  rowIndex: digit('i', sizeOf(root.shape)),
  space: '',
  reads: new Set(),
  stores: [],
});

interface Hooks {
  /** The variable that holds a head. */
  local?: (head: Tensor) => string;
  onRead?: (node: Tensor, at: string) => void;
  load?: (node: Tensor, at: string) => string | undefined;
}

/** A writer for a unit's expressions; heads are in registers at their own index and nowhere else. */
export function unitWriter(unit: Unit, stored: ReadonlySet<Tensor>, hooks: Hooks = {}): Writer {
  const own = new Set(members(unit));
  const at = flat(unit.rowIndex);
  const writer = new Writer({
    isStored: (node) => (isLeaf(node) && !isLiteral(node)) || (stored.has(node) && !own.has(node)),
    local: (node, index) => {
      if (!own.has(node) || isVirtual(node)) return undefined;
      if (index !== at) throw new OutOfReach(node);
      return hooks.local?.(node) ?? 'head';
    },
    floor: unit.heads.length > 0 ? 1 : 0,
    ...(hooks.onRead ? { onRead: hooks.onRead } : {}),
    ...(hooks.load ? { load: hooks.load } : {}),
  });
  writer.open('row', 'i', 'batch', 'm', 'n');
  return writer;
}

/** A unit's expression asks for a head's value at another element than the one in registers. */
class OutOfReach extends Error {
  readonly node: Tensor;
  constructor(node: Tensor) {
    super(node.op.name);
    this.node = node;
  }
}

/** The index at which a unit computes a member, or undefined when its size does not fit the unit's space. */
export function indexOf(unit: Unit, member: Tensor): Index | undefined {
  const size = sizeOf(member.shape);
  if (size === rowsOf(unit.rowIndex)) return unit.rowIndex;
  return unit.elementIndex && size === rowsOf(unit.elementIndex) ? unit.elementIndex : undefined;
}

/** What a unit would read with one more member; undefined when it cannot have it. */
function readsWith(unit: Unit, member: Tensor, stored: ReadonlySet<Tensor>): Set<Tensor> | undefined {
  const grown: Unit = isVirtual(member)
    ? { ...unit, roots: [...unit.roots, member] }
    : { ...unit, heads: [...unit.heads, member] };
  const reads = new Set<Tensor>();
  const writer = unitWriter(grown, stored, { onRead: (node) => reads.add(node) });
  if (isVirtual(member) && !indexOf(unit, member)) return undefined;
  writer.open('column');
  try {
    for (const each of members(grown)) {
      if (isVirtual(each)) writer.value(each, indexOf(unit, each)!);
      else if (unit.kind === 'reduce') for (const [input, index] of foldedReads(each, unit)) writer.value(input, index);
      else for (const input of each.inputs) for (const read of operandReads(input, stored)) reads.add(read);
    }
  } catch (error) {
    if (error instanceof OutOfReach) return undefined;
    throw error;
  }
  return reads;
}

/** The stored nodes behind a matmul operand: itself, or the inputs of a view that is read in place. */
export const operandReads = (input: Tensor, stored: ReadonlySet<Tensor>): readonly Tensor[] =>
  stored.has(base(input)) ? [base(input)] : base(input).inputs.map(base);

/** The expressions that a fold reads for one element of its space. */
export function foldedReads(head: Tensor, unit: Unit): [Tensor, Index][] {
  if (head.op.kernel.kind !== 'scatter') return [[head.inputs[0]!, unit.elementIndex!]];
  const [outer, , inner] = split(unit.rowIndex, head.shape, () => 'never');
  const position = digit('column', head.inputs[1]!.shape[0]!);
  return [
    [head.inputs[1]!, position],
    [head.inputs[0]!, [...outer!, ...position, ...inner!]],
  ];
}

/** The kernels of a program, in an order in which each reads only what is already there. */
export interface Units {
  readonly partition: Partition;
  readonly units: Unit[];
  readonly unitOf: ReadonlyMap<Tensor, Unit>;
}

class Builder {
  readonly units: Unit[] = [];
  readonly unitOf = new Map<Tensor, Unit>();
  readonly partition: Partition;
  readonly updates: Program['updates'];
  readonly users = new Map<Unit, number>();

  constructor(program: Pick<Program, 'outputs' | 'updates'>) {
    this.partition = partition(program);
    this.updates = program.updates;
  }

  /** Whether a unit needs a result of `target`, directly or through others. */
  dependsOn(start: Iterable<Tensor>, target: Unit): boolean {
    if (!this.users.get(target)) return false;
    const seen = new Set<Unit>();
    const stack = [...start].flatMap((node) => this.unitOf.get(node) ?? []);
    for (let at = stack.pop(); at; at = stack.pop()) {
      if (at === target) return true;
      if (seen.has(at)) continue;
      seen.add(at);
      for (const node of at.reads) {
        const unit = this.unitOf.get(node);
        if (unit) stack.push(unit);
      }
    }
    return false;
  }

  join(unit: Unit, member: Tensor): boolean {
    const reads = readsWith(unit, member, this.partition.stored);
    if (!reads || reads.size + members(unit).length + 1 > MAX_BINDINGS) return false;
    const fresh = [...reads].filter((node) => !unit.reads.has(node));
    if (fresh.some((node) => this.unitOf.get(node) === unit) || this.dependsOn(fresh, unit)) return false;
    (isVirtual(member) ? unit.roots : unit.heads).push(member);
    this.settle(unit, member, fresh);
    return true;
  }

  add(unit: Unit): void {
    const member = members(unit)[0]!;
    const reads = readsWith({ ...unit, heads: [], roots: [] }, member, this.partition.stored)!;
    this.units.push(unit);
    this.settle(unit, member, reads);
  }

  settle(unit: Unit, member: Tensor, fresh: Iterable<Tensor>): void {
    this.unitOf.set(member, unit);
    for (const node of fresh) {
      unit.reads.add(node);
      const producer = this.unitOf.get(node);
      if (producer && producer !== unit) this.users.set(producer, (this.users.get(producer) ?? 0) + 1);
    }
  }

  /** Heavy units whose results a node reads, the newest first. */
  producers(node: Tensor): Unit[] {
    const units = [...this.partition.frontier(node)].flatMap((read) => this.unitOf.get(read) ?? []);
    return [...new Set(units)]
      .filter(({ kind }) => kind !== 'map')
      .sort((a, b) => this.units.indexOf(b) - this.units.indexOf(a));
  }
}

/** Forms the kernels of a program: heavy ops take in the pointwise results that only need what they have at hand. */
export function formUnits(program: Pick<Program, 'outputs' | 'updates'>): Units {
  const builder = new Builder(program);
  const { order, stored, groups } = builder.partition;
  const groupUnits = new Map<number, Unit[]>();
  for (const node of order) {
    if (isLeaf(node) || !stored.has(node) || base(node) !== node) continue;
    const group = groups.get(node);
    if (group !== undefined && isVirtual(node)) {
      const open = groupUnits.get(group) ?? [];
      groupUnits.set(group, open);
      if (open.some((unit) => builder.join(unit, node))) continue;
      const unit = mapUnit(node);
      builder.add(unit);
      open.push(unit);
      continue;
    }
    const { kind } = node.op.kernel;
    if (
      kind !== 'matmul' &&
      builder
        .producers(node)
        .some(
          (unit) => (isVirtual(node) || unit.kind === 'reduce') && sameSpace(unit, node) && builder.join(unit, node),
        )
    )
      continue;
    builder.add(kind === 'matmul' ? matmulUnit(node) : isVirtual(node) ? mapUnit(node) : reduceUnit(node));
  }
  markStores(builder, program);
  return { partition: builder.partition, units: builder.units, unitOf: builder.unitOf };
}

/** A fold joins only folds over the same rows and columns; anything virtual may try. */
const sameSpace = (unit: Unit, node: Tensor): boolean => isVirtual(node) || reduceUnit(node).space === unit.space;

function markStores(builder: Builder, program: Pick<Program, 'outputs' | 'updates'>): void {
  const needed = new Set<Tensor>([...program.outputs, ...program.updates.map(([, next]) => next)].map(base));
  for (const unit of builder.units) for (const node of unit.reads) needed.add(node);
  for (const unit of builder.units) unit.stores.push(...members(unit).filter((node) => needed.has(node)));
}
