// Memory of a plan: which buffer a value lies in and from which byte on. Buffers are reused by lifetime.
import type { Tensor } from '../graph/tensor.js';
import { align, nodeBytes, type Place, type PlanBuffer } from '../planning/context.js';
import type { Group } from '../planning/groups.js';
import { type Aliases, rootOf } from './aliases.js';

type Places = Pick<WeakMap<Tensor, Place>, 'get' | 'has' | 'set'>;

/** Bindings are whole vec4s. */
export const VECTOR_BYTES = 16;
/** Bytes of a binding: what holds nothing is bound as one vector. */
export const wholeVectors = (bytes: number): number =>
  Math.max(VECTOR_BYTES, align(bytes, VECTOR_BYTES));
/** Bytes of the binding of a node. */
const boundBytes = (node: Tensor): number => wholeVectors(nodeBytes(node));

export const bytesOfAll = (buffers: Iterable<PlanBuffer>): number =>
  Array.from(buffers).reduce((total, { bytes }) => total + bytes, 0);

/**
 * Places values side by side in a new buffer, or behind what is in one, but for those that have a place; above the binding limit
 * another is begun. Returns the last.
 */
export function placeInRow(
  kind: PlanBuffer['kind'],
  nodes: readonly Tensor[],
  places: Places,
  maxBytes: number,
  behind?: PlanBuffer,
): PlanBuffer | undefined {
  let buffer = behind;
  for (const node of nodes.filter((each) => !places.has(each))) {
    if (!buffer || align(buffer.bytes) + boundBytes(node) > maxBytes)
      buffer = { kind, bytes: 0, nodes: [] };
    const offset = align(buffer.bytes);
    places.set(node, { buffer, offset, bytes: nodeBytes(node) });
    buffer.bytes = offset + boundBytes(node);
    buffer.nodes.push(node);
  }
  return buffer;
}

/** What a dispatch reads and writes, by the values whose memory that is. */
interface Use {
  readonly written: readonly Tensor[];
  readonly used: readonly Tensor[];
}

function useOf(groups: readonly Group[], aliases: Aliases): Use {
  const root = (node: Tensor): Tensor => rootOf(node, aliases).parent;
  const written = groups.flatMap(({ stores }) => stores.map(root));
  const read = groups.flatMap(({ reads }) => Array.from(reads.keys(), root));
  return { written, used: [...written, ...read] };
}

/**
 * Gives every stored result a buffer; a buffer is reused once the last reader of its value has run. What is `kept` keeps
 * its buffer: outputs, and what is copied after the pass. Inputs and outputs of one dispatch never share one (WebGPU
 * refuses it). `dispatches` are in order. Returns the most bytes of results that are needed at one time.
 */
export function assignSlots(
  dispatches: readonly (readonly Group[])[],
  kept: readonly Tensor[],
  aliases: Aliases,
  places: Map<Tensor, Place>,
): number {
  const uses = dispatches.map((groups) => useOf(groups, aliases));
  const lastUse = new Map<Tensor, number>();
  for (const [at, { used }] of uses.entries()) for (const node of used) lastUse.set(node, at);
  for (const node of kept) lastUse.delete(rootOf(node, aliases).parent);
  const free: PlanBuffer[] = [];
  const expiring = uses.map((): PlanBuffer[] => []);
  const live = new Set<Tensor>();
  const bytesAt = uses.map(({ written }, at) => {
    for (const node of written) {
      if (places.get(node)?.buffer.kind !== 'parameters') live.add(node);
      if (places.has(node)) continue;
      const last = lastUse.get(node);
      const buffer = slotFor(boundBytes(node), free, last === undefined);
      if (last !== undefined) expiring[last]?.push(buffer);
      places.set(node, { buffer, offset: 0, bytes: nodeBytes(node) });
    }
    free.push(...(expiring[at] ?? []));
    const bytes = [...live].reduce((sum, node) => sum + nodeBytes(node), 0);
    for (const node of live) if (lastUse.get(node) === at) live.delete(node);
    return bytes;
  });
  placeAliases(aliases, places);
  return Math.max(0, ...bytesAt);
}

/** Places what lies in the memory of others, where these have a place. */
function placeAliases(aliases: Aliases, places: Map<Tensor, Place>): void {
  for (const node of aliases.keys()) {
    const { parent, offset } = rootOf(node, aliases);
    const place = places.get(parent);
    if (!place) continue;
    const from = place.offset + 4 * offset; // elements of four bytes alone are aliases
    places.set(node, { ...place, offset: from, bytes: nodeBytes(node) });
  }
}

/** A buffer for a value. What is kept takes a buffer from all others, so that one has to fit it exactly. */
function slotFor(bytes: number, free: PlanBuffer[], isKept: boolean): PlanBuffer {
  if (isKept && !free.some((buffer) => buffer.bytes === bytes))
    return { kind: 'slot', bytes, nodes: [] };
  // the one that fits best, else the largest, grown
  free.sort((a, b) => a.bytes - b.bytes);
  const chosen = free.find((buffer) => buffer.bytes >= bytes) ?? free.at(-1);
  if (!chosen) return { kind: 'slot', bytes, nodes: [] };
  free.splice(free.indexOf(chosen), 1);
  chosen.bytes = Math.max(chosen.bytes, bytes);
  return chosen;
}
