// How products of class `gpu` are cut: which tile a workgroup computes, and into how many slices and parts k goes. By shape alone.
import {
  type AdapterClass,
  card,
  type Footprint,
  footprints,
  MAX_WORKGROUP_BYTES,
  products,
  type Tile,
} from './limits.js';

/**
 * A product of `batch` times [m, k] by [k, n]; `isAlongK` where k runs along the columns of B. `loads` one after the other are
 * waited for at each stage: two where an operand is read through a view, element by element.
 */
export interface Extents extends Readonly<Record<'batch' | 'm' | 'n' | 'k', number>> {
  readonly isAlongK: boolean;
  readonly loads: 1 | 2;
}

/**
 * How a product is cut. Part p has the p-th stretch of k, of `part` steps. Within a part, slice s of S has the steps
 * 4 (s + S i) to 4 (s + S i) + 3 for i = 0, 1, …, and adds them in ascending order. Then the slices are added in a tree
 * (s and s + S/2, s and s + S/4, …), then the parts in ascending order by another dispatch.
 */
export interface Cut extends Footprint {
  /** Steps of k in each part but the last. */
  readonly part: number;
}

/** Steps of k in each part: whole stages of every tile. */
function partLength(k: number, parts: number, { tile, slices }: Footprint): number {
  const stage = tile[0] === 'thin' ? 8 * slices : 64;
  return parts === 1 ? k : Math.min(k, stage * Math.ceil(k / parts / stage));
}

/** Four bytes for each number of vec4s. */
const VECTOR = 16;

/** The largest power of two up to `most`, and 1. */
const powerUpTo = (most: number): number => 2 ** Math.floor(Math.log2(Math.max(1, most)));
/** The smallest power of two from `least`. */
const powerFrom = (least: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, least)));

/** Invocations of a workgroup. */
export const invocationsOf = ({ tile: [, , , x, y], slices }: Footprint): number => x * y * slices;

/** Steps of k that lie in workgroup memory at one time: four loads an invocation. Slices are many, and take less. */
export function depthOf(footprint: Footprint): number {
  const { tile, slices } = footprint;
  const [kind, rows, columns, x, y] = tile;
  if (kind === 'thin') return 8 * slices;
  const quads = rows * y + columns * x;
  const bytes = slices > 1 ? MAX_WORKGROUP_BYTES / 2 : MAX_WORKGROUP_BYTES;
  const wanted = (4 * invocationsOf(footprint)) / quads;
  return Math.max(4 * slices, powerUpTo(Math.min(wanted, bytes / VECTOR / quads)));
}

/** Instructions a multiply-add in the loop over workgroup memory: four steps take 64 a tile, a read for each quad, and 28 others. */
function instructionsOf([kind, rows, columns]: Tile): number {
  return kind === 'thin' ? 2 : 1 + (4 * (rows + columns) + 28) / (64 * rows * columns);
}

/**
 * µs that a product takes on paper, for W workgroups of `height` × `width` outputs over `length` steps of k, in stages:
 *   one = height · width · length · instructions / (multiply-adds a µs of a multiprocessor)
 *   max(launch, ⌈subgroups of W / what the card holds⌉ · (stages · loads · latency + one), ⌈W / multiprocessors⌉ · one,
 *       bytes / bandwidth, W (height + width) length · 4 / cache bandwidth)
 *   + for parts: launch + 2 · parts · batch · m · n · 4 / bandwidth + parts · latency / 4, of which four are read at one time.
 */
