// Fusion: groups ops into units of one kernel each, and orders the units.

import { sizeOf } from '../core/shape.js';
import type { Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { fusion } from '../planning/limits.js';
import { countOf, digit, flat, type Index, split } from '../wgsl/indices.js';
import { type Held, Writer } from '../wgsl/writer.js';
import { base, behind, halvesOf, isLeaf, isVirtual, partition } from './partition.js';

/**
 * One kernel: heavy ops (its heads) with the elementwise results computed on top of them while they are in registers.
 * A `map` has no heads. A `reduce` works on a space rows × columns, its heads folding the columns.
 */
export interface Unit {
  readonly kind: 'map' | 'reduce' | 'matmul';
  /** What it computes, in the order in which that joined. */
  readonly members: Tensor[];
  /** Index of an output element; for a `reduce`, of a row. */
  readonly rowIndex: Index;
  /** The same; for a `reduce`, of an element of what it folds. */
  readonly elementIndex: Index;
  /** What it reads from buffers, and whether it reads each at its own index alone. */
  reads: ReadonlyMap<Tensor, boolean>;
  /** The values behind that (see `behind`). */
  needs: ReadonlySet<Tensor>;
  /** What others need from it. */
  stores: readonly Tensor[];
  /** Ascends with creation. */
  age: number;
}

export const isScatter = ({ op }: Tensor): boolean => op.kernel.kind === 'scatter';
/** Folds over one space have the same rows and columns, in the same order. */
const spaceOf = ({ rowIndex, elementIndex }: Unit): string =>
  `${flat(elementIndex)}|${countOf(elementIndex)}|${countOf(rowIndex)}`;

/** A kernel for one node. */
function unitFor(node: Tensor): Unit {
  const make = (kind: Unit['kind'], rowIndex: Index, elementIndex = rowIndex): Unit => {
    return {
      kind,
      members: [node],
      rowIndex,
      elementIndex,
      reads: new Map(),
      needs: new Set(),
      stores: [],
      age: 0,
    };
  };
  const [a] = node.inputs;
  if (isVirtual(node)) return make('map', digit('i', sizeOf(node.shape)));
  if (node.op.kernel.kind === 'matmul') {
    const [m, n] = node.shape.slice(-2) as [number, number];
    return make('matmul', [
      ...digit('batch', sizeOf(node.shape.slice(0, -2))),
      ...digit('m', m),
      ...digit('n', n),
    ]);
  }
  // a scatter folds the positions for each element of its result
  const shape = isScatter(node) ? [...node.shape, a!.shape[1]!] : a!.shape;
  const axes = isScatter(node) ? [node.rank] : (node.options as { axes: readonly number[] }).axes;
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const folded = axes.map((axis) => shape[axis]!);
  const rowIndex = digit('row', sizeOf(kept));
  const rows = split(rowIndex, kept, String);
  const columns = split(digit('column', sizeOf(folded)), folded, String);
  const elementIndex = shape.flatMap((_, axis) => (axes.includes(axis) ? columns : rows).shift()!);
  return make('reduce', rowIndex, elementIndex);
}

/** A writer for a unit's expressions. `held` is asked for its heads and for all that it reads from buffers. */
export function unitWriter(unit: Unit, stored: ReadonlySet<Tensor>, held: Held): Writer {
  const own = new Set(unit.members);
  const isHeld = (node: Tensor): boolean => (own.has(node) ? !isVirtual(node) : stored.has(node));
  const find: Held = (node, at) =>
    isHeld(node) ? (held(node, at) ?? writer.read(node, at)) : undefined;
  const writer = new Writer(find, unit.kind === 'map' ? 0 : 1);
  writer.open('row', 'i', 'batch', 'm', 'n');
  return writer;
}

/** The index at which a unit computes a member, or undefined when its size does not fit the unit's space. */
export const indexOf = ({ rowIndex, elementIndex }: Unit, member: Tensor): Index | undefined =>
  [rowIndex, elementIndex].find((index) => countOf(index) === sizeOf(member.shape));

/** What a unit reads, and where; undefined when its expressions ask for what it cannot have. */
function survey(
  unit: Unit,
  stored: ReadonlySet<Tensor>,
  storageBuffers: number,
): Unit['reads'] | undefined {
  const own = flat(unit.rowIndex);
  const reads = new Map<Tensor, boolean>();
  // heads are in registers at their own index and nowhere else
  let inReach = true;
  // a product binds a value once as vec4s, for itself or for what joins it, and once more where that reads single elements
  const bound = new Set<string>();
  const note = (node: Tensor, at: string): string => {
    if (unit.members.includes(node)) inReach &&= at === own;
    else {
      reads.set(node, reads.get(node) !== false && at === own);
      const way = at === 'operand' ? at : at === own || at === 'n';
      bound.add(unit.kind === 'matmul' ? `${node.id} ${way}` : `${node.id}`);
    }
    return 'value';
  };
  const writer = unitWriter(unit, stored, note);
  writer.open('column');
  for (const member of unit.members) {
    const index = indexOf(unit, member);
    if (isVirtual(member) && !index) return undefined;
    if (isVirtual(member)) writer.value(member, index!);
    else if (unit.kind === 'reduce')
      for (const [node, at] of foldedReads(member, unit)) writer.value(node, at);
    // a matmul's operand is halves that it widens itself, or stored, or a view that is read in place
    else
      for (const node of member.inputs.map((input) => halvesOf(input) ?? base(input)))
        for (const read of stored.has(node) ? [node] : node.inputs) note(base(read), 'operand');
  }
  const fits =
    writer.size <= fusion.expressions && bound.size + unit.members.length <= storageBuffers;
  return inReach && (fits || unit.members.length === 1) ? reads : undefined;
}

/** The expressions that a fold reads for one element of its space. */
export function foldedReads(head: Tensor, unit: Unit): (readonly [Tensor, Index])[] {
  if (!isScatter(head)) return [[head.inputs[0]!, unit.elementIndex]];
  const [outer, , inner] = split(unit.rowIndex, head.shape, String);
  const [values, indices] = head.inputs as [Tensor, Tensor];
  const position = digit('column', indices.shape[0]!);
  return [[indices, position] as const, [values, [...outer!, ...position, ...inner!]] as const];
}

/** The kernels of a program, formed one node after the other. */
export class Units {
  readonly partition: ReturnType<typeof partition>;
  readonly units: Unit[] = [];
  readonly unitOf = new Map<Tensor, Unit>();
  /** Units by what they need. */
  readonly users = new Map<Tensor, Set<Unit>>();
  readonly #storageBuffers: number;

  /** Each kernel takes in the results that only need what it has at hand. */
  constructor(program: Program, apart: ReadonlySet<Tensor>, storageBuffers: number) {
    this.#storageBuffers = storageBuffers;
    this.partition = partition(program, apart, storageBuffers);
    const { order, stored, aliases, compared, results } = this.partition;
    for (const node of order) {
      if (
        !stored.has(node) ||
        isLeaf(node) ||
        base(node) !== node ||
        behind(node, aliases)[0] !== node
      )
        continue;
      const own = unitFor(node);
      own.reads = survey(own, stored, storageBuffers)!;
      // folds join those over the same rows and columns; what is virtual may try, but each loop would compute it again
      const fits = (unit: Unit): boolean =>
        isVirtual(node)
          ? unit.kind !== 'reduce' || !compared.has(node)
          : own.kind === 'reduce' && unit.kind === 'reduce' && spaceOf(unit) === spaceOf(own);
      if (this.#candidates(node, own.reads).some((unit) => fits(unit) && this.#join(unit, node)))
        continue;
      this.#settle(own, node, own.reads);
      own.age = this.units.push(own);
    }
    const needed = new Set([...results, ...this.#behind(results)]);
    for (const unit of this.units)
      unit.stores = unit.members.filter((node) => needed.has(node) || this.users.has(node));
  }

  /** The kernels that make values. */
  makers(nodes: Iterable<Tensor>): Unit[] {
    return [...nodes].flatMap((node) => this.unitOf.get(node) ?? []);
  }

  #behind(nodes: Iterable<Tensor>): Tensor[] {
    return [...nodes].flatMap((node) => behind(node, this.partition.aliases));
  }

  /** Whether one of `nodes` needs a result of a unit, directly or through others. */
  #dependOn(nodes: readonly Tensor[], target: Unit): boolean {
    const isUsed = target.members.some((node) => this.users.has(node));
    const reached = new Set(this.makers(nodes));
    // what nobody uses yet is reached directly, if at all: as the rest of a concat's memory
    for (const unit of isUsed ? reached : [])
      for (const maker of this.makers(unit.needs)) reached.add(maker);
    return reached.has(target);
  }

  #join(unit: Unit, member: Tensor): boolean {
    const members = [...unit.members, member];
    const reads = survey({ ...unit, members }, this.partition.stored, this.#storageBuffers);
    if (!reads) return false;
    const fresh = this.#behind([...reads.keys()].filter((node) => !unit.reads.has(node)));
    if (this.#dependOn(fresh, unit)) return false;
    unit.members.push(member);
    this.#settle(unit, member, reads);
    return true;
  }

  #settle(unit: Unit, member: Tensor, reads: Unit['reads']): void {
    this.unitOf.set(member, unit);
    unit.reads = reads;
    unit.needs = new Set(this.#behind(reads.keys()));
    for (const node of unit.needs)
      this.users.set(node, (this.users.get(node) ?? new Set()).add(unit));
  }

  /** Units that a node may join, the newest first: heavy ones that make what it reads, and maps that make or read it. */
  #candidates(node: Tensor, reads: Unit['reads']): Unit[] {
    const { nexts } = this.partition;
    const isNext = nexts.has(node);
    // updates of two parameters stay apart, so that they can become one kernel over both
    const near = [...reads.keys()].filter(
      (read) => !isNext || sizeOf(read.shape) === sizeOf(node.shape),
    );
    const needs = this.#behind(near);
    const makers = this.makers(needs);
    const readers = needs.flatMap((need) => [...(this.users.get(need) ?? [])].slice(-fusion.tries));
    const isMap = ({ kind, members: [first] }: Unit): boolean =>
      kind === 'map' && nexts.has(first!) === isNext;
    const maps = [...makers, ...readers].filter(isMap);
    const heavy = isNext ? [] : makers.filter(({ kind }) => kind !== 'map');
    const newest = (units: Unit[]): Unit[] => [...new Set(units)].sort((a, b) => b.age - a.age);
    return [...newest(heavy), ...newest(maps).slice(0, fusion.tries)];
  }
}

/**
 * Orders units so that each follows what it reads, and a unit that overwrites a parameter in place follows every
 * reader of the old value. Next values for which that is impossible are left out of `inPlace` and copied later.
 * `targets` are the parameters that next values are for.
 */
export function schedule(all: Units, targets: ReadonlyMap<Tensor, Tensor>) {
  const { units, unitOf, users } = all;
  const inPlace = new Set<Tensor>();
  for (const [next, parameter] of targets) {
    const unit = unitOf.get(next);
    // it makes nothing else, and reads no other element of the parameter
    const isFree = unit?.kind === 'map' && unit.members.every((node) => targets.has(node));
    if (isFree && unit.reads.get(parameter) !== false) inPlace.add(next);
  }
  for (;;) {
    const after = new Map<Unit, Unit[]>(units.map((unit) => [unit, []]));
    const waits = new Map<Unit, Set<Unit>>();
    for (const unit of units) {
      const overwritten = unit.members.flatMap((node) =>
        inPlace.has(node) ? [targets.get(node)!] : [],
      );
      const readers = overwritten.flatMap((parameter) => [...(users.get(parameter) ?? [])]);
      const first = new Set([...all.makers(unit.needs), ...readers]);
      first.delete(unit);
      waits.set(unit, first);
      for (const each of first) after.get(each)!.push(unit);
    }
    const order: Unit[] = [];
    const ready = units.filter((unit) => waits.get(unit)!.size === 0).reverse();
    for (let unit = ready.pop(); unit; unit = ready.pop()) {
      order.push(unit);
      for (const next of after.get(unit)!)
        if (waits.get(next)!.delete(unit) && waits.get(next)!.size === 0) ready.push(next);
    }
    if (order.length === units.length) return { order, inPlace };
    const isStuck = (unit: Unit): boolean =>
      waits.get(unit)!.size > 0 && unit.members.some((node) => inPlace.has(node));
    const blocked = units.find(isStuck);
    if (!blocked) throw new RangeError('kernels depend on each other in a circle');
    for (const node of blocked.members) inPlace.delete(node);
  }
}
