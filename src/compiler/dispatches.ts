// Joins dispatches: parameter updates of one kind over all parameters, and small kernels that run side by side.

import { sizeOf } from '../core/shape.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { type EmitOptions, emitMap, emitReduce, isElementwise } from '../kernels/kernels.js';
import { emitMatmul, multiplyAdds } from '../kernels/matmul.js';
import { fusion, MAX_GROUPS, products } from '../planning/limits.js';
import { countOf } from '../wgsl/indices.js';
import { joined, startsAlike, textOfCode } from '../wgsl/kernel.js';
import { addBinding, type Binding, type Kernel } from '../wgsl/writer.js';
import { align, type Place, type PlanContext, placeInRow } from './memory.js';
import { base } from './partition.js';
import { isScatter, type Unit, type Units } from './units.js';

/** A dispatch to be: one unit, or several in one kernel. */
export interface Group {
  readonly units: readonly Unit[];
  readonly kernel: Kernel;
  /** Of a run, one kernel over the units of neighbouring parameters: the bytes from the first one's values to the last's. */
  readonly run?: number;
}

/** An update kernel by what it binds, in order: parameters and optimizer state, and results such as gradients. */
interface Member {
  readonly unit: Unit;
  readonly kept: readonly Tensor[];
  readonly made: readonly Tensor[];
}

/** Stands for the length of any parameter while kernels are compared. */
const ANY_LENGTH = 1 << 20;

/** A unit's own kernel. */
const emit = (unit: Unit, options: EmitOptions): Kernel =>
  ({ map: emitMap, reduce: emitReduce, matmul: emitMatmul })[unit.kind](unit, options);

/** Update kernels that differ in nothing but the size and the place of what they update, grouped by their WGSL. */
function alike(order: readonly Unit[], options: EmitOptions): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const unit of order) {
    const size = sizeOf(unit.stores[0]?.shape ?? []);
    const updates =
      unit.kind === 'map' && size > 1 && unit.stores.every((node) => options.target(node) !== node);
    if (!updates || !isElementwise(unit)) continue;
    const kernel = emitMap(unit, options, ANY_LENGTH);
    // a next value that is written in place lies where its parameter does
    const nodes = kernel.bindings.map(({ node }) => options.target(base(node)));
    const own = nodes.filter(({ shape }) => sizeOf(shape) === size);
    const [kept, made] = [own.filter(isParameter), own.filter((node) => !isParameter(node))];
    // what is not element-wise is one value for all
    const bound = nodes.map((node) =>
      own.includes(node) ? [isParameter(node), node.dtype] : node.id,
    );
    const key = [textOfCode(kernel.code), ...bound].join('|');
    groups.set(key, [...(groups.get(key) ?? []), { unit, kept, made }]);
  }
  return [...groups.values()];
}

/**
 * Groups units into dispatches. Alike updates get parameters, optimizer state and gradients laid out alike, and
 * neighbours among them become one dispatch, where the last of them was.
 */
export function groupUnits(
  units: Units,
  order: readonly Unit[],
  options: EmitOptions,
  places: Map<Tensor, Place>,
) {
  const { aliases } = units.partition;
  const runs = new Map<Unit, Group[]>();
  const claimed = new Set<Tensor>();
  for (const group of alike(order, options)) {
    const all = group.flatMap(({ made }) => made);
    /** A result that its kernel may write beside the others: it reads none of them, and lies nowhere else. */
    const canPlace = (node: Tensor): boolean => {
      const producer = units.unitOf.get(node);
      if (
        !producer ||
        aliases.has(node) ||
        claimed.has(node) ||
        all.some((other) => producer.needs.has(other))
      )
        return false;
      claimed.add(node);
      return true;
    };
    const free = group.filter(({ made }) => made.every(canPlace));
    const laidOut = [...new Set([...free, ...group])];
    for (const slot of group[0]!.kept.keys()) {
      const neighbours = laidOut.map(({ kept }) => kept[slot]!);
      placeInRow('parameters', neighbours, options.shared, options.limits.bindingBytes);
    }
    for (const members of chains(free, options)) {
      const own = new Set(members.map(({ unit }) => unit));
      const last = lastOf(own, order, options);
      // what one member updates and another reads may not be bound twice
      const kept = members.flatMap((member) => member.kept);
      if (members.length < 2 || !last || new Set(kept).size < kept.length) continue;
      for (const unit of own) runs.set(unit, []);
      runs.set(last, [makeRun(members, options, places)]);
    }
  }
  const groups = order.flatMap(
    (unit) => runs.get(unit) ?? [{ units: [unit], kernel: emit(unit, options) }],
  );
  return joinSmall(groups, options);
}

/**
 * Small folds (bias gradients, the cost) become one dispatch where one may run when the other does, and so do small
 * products (δ and δaᵀ of a layer).
 */
