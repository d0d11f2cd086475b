// Orders kernels: each after those that it needs, and what overwrites a parameter after all that read its old value.
import type { Tensor } from '../graph/tensor.js';
import type { Group } from '../planning/groups.js';
import type { Fusion } from './fusion.js';

/** Kernels in the order in which they run. */
export interface Schedule {
  readonly order: readonly Group[];
  /** Next values that are written where their parameters lie. The others are copied there later. */
  readonly inPlace: ReadonlySet<Tensor>;
}

/** Schedules kernels. `targets` are the parameters that next values are for. */
export function schedule(fusion: Fusion, targets: ReadonlyMap<Tensor, Tensor>): Schedule {
  const { groups } = fusion;
  const inPlace = new Set<Tensor>();
  for (const [next, parameter] of targets) {
    const group = fusion.makers.get(next);
    // it makes nothing else, and reads no other element of the parameter
    const isFree = group?.kind === 'map' && group.members.every((node) => targets.has(node));
    if (isFree && group.reads.get(parameter) !== false) inPlace.add(next);
  }
  for (;;) {
    const waits = waitsOf(fusion, targets, inPlace);
    const order = inOrder(groups, waits);
    if (order.length === groups.length) return { order, inPlace };
    // those of a circle that may stop overwriting
    const isStuck = (group: Group): boolean =>
      sizeOfSet(waits.get(group)) > 0 && group.members.some((node) => inPlace.has(node));
    const blocked = groups.find(isStuck);
    if (!blocked) throw new RangeError('kernels depend on each other in a circle');
    for (const node of blocked.members) inPlace.delete(node);
  }
}

const sizeOfSet = (set: ReadonlySet<unknown> | undefined): number => set?.size ?? 0;

/** What each kernel waits for: what makes what it needs, and who reads what it overwrites. */
function waitsOf(
  { groups, makers, readers }: Fusion,
  targets: ReadonlyMap<Tensor, Tensor>,
  inPlace: ReadonlySet<Tensor>,
): Map<Group, Set<Group>> {
  const waits = new Map<Group, Set<Group>>();
  for (const group of groups) {
    const first = new Set(Array.from(group.needs).flatMap((node) => makers.get(node) ?? []));
    for (const node of group.members) {
      const overwritten = inPlace.has(node) ? targets.get(node) : undefined;
      for (const reader of (overwritten && readers.get(overwritten)) ?? []) first.add(reader);
    }
    first.delete(group);
    waits.set(group, first);
  }
  return waits;
}

/** Those that can run, each after all that it waits for; what has run is taken out of `waits`. */
function inOrder(groups: readonly Group[], waits: ReadonlyMap<Group, Set<Group>>): Group[] {
  const waiting = new Map<Group, Group[]>(groups.map((group) => [group, []]));
  for (const [group, first] of waits) for (const each of first) waiting.get(each)?.push(group);
  const ready = groups.filter((group) => sizeOfSet(waits.get(group)) === 0).reverse();
  const order: Group[] = [];
  for (let group = ready.pop(); group; group = ready.pop()) {
    order.push(group);
    for (const next of waiting.get(group) ?? []) {
      const rest = waits.get(next);
      if (rest?.delete(group) && rest.size === 0) ready.push(next);
    }
  }
  return order;
}