export function predict(extents: Extents, footprint: Footprint, parts: number): number {
  const { batch, m, n, k } = extents;
  const [kind, rows, columns, x, y] = footprint.tile;
  const height = kind === 'thin' ? Math.min(m, 4) * y : 4 * rows * y;
  const width = 4 * columns * x;
  const length = partLength(k, parts, footprint);
  const stages = Math.ceil(length / depthOf(footprint));
  const workgroups = batch * parts * Math.ceil(m / height) * Math.ceil(n / width);
  const subgroups = workgroups * Math.ceil(invocationsOf(footprint) / 32);
  const rounds = Math.ceil(subgroups / (card.multiprocessors * card.subgroups));
  const one = (height * width * length * instructionsOf(footprint.tile)) / card.multiplyAdds;
  const waiting = rounds * (extents.loads * stages * card.latency + one);
  const computing = Math.ceil(workgroups / card.multiprocessors) * one;
  const bytes = 4 * batch * (m * k + k * n + m * n);
  const cached = (4 * workgroups * (height + width) * length) / card.cache;
  const moving = Math.max(bytes, cached) / card.bandwidth;
  const busy = Math.max(waiting, computing, moving);
  const added = (8 * parts * batch * m * n) / card.bandwidth;
  const adding = card.launch + added + (parts * card.latency) / 4;
  // among those that launching or moving bytes takes longest, what computes sooner
  const rest = (waiting + computing) / 1000;
  return Math.max(card.launch, busy) + rest + (parts > 1 ? adding : 0);
}

/** A footprint no larger than one of many small matrices, so that invocations do not idle; k has enough steps for its slices. */
function fitted({ tile, slices }: Footprint, { m, n, k }: Extents): Footprint {
  const [kind, rows, columns, x, y] = tile;
  const across = Math.min(x, powerFrom(n / 4 / columns));
  const down = Math.min(y, powerFrom(m / 4 / rows));
  return {
    tile: [kind, rows, columns, across, down],
    slices: Math.min(slices, powerFrom(k / 4)),
  };
}

/** Whether a product has so few rows that workgroup memory does not pay; of several, B then lies in vec4s. */
const isThin = ({ m, n, k, isAlongK }: Extents): boolean =>
  m === 1 || (m <= footprints.thinRows && (isAlongK ? k : n) % 4 === 0);

/** The footprints that a product may have. */
function footprintsOf(extents: Extents): readonly Footprint[] {
  const { batch, m, isAlongK } = extents;
  if (!isThin(extents))
    return batch > 1 ? footprints.shared.map((each) => fitted(each, extents)) : footprints.shared;
  const thin = isAlongK ? footprints.thinAlongK : footprints.thinAlongN;
  return m === 2 ? thin.map(twice) : thin;
}

/** Of two rows an invocation has twice as many columns, so that it multiplies more often than it reads. */
const twice = ({ tile: [kind, rows, columns, x, y], slices }: Footprint): Footprint => ({
  tile: [kind, rows, 2 * columns, x, y],
  slices,
});

/** How a product is cut: of all footprints and numbers of parts, what takes least time on paper. */
export function chooseCut(adapter: AdapterClass, extents: Extents): Cut | undefined {
  if (adapter !== 'gpu') return undefined;
  const { batch, m, n, k } = extents;
  const isSmall = batch === 1 && k <= footprints.smallTerms;
  if (isSmall && m * n * k < footprints.tinyProduct) return { ...footprints.tiny, part: k };
  if (isSmall && m * n * k < products.small && !isThin(extents))
    return { ...footprints.small, part: k };
  let best: Cut | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const parts of footprints.parts)
    for (const footprint of footprintsOf(extents)) {
      const time = predict(extents, footprint, parts);
      if (time >= least) continue;
      best = { ...footprint, part: partLength(k, parts, footprint) };
      least = time;
    }
  return best;
}

/** Another tile for the same slices, with no more outputs than fit the memory for their tree. */
export function withTile({ tile: own, slices }: Footprint, [, rows, columns, x, y]: Tile): Tile {
  if (own[0] === 'thin') return own;
  if (slices === 1) return ['shared', rows, columns, x, y];
  const invocations = Math.max(1, (own[3] * own[4] * own[1] * own[2]) / (rows * columns));
  const down = Math.min(y, powerUpTo(Math.sqrt(invocations)));
  return ['shared', rows, columns, Math.min(x, invocations / down), down];
}
