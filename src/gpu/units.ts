import type { Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { base, behind } from './alias.js';
import { digit, flat, type Index, split } from './index.js';
import { isLeaf, isLiteral, isVirtual, type Partition, partition } from './partition.js';
import { Writer } from './writer.js';

/** Storage buffers that one kernel may bind by WebGPU's default limits. */
const MAX_BINDINGS = 8;
/** Elementwise kernels that a result may try to join. */
const MAX_TRIES = 8;

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
  /** What it reads from buffers, the values behind that (see `behind`), and what others need from it. */
  readonly reads: Set<Tensor>;
  readonly needs: Set<Tensor>;
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

const untied = (): Pick<Unit, 'reads' | 'needs' | 'stores'> => ({ reads: new Set(), needs: new Set(), stores: [] });

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
    ...untied(),
  };
}

function matmulUnit(head: Tensor): Unit {
  const { batch, m, n } = matmulSizes(head.inputs[0]!.shape, head.inputs[1]!.shape, head.options as MatmulOptions);
  const rowIndex = [...digit('batch', sizeOf(batch)), ...digit('m', m), ...digit('n', n)];
  return { kind: 'matmul', heads: [head], roots: [], rowIndex, space: '', ...untied() };
}

const mapUnit = (root: Tensor): Unit => ({
  kind: 'map',
  heads: [],
  roots: [root],
  rowIndex: digit('i', sizeOf(root.shape)),
  space: '',
  ...untied(),
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
  readonly ages = new Map<Unit, number>();
  /** Units by what they need. */
  readonly users = new Map<Tensor, Set<Unit>>();

  constructor(program: Pick<Program, 'outputs' | 'updates'>) {
    this.partition = partition(program);
  }

  behind(nodes: Iterable<Tensor>): Tensor[] {
    return [...nodes].flatMap((node) => behind(node, this.partition.aliases));
  }

  /** Whether a unit needs a result of `target`, directly or through others. */
  dependsOn(start: Iterable<Tensor>, target: Unit): boolean {
    if (!members(target).some((node) => this.users.has(node))) return false;
    const seen = new Set<Unit>();
    const stack = [...start].flatMap((node) => this.unitOf.get(node) ?? []);
    for (let at = stack.pop(); at; at = stack.pop()) {
      if (at === target) return true;
      if (seen.has(at)) continue;
      seen.add(at);
      for (const node of at.needs) stack.push(...(this.unitOf.has(node) ? [this.unitOf.get(node)!] : []));
    }
    return false;
  }

  join(unit: Unit, member: Tensor): boolean {
    const reads = readsWith(unit, member, this.partition.stored);
    if (!reads || reads.size + members(unit).length + 1 > MAX_BINDINGS) return false;
    const fresh = this.behind([...reads].filter((node) => !unit.reads.has(node)));
    if (fresh.some((node) => this.unitOf.get(node) === unit) || this.dependsOn(fresh, unit)) return false;
    (isVirtual(member) ? unit.roots : unit.heads).push(member);
    this.settle(unit, member, reads);
    return true;
  }

  add(unit: Unit): void {
    const member = members(unit)[0]!;
    const reads = readsWith({ ...unit, heads: [], roots: [] }, member, this.partition.stored)!;
    this.ages.set(unit, this.units.push(unit));
    this.settle(unit, member, reads);
  }

  settle(unit: Unit, member: Tensor, reads: Iterable<Tensor>): void {
    this.unitOf.set(member, unit);
    for (const node of reads) unit.reads.add(node);
    for (const node of this.behind(reads)) {
      unit.needs.add(node);
      this.users.set(node, (this.users.get(node) ?? new Set()).add(unit));
    }
  }

  /** Units that a node may join, the newest first: heavy ones that make what it reads, and maps that make or read it. */
  candidates(node: Tensor): Unit[] {
    const { nexts, aliases, frontier } = this.partition;
    const isNext = nexts.has(node);
    // updates of two parameters stay apart, so that they can become one kernel over both
    const near = [...frontier(node)].filter((read) => !isNext || sizeOf(read.shape) === sizeOf(node.shape));
    const reads = near.flatMap((read) => behind(read, aliases));
    const makers = reads.flatMap((read) => this.unitOf.get(read) ?? []);
    const readers = reads.flatMap((read) => [...(this.users.get(read) ?? [])].slice(-MAX_TRIES));
    const maps = [...makers, ...readers].filter(({ kind, roots }) => kind === 'map' && nexts.has(roots[0]!) === isNext);
    const heavy = isNext ? [] : makers.filter(({ kind }) => kind !== 'map');
    const newest = (units: Unit[]): Unit[] => [...new Set(units)].sort((a, b) => this.ages.get(b)! - this.ages.get(a)!);
    return [...newest(heavy), ...newest(maps).slice(0, MAX_TRIES)];
  }
}

/** Forms the kernels of a program: each takes in the results that only need what it has at hand. */
export function formUnits(program: Pick<Program, 'outputs' | 'updates'>): Units {
  const builder = new Builder(program);
  const { order, stored, aliases } = builder.partition;
  for (const node of order) {
    const isMade = stored.has(node) && !isLeaf(node) && base(node) === node && behind(node, aliases)[0] === node;
    if (!isMade) continue;
    const { kind } = node.op.kernel;
    const fits = (unit: Unit): boolean =>
      (isVirtual(node) || unit.kind === 'reduce') && sameSpace(unit, node) && builder.join(unit, node);
    if (kind !== 'matmul' && builder.candidates(node).some(fits)) continue;
    builder.add(kind === 'matmul' ? matmulUnit(node) : isVirtual(node) ? mapUnit(node) : reduceUnit(node));
  }
  markStores(builder, program);
  const { partition, units, unitOf } = builder;
  return { partition, units, unitOf };
}

/** A fold joins only folds over the same rows and columns; anything virtual may try. */
const sameSpace = (unit: Unit, node: Tensor): boolean => isVirtual(node) || reduceUnit(node).space === unit.space;

function markStores(builder: Builder, program: Pick<Program, 'outputs' | 'updates'>): void {
  const needed = new Set<Tensor>([...program.outputs, ...program.updates.map(([, next]) => next)].map(base));
  for (const node of builder.behind(needed)) needed.add(node);
  for (const unit of builder.units) for (const node of unit.needs) needed.add(node);
  for (const unit of builder.units) unit.stores.push(...members(unit).filter((node) => needed.has(node)));
}
