// Runs: updates of one kind over neighbouring parameters of a model, as one kernel over all of them.
import { sizeOf } from '../core/shape.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { emitMap, isElementwise } from '../kernels/map.js';
import type { EmitOptions } from '../kernels/options.js';
import { align, type Place, type PlanContext } from '../planning/context.js';
import type { Group } from '../planning/groups.js';
import { textOfCode } from '../wgsl/kernel.js';
import type { Fusion } from './fusion.js';
import { isInTheWay, type Launch } from './launch.js';
import { placeInRow, VECTOR_BYTES } from './memory.js';

/** An update by what it binds, in order: parameters and optimizer state, and results such as gradients. */
interface Update {
  readonly group: Group;
  readonly kept: readonly Tensor[];
  readonly made: readonly Tensor[];
}

/** Stands for the length of any parameter while kernels are compared. */
const ANY_LENGTH = 1 << 20;

/** An update with a text that is equal for those that differ in nothing but the size and the place of what they update. */
function updateOf(group: Group, options: EmitOptions): [key: string, update: Update] | undefined {
  const size = sizeOf(group.stores[0]?.shape ?? []);
  const isUpdate =
    group.kind === 'map' && size > 1 && group.stores.every((node) => options.target(node) !== node);
  if (!isUpdate || !isElementwise(group)) return undefined;
  const kernel = emitMap(group, options, ANY_LENGTH);
  // a next value that is written in place lies where its parameter does
  const nodes = kernel.bindings.map(({ node }) => options.target(base(node)));
  const own = nodes.filter(({ shape }) => sizeOf(shape) === size);
  // what is not element-wise is one value for all
  const bound = nodes.map((node) =>
    own.includes(node) ? [isParameter(node), node.dtype] : node.id,
  );
  const key = [textOfCode(kernel.code), ...bound].join('|');
  const made = own.filter((node) => !isParameter(node));
  return [key, { group, kept: own.filter(isParameter), made }];
}

/** Updates of one kind each. */
function updatesByKind(order: readonly Group[], options: EmitOptions): Update[][] {
  const kinds = new Map<string, Update[]>();
  for (const group of order) {
    const [key, update] = updateOf(group, options) ?? [];
    if (key === undefined || !update) continue;
    const known = kinds.get(key);
    if (known) known.push(update);
    else kinds.set(key, [update]);
  }
  return [...kinds.values()];
}

/**
 * The runs of a plan, by the kernels that they take the place of: nothing but for the last of each. Alike updates get
 * parameters, optimizer state and gradients laid out alike, and neighbours among them become one dispatch.
 */
export function runsOf(
  fusion: Fusion,
  order: readonly Group[],
  options: EmitOptions,
  places: Map<Tensor, Place>,
): Map<Group, Launch[]> {
  const runs = new Map<Group, Launch[]>();
  const claimed = new Set<Tensor>();
  for (const updates of updatesByKind(order, options)) {
    const all = updates.flatMap(({ made }) => made);
    const free = updates.filter(({ made }) => claim(made, all, fusion, claimed));
    layOut([...new Set([...free, ...updates])], options);
    for (const chain of chainsOf(free, options)) {
      const own = new Set(chain.map(({ group }) => group));
      const last = lastOf(own, order, options);
      // what one member updates and another reads may not be bound twice
      const kept = chain.flatMap((update) => update.kept);
      if (chain.length < 2 || !last || new Set(kept).size < kept.length) continue;
      for (const group of own) runs.set(group, []);
      runs.set(last, [makeRun(chain, options, places)]);
    }
  }
  return runs;
}

/** Claims results that their kernels may write beside all others: they read none of them, and lie nowhere else. */
function claim(
  made: readonly Tensor[],
  all: readonly Tensor[],
  { makers, storage }: Fusion,
  claimed: Set<Tensor>,
): boolean {
  return made.every((node) => {
    const maker = makers.get(node);
    if (!maker || storage.aliases.has(node) || claimed.has(node)) return false;
    if (all.some((other) => maker.needs.has(other))) return false;
    claimed.add(node);
    return true;
  });
}

/** Lays the parameters of updates side by side, and each kind of optimizer state. */
function layOut(updates: readonly Update[], { shared, limits }: EmitOptions): void {
  for (const slot of updates[0]?.kept.keys() ?? []) {
    const neighbours = updates.flatMap(({ kept }) => kept[slot] ?? []);
    placeInRow('parameters', neighbours, shared, limits.bindingBytes);
  }
}

/** Updates of neighbours. */
type Chain = [Update, ...Update[]];

/** Splits updates into the longest lists of neighbours in all that they keep, in the order in which they lie. */
function chainsOf(updates: readonly Update[], { shared }: PlanContext): Chain[] {
  const laid = updates.map((update) => {
    const places = update.kept.flatMap((node) => shared.get(node) ?? []);
    return { update, places, offset: places[0]?.offset ?? 0 };
  });
  laid.sort((a, b) => a.offset - b.offset);
  const chains: { readonly updates: Chain; end: readonly Place[] }[] = [];
  for (const { update, places } of laid) {
    const chain = chains.find(({ end }) => followsAll(end, places));
    if (!chain) chains.push({ updates: [update], end: places });
    else {
      chain.updates.push(update);
      chain.end = places;
    }
  }
  return chains.map((chain) => chain.updates);
}

/** Whether each of some places begins where the same of others ends. */
const followsAll = (before: readonly Place[], places: readonly Place[]): boolean =>
  places.every(({ buffer, offset }, slot) => {
    const place = before[slot];
    return place?.buffer === buffer && offset === place.offset + align(place.bytes);
  });

/** The last of these kernels, if all can run as late. */
function lastOf(
  groups: ReadonlySet<Group>,
  order: readonly Group[],
  options: EmitOptions,
): Group | undefined {
  const first = order.findIndex((group) => groups.has(group));
  const last = order.findLastIndex((group) => groups.has(group));
  const between = order.slice(first, last).filter((group) => !groups.has(group));
  return isInTheWay([...groups], between, options) ? undefined : order[last];
}

/** One kernel over all updates of a chain; results get a buffer laid out like the parameters. */
function makeRun(chain: Chain, options: EmitOptions, places: Map<Tensor, Place>): Launch {
  const [{ group, made }, ...others] = chain;
  for (const slot of made.keys()) {
    const neighbours = chain.flatMap((update) => update.made[slot] ?? []);
    placeInRow('slot', neighbours, places, options.limits.bindingBytes);
  }
  const parameters = chain.flatMap(({ kept }) => kept.slice(0, 1));
  const laid = parameters.flatMap((node) => options.shared.get(node) ?? []);
  const first = laid[0];
  const last = laid.at(-1);
  if (!first || !last) throw new RangeError('a run updates parameters with a place');
  const run = last.offset + align(last.bytes, VECTOR_BYTES) - first.offset;
  const groups: Launch['groups'] = [group, ...others.map((update) => update.group)];
  return { groups, kernel: emitMap(group, options, run / 4), run };
}
