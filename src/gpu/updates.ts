import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { base } from './alias.js';
import { align, nodeBytes, type ParameterStore, type Place, type PlanBuffer } from './arena.js';
import { type EmitOptions, emitMap, type Kernel } from './kernels.js';
import type { Unit, Units } from './units.js';

/** A dispatch to be: one unit, or one kernel over the units of neighbouring parameters. */
export interface Group {
  readonly units: readonly Unit[];
  readonly kernel?: Kernel;
  /** One range for each binding of the kernel; undefined where the binding's own node lies. */
  readonly ranges: readonly (Place | undefined)[];
}

/** An update kernel: what its bindings hold, in order, and how long each element-wise one is. */
interface Member {
  readonly unit: Unit;
  readonly slots: readonly Tensor[];
  readonly bytes: number;
}
/** What a binding holds in every member: one value for all, parameters and optimizer state, or results such as gradients. */
type Slot = 'shared' | 'kept' | 'made';

/** Stands for the length of any parameter while kernels are compared. */
const ANY_LENGTH = 1 << 20;

/** Update kernels that differ in nothing but the size and the place of what they update, grouped by their WGSL. */
function alike(order: readonly Unit[], options: EmitOptions): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const unit of order) {
    const size = sizeOf((unit.roots[0] ?? unit.heads[0]!).shape);
    const updates = unit.kind === 'map' && size > 1 && unit.stores.every((node) => options.target(node) !== node);
    const kernel = updates ? emitMap(unit, options, ANY_LENGTH) : undefined;
    if (!kernel) continue;
    const slots = kernel.bindings.map(({ node }) => node);
    const shared = slots.filter((node) => sizeOf(node.shape) !== size).map((node) => node.id);
    const key = `${kernel.wgsl}|${shared.join()}`;
    groups.set(key, [...(groups.get(key) ?? []), { unit, slots, bytes: nodeBytes(unit.roots[0]!) }]);
  }
  return [...groups.values()];
}

/**
 * Groups units into dispatches. Alike updates get parameters, optimizer state and gradients laid out alike, and
 * neighbours among them become one dispatch, where the last of them was.
 */
export function groupUnits(
  { unitOf, partition: { aliases } }: Units,
  order: readonly Unit[],
  options: EmitOptions,
  store: ParameterStore,
  places: Map<Tensor, Place>,
): Group[] {
  const runs = new Map<Unit, Group>();
  const claimed = new Set<Tensor>();
  // a next value that is written in place lies where its parameter does
  const home = (node: Tensor): Tensor => options.target(base(node));
  const placeOf = (node: Tensor): Place => store.get(home(node))!;
  for (const group of alike(order, options)) {
    const { unit, slots } = group[0]!;
    const kinds = slots.map((node): Slot => {
      if (sizeOf(node.shape) !== sizeOf(unit.roots[0]!.shape)) return 'shared';
      return isParameter(home(node)) ? 'kept' : 'made';
    });
    const slotsOf = (member: Member, kind: Slot): Tensor[] => member.slots.filter((_, slot) => kinds[slot] === kind);
    const all = group.flatMap((member) => slotsOf(member, 'made'));
    /** A result that its kernel may write beside the others: it reads none of them, and lies nowhere else. */
    const canPlace = (node: Tensor): boolean => {
      const producer = unitOf.get(node);
      if (!producer || aliases.has(node) || claimed.has(node) || all.some((other) => producer.needs.has(other)))
        return false;
      claimed.add(node);
      return true;
    };
    const free = group.filter((member) => slotsOf(member, 'made').every(canPlace));
    const laidOut = [...new Set([...free, ...group])];
    slots.forEach((_, slot) => {
      if (kinds[slot] === 'kept') store.add(laidOut.map((member) => home(member.slots[slot]!)));
    });
    const follows = (before: Member, next: Member): boolean =>
      slotsOf(before, 'kept').every((node, i) => {
        const [a, b] = [placeOf(node), placeOf(slotsOf(next, 'kept')[i]!)];
        return a.buffer === b.buffer && b.offset === a.offset + align(before.bytes);
      });
    const start = (member: Member): number => placeOf(slotsOf(member, 'kept')[0]!).offset;
    for (const chain of chains(free, follows, start)) {
      const members = chain.map((member) => member.unit);
      if (chain.length < 2 || !canWait(members, order, options)) continue;
      const run = makeRun(chain, kinds, start, placeOf, places, options);
      for (const each of members) runs.set(each, run);
    }
  }
  const lastOf = new Map(order.map((unit) => [runs.get(unit), unit]));
  return order.flatMap((unit): Group[] => {
    const run = runs.get(unit);
    if (!run) return [{ units: [unit], ranges: [] }];
    return lastOf.get(run) === unit ? [run] : [];
  });
}

/** Splits a group into the longest lists in which each member follows the one before, in the order of `start`. */
function chains(
  group: readonly Member[],
  follows: (before: Member, next: Member) => boolean,
  start: (member: Member) => number,
): Member[][] {
  const out: Member[][] = [];
  for (const member of [...group].sort((a, b) => start(a) - start(b))) {
    const chain = out.find((each) => follows(each.at(-1)!, member));
    if (chain) chain.push(member);
    else out.push([member]);
  }
  return out;
}

/** Whether the first of these units can run as late as the last: nothing between needs what they make or overwrites what they read. */
function canWait(units: readonly Unit[], order: readonly Unit[], { target }: EmitOptions): boolean {
  const own = new Set(units);
  const first = order.findIndex((unit) => own.has(unit));
  const last = order.findLastIndex((unit) => own.has(unit));
  const made = new Set(units.flatMap((unit) => unit.stores));
  const kept = new Set(units.flatMap((unit) => [...unit.reads.keys()].filter(isParameter)));
  const between = order.slice(first, last).filter((unit) => !own.has(unit));
  return !between.some(
    ({ needs, stores }) => [...needs].some((node) => made.has(node)) || stores.some((node) => kept.has(target(node))),
  );
}

/** One kernel over all members; results get a buffer laid out like the parameters. */
function makeRun(
  members: readonly Member[],
  kinds: readonly Slot[],
  start: (member: Member) => number,
  placeOf: (node: Tensor) => Place,
  places: Map<Tensor, Place>,
  options: EmitOptions,
): Group {
  const [first] = members;
  const bytes = members.reduce((total, member) => total + align(member.bytes), 0);
  const ranges = kinds.map((kind, slot): Place | undefined => {
    if (kind === 'shared') return undefined;
    if (kind === 'kept') return { ...placeOf(first!.slots[slot]!), bytes };
    const buffer: PlanBuffer = { kind: 'gradients', bytes };
    for (const member of members)
      places.set(base(member.slots[slot]!), { buffer, offset: start(member) - start(first!), bytes: member.bytes });
    return { buffer, offset: 0, bytes };
  });
  return { units: members.map(({ unit }) => unit), kernel: emitMap(first!.unit, options, bytes / 4)!, ranges };
}