function joinSmall(groups: readonly Group[], options: EmitOptions): Group[] {
  const out: Group[] = [];
  for (const group of groups) {
    const kind = smallKind(group);
    const partners = [...out.keys()]
      .filter((at) => kind && smallKind(out[at]!) === kind)
      .slice(-fusion.partners);
    if (!partners.reverse().some((at) => joinAt(out, at, group, options))) out.push(group);
  }
  return out;
}

/** Runs a group in one dispatch with an earlier one, where one of them can come as early or as late as the other. */
function joinAt(out: Group[], at: number, group: Group, options: EmitOptions): boolean {
  const partner = out[at]!.units;
  const between = out.slice(at + 1).flatMap(({ units }) => units);
  const isEarly = !isInTheWay([...partner, ...between], group.units, options);
  if (!isEarly && isInTheWay(partner, [...between, ...group.units], options)) return false;
  const units = [...partner, ...group.units];
  const kernel = joinKernels(
    units.map((unit) => emit(unit, options)),
    options.limits.storageBuffers,
  );
  if (!kernel) return false;
  out.splice(at, 1);
  out.splice(isEarly ? at : out.length, 0, { units, kernel });
  return true;
}

/** What a group is small of, if it is. */
function smallKind({ units }: Group): Unit['kind'] | undefined {
  const isSmall = ({ kind, members, elementIndex }: Unit): boolean => {
    if (kind === 'reduce')
      return countOf(elementIndex) <= fusion.smallFold && !members.some(isScatter);
    return kind === 'matmul' && multiplyAdds(members[0]!) < products.small;
  };
  return units.every(isSmall) ? units[0]!.kind : undefined;
}

/** Kernels that need nothing of each other as one; undefined where they begin differently or bind too much together. */
function joinKernels(kernels: readonly Kernel[], storageBuffers: number): Kernel | undefined {
  const first = kernels[0]!.code;
  if (!kernels.every(({ code }) => startsAlike(code, first))) return undefined;
  const bindings: Binding[] = [];
  const parts = kernels.map((kernel) => {
    const names = kernel.bindings.map(
      (binding, at) => [`b${at}`, `b${addBinding(bindings, binding)}`] as const,
    );
    return { ...kernel, buffers: new Map(names) };
  });
  const total = kernels.reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0);
  if (bindings.length > storageBuffers || total > MAX_GROUPS) return undefined;
  return { code: joined(parts), bindings, workgroups: [total, 1, 1] };
}

/** Splits a group into the longest lists of neighbours in all that they keep, in the order in which they lie. */
function chains(group: readonly Member[], { shared }: PlanContext): Member[][] {
  const placesOf = ({ kept }: Member): Place[] => kept.map((node) => shared.get(node)!);
  const follows = (before: Member, next: Member): boolean =>
    placesOf(next).every(({ buffer, offset }, slot) => {
      const place = placesOf(before)[slot]!;
      return place.buffer === buffer && offset === place.offset + align(place.bytes);
    });
  const out: Member[][] = [];
  for (const member of [...group].sort((a, b) => placesOf(a)[0]!.offset - placesOf(b)[0]!.offset)) {
    const chain = out.find((each) => follows(each.at(-1)!, member));
    if (chain) chain.push(member);
    else out.push([member]);
  }
  return out;
}

/** The last of these units, if all can run as late. */
function lastOf(
  units: ReadonlySet<Unit>,
  order: readonly Unit[],
  options: EmitOptions,
): Unit | undefined {
  const first = order.findIndex((unit) => units.has(unit));
  const last = order.findLastIndex((unit) => units.has(unit));
  const between = order.slice(first, last).filter((unit) => !units.has(unit));
  return isInTheWay([...units], between, options) ? undefined : order[last];
}

/** Whether units may not run after others that stand behind them: these need what they make, or overwrite what they read. */
function isInTheWay(
  units: readonly Unit[],
  others: readonly Unit[],
  { target }: EmitOptions,
): boolean {
  const made = new Set(units.flatMap(({ stores }) => stores));
  const kept = new Set(units.flatMap(({ reads }) => [...reads.keys()].filter(isParameter)));
  return others.some(
    ({ needs, stores }) =>
      [...needs].some((node) => made.has(node)) || stores.some((node) => kept.has(target(node))),
  );
}

/** One kernel over all members; results get a buffer laid out like the parameters. */
function makeRun(
  members: readonly Member[],
  options: EmitOptions,
  places: Map<Tensor, Place>,
): Group {
  const [{ unit, made }] = members as [Member];
  for (const slot of made.keys()) {
    const neighbours = members.map((member) => member.made[slot]!);
    placeInRow('slot', neighbours, places, options.limits.bindingBytes);
  }
  const [first, last] = [members[0], members.at(-1)].map(
    (member) => options.shared.get(member!.kept[0]!)!,
  );
  const run = last!.offset + align(last!.bytes, 16) - first!.offset;
  return {
    units: members.map((member) => member.unit),
    kernel: emitMap(unit, options, run / 4),
    run,
  };
}
