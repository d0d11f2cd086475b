import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { countOf } from './index.js';
import { joinKernels } from './join.js';
import { type EmitOptions, emitMap, emitReduce, type Kernel } from './kernels.js';
import { emitMatmul, multiplyAdds, SMALL } from './matmul.js';
import { align, nodeBytes, type Place, type PlanBuffer, type PlanContext, placeParameters } from './memory.js';
import { base } from './partition.js';
import { MAX_BINDINGS, type Unit, type Units } from './units.js';

/** A dispatch to be: one unit, or one kernel over the units of neighbouring parameters. */
export interface Group {
  readonly units: readonly Unit[];
  /** For several units: their kernel, and what it binds instead of the first unit's own places. */
  readonly kernel?: Kernel;
  readonly ranges?: ReadonlyMap<Tensor, Place>;
}

/** An update kernel by what it binds, in order: parameters and optimizer state, and results such as gradients. */
interface Member {
  readonly unit: Unit;
  readonly kept: readonly Tensor[];
  readonly made: readonly Tensor[];
  /** Of each that is kept or made. */
  readonly bytes: number;
}

/** Elements up to which a fold shares a dispatch with others. */
const SMALL_FOLD = 2 ** 14;

/** Stands for the length of any parameter while kernels are compared. */
const ANY_LENGTH = 1 << 20;

