import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { base } from './alias.js';
import { align, nodeBytes, type ParameterStore, type Place, type PlanBuffer } from './arena.js';
import { type EmitOptions, emitMap, type Kernel } from './kernels.js';
import type { Unit, Units } from './units.js';

/** One dispatch over neighbouring parameters: the units it stands for, and where each of its bindings begins. */
export interface Run {
  readonly units: readonly Unit[];
  readonly kernel: Kernel;
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
function alike(updateUnits: readonly Unit[], options: EmitOptions): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const unit of updateUnits) {
    const size = sizeOf(unit.roots[0]!.shape);
    const kernel = size > 1 && unit.kind === 'map' ? emitMap(unit, options, ANY_LENGTH) : undefined;
    if (!kernel) continue;
    const slots = kernel.bindings.map(({ node }) => node);
    const shared = slots.filter((node) => sizeOf(node.shape) !== size).map((node) => node.id);
    const key = `${kernel.wgsl}|${shared.join()}`;
    groups.set(key, [...(groups.get(key) ?? []), { unit, slots, bytes: nodeBytes(unit.roots[0]!) }]);
  }
  return [...groups.values()];
}

/** Lays parameters, optimizer state and gradients of alike updates out alike and merges neighbours into one dispatch. */
export function planUpdates(
  units: Units,
  updateUnits: readonly Unit[],
  options: EmitOptions,
  store: ParameterStore,
  places: Map<Tensor, Place>,
): Run[] {
  const runs: Run[] = [];
  // a next value that is written in place lies where its parameter does
  const home = (node: Tensor): Tensor => options.target(base(node));
  const placeOf = (node: Tensor): Place => store.get(home(node))!;
  /** A result that its kernel may write beside the others: it reads none of them. */
  const canPlace = (node: Tensor, _: number, all: readonly Tensor[]): boolean => {
    const producer = units.unitOf.get(node);
    if (!producer || units.partition.aliases.has(node) || places.has(node)) return false;
    return !all.some((other) => producer.needs.has(other));
  };
  for (const group of alike(updateUnits, options)) {
    const { unit, slots } = group[0]!;
    const kinds = slots.map((node): Slot => {
      if (sizeOf(node.shape) !== sizeOf(unit.roots[0]!.shape)) return 'shared';
      return isParameter(home(node)) ? 'kept' : 'made';
    });
    const lead = kinds.indexOf('kept');
    const inSlot = (slot: number): Tensor[] => group.map((member) => member.slots[slot]!);
    if (lead < 0 || !kinds.every((kind, slot) => kind !== 'made' || inSlot(slot).every(canPlace))) continue;
    kinds.forEach((kind, slot) => {
      if (kind === 'kept') store.add(inSlot(slot).map(home));
    });
    const follows = (before: Member, next: Member): boolean =>
      kinds.every((kind, slot) => {
        if (kind !== 'kept') return true;
        const [a, b] = [placeOf(before.slots[slot]!), placeOf(next.slots[slot]!)];
        return a.buffer === b.buffer && b.offset === a.offset + align(before.bytes);
      });
    for (const members of chains(group, follows, (member) => placeOf(member.slots[lead]!).offset))
      if (members.length > 1) runs.push(makeRun(members, kinds, lead, placeOf, places, options));
  }
  return runs;
}

/** Splits a group into the longest lists in which each member follows the one before, in the order of `offset`. */
function chains(
  group: readonly Member[],
  follows: (before: Member, next: Member) => boolean,
  offset: (member: Member) => number,
): Member[][] {
  const out: Member[][] = [];
  for (const member of [...group].sort((a, b) => offset(a) - offset(b))) {
    const chain = out.find((each) => follows(each.at(-1)!, member));
    if (chain) chain.push(member);
    else out.push([member]);
  }
  return out;
}

/** One kernel over all members; results get a buffer laid out like the parameters. */
function makeRun(
  members: readonly Member[],
  kinds: readonly Slot[],
  lead: number,
  placeOf: (node: Tensor) => Place,
  places: Map<Tensor, Place>,
  options: EmitOptions,
): Run {
  const bytes = members.reduce((total, member) => total + align(member.bytes), 0);
  const start = placeOf(members[0]!.slots[lead]!).offset;
  const ranges = kinds.map((kind, slot): Place | undefined => {
    if (kind === 'shared') return undefined;
    if (kind === 'kept') return { ...placeOf(members[0]!.slots[slot]!), bytes };
    const buffer: PlanBuffer = { kind: 'gradients', bytes };
    for (const member of members) {
      const offset = placeOf(member.slots[lead]!).offset - start;
      places.set(base(member.slots[slot]!), { buffer, offset, bytes: member.bytes });
    }
    return { buffer, offset: 0, bytes };
  });
  return { units: members.map(({ unit }) => unit), kernel: emitMap(members[0]!.unit, options, bytes / 4)!, ranges };
}
