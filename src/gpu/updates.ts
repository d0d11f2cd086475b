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

interface Member {
  readonly unit: Unit;
  /** Nodes behind the kernel's bindings, in its order. */
  readonly slots: readonly Tensor[];
  readonly bytes: number;
}

const FLAT = 1 << 20;

/** Update kernels that differ in nothing but the size and the place of what they update, grouped by their WGSL. */
function alike(updateUnits: readonly Unit[], options: EmitOptions): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const unit of updateUnits) {
    const size = sizeOf(unit.roots[0]!.shape);
    const kernel = size > 1 && unit.kind === 'map' ? emitMap(unit, options, FLAT) : undefined;
    if (!kernel) continue;
    const slots = kernel.bindings.map(({ node }) => node);
    const fixed = slots.filter((node) => sizeOf(node.shape) !== size).map((node) => node.id);
    const key = `${kernel.wgsl}|${fixed.join()}`;
    const list = groups.get(key) ?? [];
    groups.set(key, list);
    list.push({ unit, slots, bytes: nodeBytes(unit.roots[0]!) });
  }
  return [...groups.values()];
}

/** Gradients that a kernel may write at their parameter's offset: made by one unit that reads no other of them. */
function placeable(units: Units, nodes: readonly Tensor[]): Set<Tensor> {
  const together = new Set(nodes);
  return new Set(
    nodes.filter((node) => {
      const producer = units.unitOf.get(node);
      return (
        producer !== undefined &&
        !units.partition.aliases.has(node) &&
        ![...producer.needs].some((need) => together.has(need))
      );
    }),
  );
}

/** Lays parameters, optimizer state and gradients of each group out alike and merges neighbours into one dispatch. */
export function planUpdates(
  units: Units,
  updateUnits: readonly Unit[],
  options: EmitOptions,
  store: ParameterStore,
  places: Map<Tensor, Place>,
): Run[] {
  const runs: Run[] = [];
  // A next value that is written in place lies where its parameter does.
  const home = (node: Tensor): Tensor => options.target(base(node));
  const placeOf = (node: Tensor): Place | undefined => store.get(home(node)) ?? places.get(base(node));
  for (const group of alike(updateUnits, options)) {
    const size = (member: Member): number => sizeOf(member.unit.roots[0]!.shape);
    const first = group[0]!;
    const wide = first.slots.map((node) => sizeOf(node.shape) === size(first));
    const lead = wide.findIndex((each, slot) => each && isParameter(first.slots[slot]!));
    if (lead < 0) continue;
    first.slots.forEach((_, slot) => {
      if (wide[slot] && isParameter(home(first.slots[slot]!))) store.add(group.map(({ slots }) => home(slots[slot]!)));
    });
    const free = new Set(
      first.slots.flatMap((_, slot) =>
        wide[slot]
          ? [
              ...placeable(
                units,
                group.map(({ slots }) => slots[slot]!),
              ),
            ].filter((node) => !places.has(base(node)) && !isParameter(home(node)))
          : [],
      ),
    );
    group.sort((x, y) => compare(placeOf(x.slots[lead]!)!, placeOf(y.slots[lead]!)!));
    for (const members of neighbours(group, wide, lead, placeOf, free)) {
      if (members.length < 2 && ![...free].some((node) => members[0]!.slots.includes(node))) continue;
      // a constant has no place yet: its unit stays a kernel of its own
      if (members[0]!.slots.some((node, slot) => wide[slot] && !free.has(node) && !placeOf(node))) continue;
      runs.push(makeRun(members, wide, lead, placeOf, free, places, options));
    }
  }
  return runs;
}

const bufferOrder = new WeakMap<PlanBuffer, number>();
let nextBuffer = 0;
const orderOf = (buffer: PlanBuffer): number => {
  if (!bufferOrder.has(buffer)) bufferOrder.set(buffer, nextBuffer++);
  return bufferOrder.get(buffer)!;
};
const compare = (a: Place, b: Place): number => orderOf(a.buffer) - orderOf(b.buffer) || a.offset - b.offset;

/** Splits a group where its members are no neighbours in every buffer alike. */
function neighbours(
  group: readonly Member[],
  wide: readonly boolean[],
  lead: number,
  placeOf: (node: Tensor) => Place | undefined,
  free: ReadonlySet<Tensor>,
): Member[][] {
  const runs: Member[][] = [];
  for (const member of group) {
    const last = runs.at(-1)?.at(-1);
    const joins =
      last !== undefined &&
      member.slots.every((node, slot) => {
        if (!wide[slot]) return true;
        if (free.has(node) && free.has(last.slots[slot]!)) return true;
        const [before, here] = [placeOf(last.slots[slot]!), placeOf(node)];
        return (
          before !== undefined &&
          here !== undefined &&
          before.buffer === here.buffer &&
          here.offset === before.offset + align(last.bytes)
        );
      });
    if (joins && placeOf(last.slots[lead]!)!.buffer === placeOf(member.slots[lead]!)!.buffer) runs.at(-1)!.push(member);
    else runs.push([member]);
  }
  return runs;
}

function makeRun(
  members: readonly Member[],
  wide: readonly boolean[],
  lead: number,
  placeOf: (node: Tensor) => Place | undefined,
  free: ReadonlySet<Tensor>,
  places: Map<Tensor, Place>,
  options: EmitOptions,
): Run {
  const start = placeOf(members[0]!.slots[lead]!)!.offset;
  const end = placeOf(members.at(-1)!.slots[lead]!)!.offset + align(members.at(-1)!.bytes);
  const bytes = end - start;
  const kernel = emitMap(members[0]!.unit, options, bytes / 4)!;
  const ranges = members[0]!.slots.map((node, slot): Place | undefined => {
    if (!wide[slot]) return undefined;
    if (free.has(node) && !placeOf(node)) {
      const buffer: PlanBuffer = { kind: 'gradients', bytes };
      for (const member of members) {
        const offset = placeOf(member.slots[lead]!)!.offset - start;
        places.set(base(member.slots[slot]!), { buffer, offset, bytes: member.bytes });
      }
      return { buffer, offset: 0, bytes };
    }
    return { buffer: placeOf(node)!.buffer, offset: placeOf(node)!.offset, bytes };
  });
  return { units: members.map(({ unit }) => unit), kernel, ranges };
}
