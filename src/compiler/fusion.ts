// Fusion: groups ops into kernels. One node after the other joins a kernel that has at hand what it needs, or begins one.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import type { PlanContext } from '../planning/context.js';
import {
  type Computation,
  callOf,
  computationOf,
  type Group,
  sameSpace,
  withMember,
} from '../planning/groups.js';
import { choices, fusion } from '../planning/limits.js';
import { isLeaf, isVirtual } from '../planning/nodes.js';
import { type Reads, readsOf } from '../planning/reads.js';
import { mayStoreElements } from '../planning/rows.js';
import { countOf } from '../wgsl/indices.js';
import { behind } from './aliases.js';
import type { Lowered } from './scalars.js';
import { type Storage, storageOf } from './storage.js';

/** The kernels of a program. */
export interface Fusion {
  readonly storage: Storage;
  readonly groups: readonly Group[];
  /** The kernel that makes each stored value. */
  readonly makers: ReadonlyMap<Tensor, Group>;
  /** The kernels that need each. */
  readonly readers: ReadonlyMap<Tensor, readonly Group[]>;
}

/** Kernels while they are formed, by number in the order in which they began. */
class Forming {
  readonly groups: Group[] = [];
  readonly storage: Storage;
  readonly storageBuffers: number;
  readonly #foldsSideBySide: boolean;
  readonly #results: ReadonlySet<Tensor>;
  readonly #shared: ReadonlySet<Tensor>;
  /** The stored nodes that are computed from each. */
  readonly #users: ReadonlyMap<Tensor, readonly Tensor[]>;
  readonly #makers = new Map<Tensor, number>();
  readonly #readers = new Map<Tensor, Set<number>>();

  constructor(storage: Storage, { limits, adapter }: PlanContext, shared: ReadonlySet<Tensor>) {
    this.#shared = shared;
    this.storage = storage;
    this.storageBuffers = limits.storageBuffers;
    this.#foldsSideBySide = choices[adapter].foldsSideBySide;
    this.#results = new Set(storage.results);
    this.#users = usersOf(storage);
  }

  /** Forms the kernels of all that is made. */
  form(): Fusion {
    for (const node of this.storage.order) if (isMade(node, this.storage)) this.#add(node);
    return this.#finished();
  }

  /** Gives a node a kernel, unless one makes it already. */
  #add(node: Tensor): void {
    if (this.#makers.has(node)) return;
    const own = this.#complete(computationOf(node, this.storage.outputs.get(callOf(node))));
    if (!own) throw new RangeError(`${node.op.name}: no kernel can compute it`);
    const at = this.#candidates(node, own).find((number) => this.#join(number, node, own));
    if (at === undefined) this.#settle(this.groups.length, own);
  }

  /** The kernels as they are now, with what they store. */
  #finished(): Fusion {
    const { results } = this.storage;
    const needed = new Set([...results, ...this.#behind(results)]);
    const isStored = (node: Tensor): boolean => needed.has(node) || this.#readers.has(node);
    const groups = this.groups.map((group) => ({
      ...group,
      // what a kernel of its own makes it stores
      stores: group.kind === 'written' ? group.members : group.members.filter(isStored),
    }));
    const numbered = (numbers: Iterable<number>): Group[] =>
      Array.from(numbers).flatMap((number) => groups[number] ?? []);
    const makers = groups.flatMap((group) =>
      group.members.map((member) => [member, group] as const),
    );
    const readers = Array.from(
      this.#readers,
      ([node, numbers]) => [node, numbered(numbers)] as const,
    );
    return { storage: this.storage, groups, makers: new Map(makers), readers: new Map(readers) };
  }

  #behind(nodes: Iterable<Tensor>): Tensor[] {
    return Array.from(nodes).flatMap((node) => behind(node, this.storage.aliases));
  }

