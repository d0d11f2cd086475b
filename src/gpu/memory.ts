import type { Tensor } from '../graph/tensor.js';
import { type Alias, rootOf } from './alias.js';
import { align, nodeBytes, type Place, type PlanBuffer } from './arena.js';
import type { Unit } from './units.js';

/**
 * Gives every stored result a buffer; a buffer is reused once the last reader of its value has run. An output keeps
 * its buffer. Inputs and outputs of one dispatch never share one (WebGPU refuses it). `dispatches` are in order.
 */
export function assignSlots(
  dispatches: readonly { readonly units: readonly Unit[] }[],
  outputs: readonly Tensor[],
  aliases: ReadonlyMap<Tensor, Alias>,
  places: Map<Tensor, Place>,
): void {
  const root = (node: Tensor): Tensor => rootOf(node, aliases).node;
  const lastUse = new Map<Tensor, number>();
  dispatches.forEach(({ units }, at) => {
    for (const unit of units) for (const node of [...unit.stores, ...unit.reads.keys()]) lastUse.set(root(node), at);
  });
  for (const node of outputs) lastUse.set(root(node), dispatches.length);
  const expiring = dispatches.map((): PlanBuffer[] => []);
  const free: PlanBuffer[] = [];
  dispatches.forEach(({ units }, at) => {
    for (const node of units.flatMap((unit) => unit.stores.map(root))) {
      if (places.has(node)) continue;
      const buffer = takeSlot(free, align(nodeBytes(node), 16));
      expiring[lastUse.get(node)!]?.push(buffer);
      places.set(node, { buffer, offset: 0, bytes: nodeBytes(node) });
    }
    free.push(...expiring[at]!);
  });
  for (const node of aliases.keys()) {
    const { node: whole, offset } = rootOf(node, aliases);
    const place = places.get(whole);
    if (place) places.set(node, { ...place, offset: place.offset + 4 * offset, bytes: nodeBytes(node) });
  }
}

/** The free buffer that fits best; else the largest, grown; else a new one. */
function takeSlot(free: PlanBuffer[], bytes: number): PlanBuffer {
  free.sort((a, b) => a.bytes - b.bytes);
  const chosen = free.find((buffer) => buffer.bytes >= bytes) ?? free.at(-1);
  if (!chosen) return { kind: 'slot', bytes };
  free.splice(free.indexOf(chosen), 1);
  chosen.bytes = Math.max(chosen.bytes, bytes);
  return chosen;
}
