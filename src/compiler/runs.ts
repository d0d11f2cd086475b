// Runs: updates of one kind over neighbouring parameters of a model, as one kernel over all of them.
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { emitMap } from '../kernels/map.js';
import type { EmitOptions } from '../kernels/options.js';
import {
  align,
  nodeBytes,
  type Place,
  type PlanBuffer,
  type PlanContext,
} from '../planning/context.js';
import type { Group } from '../planning/groups.js';
import { textOfCode } from '../wgsl/kernel.js';
import { isAcross } from './across.js';
import { behind } from './aliases.js';
import type { Fusion } from './fusion.js';
import { Ahead, type Launch } from './launch.js';
import { layOut } from './layout.js';
import { placeInRow, VECTOR_BYTES } from './memory.js';

/** An update by what it has an element of for each of its own: parameters and optimizer state, and results such as gradients. */
interface Update {
  readonly group: Group;
  readonly own: ReadonlySet<Tensor>;
  /** Of what its kernel binds, all that is its own. */
  readonly bound: ReadonlySet<Tensor>;
  readonly kept: readonly Tensor[];
  readonly made: readonly Tensor[];
}

/** Stands for the length of any parameter while kernels are compared. */
const ANY_LENGTH = 1 << 20;

/** What a kernel reads or stores of which it has an element for each that it updates; the rest is one value for all. */
function ownOf({ reads, stores }: Group): Set<Tensor> {
  const size = sizeOf(stores[0]?.shape ?? []);
  const isOwn = (node: Tensor): boolean => sizeOf(node.shape) === size && reads.get(node) !== false;
  return new Set([...stores, ...[...reads.keys()].filter(isOwn)]);
}

/** An update with a text that is equal for those that differ in nothing but the size and the place of what they update. */
function updateOf(group: Group, options: EmitOptions): [key: string, update: Update] | undefined {
  const { target, scalars } = options;
  const { kind, reads, stores } = group;
  const isUpdate = stores.every((node) => target(node) !== node && sizeOf(node.shape) > 1);
  if (kind !== 'map' || !isUpdate) return undefined;
  const own = ownOf(group);
  const isFit = (node: Tensor): boolean =>
    own.has(node)
      ? bytesPerElement(node.dtype) === 4
      : sizeOf(node.shape) === 1 || node === scalars;
  if (![...reads.keys(), ...stores].every(isFit)) return undefined;
  const { code, bindings } = emitMap(group, options, { length: ANY_LENGTH, own });
  const updated = new Set(stores.map(target));
  const bound = bindings.map(({ node }) => node);
  const mine = new Set(bound.filter((node) => own.has(node) || updated.has(node)));
  // a next value that is written in place lies where its parameter does
  const nodes = [...new Set(Array.from(mine, (node) => target(base(node))))];
  const marks = bound.map((node) =>
    mine.has(node) ? [isParameter(target(base(node))), node.dtype] : node.id,
  );
  const kept = nodes.filter(isParameter);
  const made = nodes.filter((node) => !isParameter(node));
  return [[textOfCode(code), ...marks].join('|'), { group, own, bound: mine, kept, made }];
}

/** Updates of one kind each. What they keep is ordered as the program updates it, after what is but read: a parameter, its state. */
function updatesByKind(fusion: Fusion, order: readonly Group[], options: EmitOptions): Update[][] {
  const kinds = new Map<string, Update[]>();
  for (const group of order) {
    const [key, update] = updateOf(group, options) ?? [];
    if (key === undefined || !update) continue;
    const known = kinds.get(key);
    if (known) known.push(update);
    else kinds.set(key, [update]);
  }
  const nexts = [...fusion.storage.nexts];
  const ranks = new Map(nexts.map((next, i) => [options.target(next), i]));
  return Array.from(kinds.values(), (updates) => {
    const slots = updates.slice(0, 1).flatMap(({ group, kept }) => {
      const updated = new Set(group.stores.map(options.target));
      const ranked = kept.map((node, slot) => {
        return { slot, rank: updated.has(node) ? (ranks.get(node) ?? 0) : -1 };
      });
      return ranked.sort((a, b) => a.rank - b.rank).map(({ slot }) => slot);
    });
    return updates.map((update) => {
      return { ...update, kept: slots.flatMap((slot) => update.kept.slice(slot, slot + 1)) };
    });
  });
}

/** Runs, by the kernels that they take the place of: nothing but for the last of each; and an order in which all can run. */
interface Runs {
  readonly launches: ReadonlyMap<Group, Launch[]>;
  readonly order: readonly Group[];
}

/**
 * The runs of a plan. Alike updates get parameters, optimizer state and gradients laid out alike, and neighbours among them
 * become one dispatch.
 */