  /** A kernel with what it reads; undefined where it cannot have that, or where that is too much for what several share. */
  #complete(computation: Computation): Group | undefined {
    const reads = readsOf(computation, this.storage.stored);
    if (!reads || (isShared(computation) && !this.#fits(computation, reads))) return undefined;
    const { nodes } = reads;
    return { ...computation, reads: nodes, needs: new Set(this.#behind(nodes.keys())), stores: [] };
  }

  #fits({ kind, members }: Computation, { expressions, buffers }: Reads): boolean {
    const isRows = kind === 'reduce' && this.#foldsSideBySide;
    const written = isRows ? this.#neededOf(members) : members;
    return expressions <= fusion.expressions && buffers + written.length <= this.storageBuffers;
  }

  /** The members that others need. Those that have no kernel yet may join this one, but the users of `shared` do not. */
  #neededOf(members: readonly Tensor[]): readonly Tensor[] {
    const own = new Set(members);
    const isElsewhere = (user: Tensor, node: Tensor): boolean =>
      !own.has(user) && (this.#shared.has(node) || this.#makers.has(user) || isHeavy(user));
    const isNeeded = (node: Tensor): boolean =>
      this.#users.get(node)?.some((user) => isElsewhere(user, node)) ?? true;
    return members.filter((node) => this.#results.has(node) || isNeeded(node));
  }

  /** What row kernels make that bind more than they may: their results were hoped to be needed nowhere else. */
  tooLarge({ groups }: Fusion): Tensor[] {
    const isTooLarge = ({ kind, reads, stores }: Group): boolean =>
      kind === 'reduce' && reads.size + stores.length > this.storageBuffers;
    return groups.filter(isTooLarge).flatMap(({ members }) => members);
  }

  #makersOf(nodes: Iterable<Tensor>): number[] {
    return Array.from(nodes).flatMap((node) => this.#makers.get(node) ?? []);
  }

  /** Whether one of `nodes` needs a result of a kernel, directly or through others. */
  #dependOn(nodes: readonly Tensor[], target: number): boolean {
    const reached = new Set(this.#makersOf(nodes));
    // what nobody uses yet is reached directly, if at all: as the rest of a concat's memory
    const isUsed = this.groups[target]?.members.some((node) => this.#readers.has(node));
    for (const number of isUsed ? reached : [])
      for (const maker of this.#makersOf(this.groups[number]?.needs ?? [])) reached.add(maker);
    return reached.has(target);
  }

  /** Computes a node in a kernel that there is, unless one of them may not. */
  #join(number: number, node: Tensor, own: Group): boolean {
    const group = this.groups[number];
    if (!group || !this.#mayJoin(group, node, own)) return false;
    // a map that a fold joins becomes part of its row kernel
    const { kind, space } = own.kind === 'reduce' ? own : group;
    const joined = this.#complete(withMember({ ...group, kind, space }, node));
    if (!joined) return false;
    const added = [...joined.reads.keys()].filter((read) => !group.reads.has(read));
    if (this.#dependOn(this.#behind(added), number)) return false;
    this.#settle(number, joined);
    return true;
  }

  /** Folds join those over the same rows and columns; what is virtual may try, but each loop would compute it again. */
  #mayJoin(group: Group, node: Tensor, own: Group): boolean {
    switch (group.kind) {
      case 'written':
        return false;
      case 'matmul':
        return isVirtual(node);
      case 'map':
        return isVirtual(node) || this.#mayAbsorb(group, own);
      case 'reduce':
        if (isVirtual(node)) return this.#mayStore(group, node);
        return own.kind === 'reduce' && sameSpace(group, own);
      default:
        return group.kind satisfies never;
    }
  }

  /** Whether a kernel of folds may compute a virtual member: again in each loop, and to store it. */
  #mayStore({ space }: Computation, member: Tensor): boolean {
    if (this.storage.compared.has(member)) return false;
    const isOfRows = sizeOf(member.shape) === countOf(space.row);
    return isOfRows || !this.#foldsSideBySide || mayStoreElements(space);
  }

  /** Whether a row kernel may store what elementwise results become. */
  #mayAbsorb({ members }: Group, fold: Group): boolean {
    if (!this.#foldsSideBySide || fold.kind !== 'reduce') return false;
    const { nexts } = this.storage;
    return members.every((member) => !nexts.has(member) && this.#mayStore(fold, member));
  }

  #settle(number: number, group: Group): void {
    this.groups[number] = group;
    for (const member of group.members) this.#makers.set(member, number);
    for (const node of group.needs) {
      const readers = this.#readers.get(node) ?? new Set();
      this.#readers.set(node, readers.add(number));
    }
  }

  /**
   * Kernels that a node may join, the newest first: heavy ones that make what it reads, row kernels that read what a fold reads,
   * and maps that make or read it.
   */
  #candidates(node: Tensor, { kind, reads }: Group): number[] {
    const { nexts } = this.storage;
    const isNext = nexts.has(node);
    // updates of two parameters stay apart, so that they can become one kernel over both
    const near = [...reads.keys()].filter(
      (read) => !isNext || sizeOf(read.shape) === sizeOf(node.shape),
    );
    const needs = this.#behind(near);
    const makers = this.#makersOf(needs);
    const readers = needs.flatMap((need) =>
      [...(this.#readers.get(need) ?? [])].slice(-fusion.tries),
    );
    const isMap = (number: number): boolean => this.groups[number]?.kind === 'map';
    const makesNext = (number: number): boolean =>
      this.groups[number]?.members.some((member) => nexts.has(member)) === true;
    const maps = [...makers, ...readers].filter(
      (number) => isMap(number) && makesNext(number) === isNext,
    );
    const isRows = kind === 'reduce' && this.#foldsSideBySide;
    const besides = isRows ? readers.filter((number) => !isMap(number)) : [];
    const heavy = isNext ? [] : [...makers.filter((number) => !isMap(number)), ...besides];
    return [...newest(heavy), ...newest(maps).slice(0, fusion.tries)];
  }
}

/** The stored nodes that are computed from each, with nothing stored between. */
function usersOf({ order, stored }: Storage): Map<Tensor, Tensor[]> {
  const users = new Map<Tensor, Tensor[]>();
  /** The stored nodes that each node is computed from. */
  const sources = new Map<Tensor, ReadonlySet<Tensor>>();
  for (const node of order) {
    const read = node.inputs.flatMap((input) =>
      stored.has(input) ? [input] : [...(sources.get(input) ?? [])],
    );
    const own = new Set(read);
    sources.set(node, own);
    if (!stored.has(node)) continue;
    for (const source of own) {
      const known = users.get(source);
      if (known) known.push(node);
      else users.set(source, [node]);
    }
  }
  return users;
}

/** Whether a node begins a kernel in any case, in which no fold is. */
const isHeavy = ({ op: { kernel } }: Tensor): boolean =>
  kernel.kind === 'matmul' || kernel.kind === 'output' || kernel.kind === 'written';

/** Whether others joined a kernel's first member. */
const isShared = ({ kind, members }: Computation): boolean =>
  kind !== 'written' && members.length > 1;

const newest = (numbers: readonly number[]): number[] =>
  [...new Set(numbers)].sort((a, b) => b - a);

/** Whether a node is the beginning of a kernel's result: it is stored, and no view of what lies elsewhere. */
const isMade = (node: Tensor, { stored, aliases }: Storage): boolean =>
  stored.has(node) && !isLeaf(node) && base(node) === node && behind(node, aliases)[0] === node;

/** Forms the kernels of a program. Values of `apart` may not lie in others. */
export function fuse(program: Lowered, apart: ReadonlySet<Tensor>, context: PlanContext): Fusion {
  const { inPlace } = choices[context.adapter];
  const storage = storageOf(program, apart, context.limits.storageBuffers, inPlace);
  const shared = new Set<Tensor>();
  // what was too large is formed again with less hope, and then all of it
  for (const others of [[], storage.order]) {
    const forming = new Forming(storage, context, shared);
    const formed = forming.form();
    const tooLarge = forming.tooLarge(formed);
    if (tooLarge.length === 0) return formed;
    for (const node of [...tooLarge, ...others]) shared.add(node);
  }
  return new Forming(storage, context, shared).form();
}