/** Update kernels that differ in nothing but the size and the place of what they update, grouped by their WGSL. */
function alike(order: readonly Unit[], options: EmitOptions): Member[][] {
  const groups = new Map<string, Member[]>();
  for (const unit of order) {
    const size = sizeOf(unit.stores[0]?.shape ?? []);
    const updates = unit.kind === 'map' && size > 1 && unit.stores.every((node) => options.target(node) !== node);
    const kernel = updates ? emitMap(unit, options, ANY_LENGTH) : undefined;
    if (!kernel) continue;
    // a next value that is written in place lies where its parameter does
    const nodes = kernel.bindings.map(({ node }) => options.target(base(node)));
    const own = nodes.filter((node) => sizeOf(node.shape) === size);
    const [kept, made] = [own.filter(isParameter), own.filter((node) => !isParameter(node))];
    // what is not element-wise is one value for all
    const key = `${kernel.wgsl}|${nodes.map((node) => (own.includes(node) ? isParameter(node) : node.id))}`;
    groups.set(key, [...(groups.get(key) ?? []), { unit, kept, made, bytes: nodeBytes(unit.stores[0]!) }]);
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
  places: Map<Tensor, Place>,
): Group[] {
  const runs = new Map<Unit, Group[]>();
  const claimed = new Set<Tensor>();
  for (const group of alike(order, options)) {
    const all = group.flatMap(({ made }) => made);
    /** A result that its kernel may write beside the others: it reads none of them, and lies nowhere else. */
    const canPlace = (node: Tensor): boolean => {
      const producer = unitOf.get(node);
      if (!producer || aliases.has(node) || claimed.has(node) || all.some((other) => producer.needs.has(other)))
        return false;
      claimed.add(node);
      return true;
    };
    const free = group.filter(({ made }) => made.every(canPlace));
    const laidOut = [...new Set([...free, ...group])];
    for (const slot of group[0]!.kept.keys())
      placeParameters(
        options,
        laidOut.map(({ kept }) => kept[slot]!),
      );
    for (const members of chains(free, options)) {
      const units = new Set(members.map(({ unit }) => unit));
      const last = lastOf(units, order, options);
      if (members.length < 2 || !last) continue;
      for (const unit of units) runs.set(unit, []);
      runs.set(last, [makeRun(members, options, places)]);
    }
  }
  const groups = order.flatMap((unit) => runs.get(unit) ?? [{ units: [unit] }]);
  return joinProducts(joinFolds(groups, options), options);
}

/** Puts small folds right behind what they read. */
function hoistFolds(groups: readonly Group[]): Group[] {
  const keys = new Map<Tensor, number>();
  const keyed = groups.map((group, i): [key: number, group: Group] => {
    const behind = group.units.flatMap(({ needs }) => [...needs].map((node) => keys.get(node) ?? -1));
    const key = isSmallFold(group) ? Math.max(-1, ...behind) + 2 ** -20 : i;
    for (const { stores } of group.units) for (const node of stores) keys.set(node, key);
    return [key, group];
  });
  return keyed.sort(([a], [b]) => a - b).map(([, group]) => group);
}

/** Small folds (bias gradients, the cost) wait until one of them is needed, and become one dispatch. */
function joinFolds(groups: readonly Group[], options: EmitOptions): Group[] {
  const out: Group[] = [];
  let waiting: Unit[] = [];
  const flush = (): void => {
    const kernel = waiting.length > 1 ? joinKernels(waiting.map((unit) => emitReduce(unit, options))) : undefined;
    if (kernel) out.push({ units: waiting, kernel });
    else out.push(...waiting.map((unit) => ({ units: [unit] })));
    waiting = [];
  };
  for (const group of hoistFolds(groups)) {
    const [unit] = group.units;
    if (isInTheWay(waiting, group.units, options)) flush();
    if (!isSmallFold(group)) {
      out.push(group);
      continue;
    }
    const bound = new Set([...waiting, unit!].flatMap(({ reads, stores }) => [...reads.keys(), ...stores]));
    if (bound.size > MAX_BINDINGS) flush();
    waiting.push(unit!);
  }
  flush();
  return out;
}

/** Small products that stand side by side and need nothing of each other (δ and δaᵀ of a layer) become one dispatch. */
function joinProducts(groups: readonly Group[], options: EmitOptions): Group[] {
  const out: Group[] = [];
  for (const group of groups) {
    const last = out.at(-1);
    const isPair = last && [last, group].every(isSmallProduct) && !isInTheWay(last.units, group.units, options);
    const units = isPair ? [...last.units, ...group.units] : [];
    const kernel = isPair ? joinKernels(units.map((unit) => emitMatmul(unit, options))) : undefined;
    if (kernel) out.splice(-1, 1, { units, kernel });
    else out.push(group);
  }
  return out;
}

const isSmallProduct = ({ units }: Group): boolean =>
  units.every(({ kind, heads: [head] }) => kind === 'matmul' && multiplyAdds(head!) < SMALL);

function isSmallFold({ units, kernel }: Group): boolean {
  const { kind, heads, elementIndex } = units[0]!;
  if (kernel || kind !== 'reduce' || countOf(elementIndex) > SMALL_FOLD) return false;
  return heads.every(({ op }) => op.kernel.kind === 'reduce');
}

/** Splits a group into the longest lists of neighbours in all that they keep, in the order in which they lie. */
function chains(group: readonly Member[], { shared }: PlanContext): Member[][] {
  const placesOf = ({ kept }: Member): Place[] => kept.map((node) => shared.get(node)!);
  const follows = (before: Member, next: Member): boolean =>
    placesOf(next).every(({ buffer, offset }, slot) => {
      const place = placesOf(before)[slot]!;
      return place.buffer === buffer && offset === place.offset + align(before.bytes);
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
function lastOf(units: ReadonlySet<Unit>, order: readonly Unit[], options: EmitOptions): Unit | undefined {
  const first = order.findIndex((unit) => units.has(unit));
  const last = order.findLastIndex((unit) => units.has(unit));
  const between = order.slice(first, last).filter((unit) => !units.has(unit));
  return isInTheWay([...units], between, options) ? undefined : order[last];
}

/** Whether units may not run after others that stand behind them: these need what they make, or overwrite what they read. */
function isInTheWay(units: readonly Unit[], others: readonly Unit[], { target }: EmitOptions): boolean {
  const made = new Set(units.flatMap(({ stores }) => stores));
  const kept = new Set(units.flatMap(({ reads }) => [...reads.keys()].filter(isParameter)));
  return others.some(
    ({ needs, stores }) => [...needs].some((node) => made.has(node)) || stores.some((node) => kept.has(target(node))),
  );
}

/** One kernel over all members; results get a buffer laid out like the parameters. */
function makeRun(members: readonly Member[], options: EmitOptions, places: Map<Tensor, Place>): Group {
  const bytes = members.reduce((total, member) => total + align(member.bytes), 0);
  const { kept, made, unit } = members[0]!;
  const ranges = new Map(kept.map((node): [Tensor, Place] => [node, { ...options.shared.get(node)!, bytes }]));
  for (const [slot, node] of made.entries()) {
    const buffer: PlanBuffer = { kind: 'slot', bytes, nodes: [] };
    ranges.set(node, { buffer, offset: 0, bytes });
    let offset = 0;
    for (const member of members) {
      places.set(member.made[slot]!, { buffer, offset, bytes: member.bytes });
      offset += align(member.bytes);
    }
  }
  return { units: members.map((member) => member.unit), kernel: emitMap(unit, options, bytes / 4)!, ranges };
}