export function runsOf(
  fusion: Fusion,
  first: readonly Group[],
  options: EmitOptions,
  places: Map<Tensor, Place>,
): Runs {
  let order = first;
  const launches = new Map<Group, Launch[]>();
  const claimed = new Set<Tensor>();
  const kinds = updatesByKind(fusion, order, options);
  for (const updates of kinds) layOut(keptBy(updates), options);
  // and all of a model's in one buffer
  layOut(leadersOf(kinds), options, false);
  const rows: (PlanBuffer | undefined)[] = [];
  for (const updates of kinds) {
    const all = updates.flatMap(({ made }) => made);
    const free = updates.filter(({ made }) => claim(made, all, fusion, claimed));
    for (const chain of chainsOf(free, options)) {
      const own = new Set(chain.map(({ group }) => group));
      // what one member updates and another reads may not be bound twice
      const kept = chain.flatMap((update) => update.kept);
      if (chain.length < 2 || new Set(kept).size < kept.length) continue;
      const together = inOneRun(own, order, options);
      if (!together) continue;
      order = together.order;
      for (const group of own) launches.set(group, []);
      launches.set(together.last, [makeRun(chain, options, places, rows)]);
    }
  }
  // what is summed up with gradients lies beside each other too
  for (const { members } of order.filter(isAcross)) {
    const inputs = new Set(members[0].inputs.map(base));
    const rest = [...inputs].filter((node) => !places.has(node));
    const others = rest.filter((node) => claim([node], rest, fusion, new Set()));
    placeInRow('slot', others, places, options.limits.bindingBytes);
  }
  return { launches, order };
}

const keptBy = (updates: readonly Update[]) => updates.map(({ kept }) => kept);

/** What comes first of all that updates of all kinds keep, each once. */
function leadersOf(kinds: readonly (readonly Update[])[]): (readonly Tensor[])[] {
  const leaders = new Set(kinds.flat().flatMap(({ kept }) => kept.slice(0, 1)));
  return Array.from(leaders, (leader) => [leader]);
}

/** Claims results that their kernels may write beside all others: they read none of them, and lie nowhere else. */
function claim(
  made: readonly Tensor[],
  all: readonly Tensor[],
  { makers, storage }: Fusion,
  claimed: Set<Tensor>,
): boolean {
  const { aliases } = storage;
  return made.every((node) => {
    const isWritten = behind(node, aliases).every((part) => {
      const maker = makers.get(part);
      return maker && !all.some((other) => maker.needs.has(other));
    });
    if (!isWritten || aliases.has(node) || claimed.has(node)) return false;
    claimed.add(node);
    return true;
  });
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

/**
 * An order in which these kernels come side by side, and the last of them there: what depends on some comes after all. Undefined
 * where some depend on that.
 */
function inOneRun(
  own: ReadonlySet<Group>,
  order: readonly Group[],
  options: EmitOptions,
): { order: Group[]; last: Group } | undefined {
  const first = order.findIndex((group) => own.has(group));
  const end = order.findLastIndex((group) => own.has(group)) + 1;
  const before = new Ahead(options);
  const held = new Ahead(options);
  const free: Group[] = [];
  const late: Group[] = [];
  for (const group of order.slice(first, end)) {
    const isOwn = own.has(group);
    if (isOwn && held.holdsUp(group)) return undefined;
    if (isOwn || before.holdsUp(group)) before.add(group);
    else free.push(group);
    if (isOwn || !before.has(group)) continue;
    held.add(group);
    late.push(group);
  }
  const run = order.filter((group) => own.has(group));
  const last = run.at(-1);
  return (
    last && {
      order: [...order.slice(0, first), ...free, ...run, ...late, ...order.slice(end)],
      last,
    }
  );
}

/**
 * One kernel over all updates of a chain. Results are laid out like the parameters, behind those of the chains before where all
 * fit into one binding: so few buffers hold all gradients.
 */
function makeRun(
  chain: Chain,
  options: EmitOptions,
  places: Map<Tensor, Place>,
  rows: (PlanBuffer | undefined)[],
): Launch {
  const { bindingBytes } = options.limits;
  const [{ made }] = chain;
  for (const slot of made.keys()) {
    const neighbours = chain.flatMap((update) => update.made[slot] ?? []);
    const bytes = neighbours.reduce((end, node) => align(end) + nodeBytes(node), 0);
    const row = rows[slot];
    const fits = row && align(row.bytes) + align(bytes) <= bindingBytes;
    rows[slot] = placeInRow('slot', neighbours, places, bindingBytes, fits ? row : undefined);
  }
  const parameters = chain.flatMap(({ kept }) => kept.slice(0, 1));
  const laid = parameters.flatMap((node) => options.shared.get(node) ?? []);
  const first = laid[0];
  const last = laid.at(-1);
  if (!first || !last) throw new RangeError('a run updates parameters with a place');
  const bytes = last.offset + align(last.bytes, VECTOR_BYTES) - first.offset;
  const [{ group, own, bound }, ...others] = chain;
  const groups: Launch['groups'] = [group, ...others.map((update) => update.group)];
  const kernel = emitMap(group, options, { length: bytes / 4, own });
  return { groups, kernel, spans: new Map(Array.from(bound, (node) => [node, bytes])) };
}
