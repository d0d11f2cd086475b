import type { Tensor } from '../graph/tensor.js';
import { type Alias, rootOf } from './alias.js';
import { nodeBytes, type Place, type PlanBuffer } from './arena.js';
import type { Unit } from './units.js';

/**
 * Gives every stored result a buffer; a buffer is reused once the last reader of its value has run. An output keeps
 * its buffer. Inputs and outputs of one dispatch never share one (WebGPU refuses it). `entries` are dispatches in order.
 */
export function assignSlots(
  entries: readonly (readonly Unit[])[],
  outputs: readonly Tensor[],
  aliases: ReadonlyMap<Tensor, Alias>,
  places: Map<Tensor, Place>,
): void {
  const root = (node: Tensor): Tensor => rootOf(node, aliases);
  const lastUse = new Map<Tensor, number>();
  entries.forEach((units, at) => {
    for (const unit of units) for (const node of [...unit.stores, ...unit.reads.keys()]) lastUse.set(root(node), at);
  });
  for (const node of outputs) lastUse.set(root(node), entries.length);
  const expiring = new Map<number, Tensor[]>();
  for (const [node, at] of lastUse) expiring.set(at, [...(expiring.get(at) ?? []), node]);
  const free: PlanBuffer[] = [];
  const own = new Map<Tensor, PlanBuffer>();
  entries.forEach((units, at) => {
    for (const node of units.flatMap((unit) => unit.stores.map(root))) {
      if (places.has(node)) continue;
      const buffer = takeSlot(free, Math.ceil(nodeBytes(node) / 16) * 16);
      own.set(node, buffer);
      places.set(node, { buffer, offset: 0, bytes: nodeBytes(node) });
    }
    for (const node of expiring.get(at) ?? []) if (own.has(node)) free.push(own.get(node)!);
  });
  for (const node of aliases.keys()) placeAlias(node, aliases, places);
}

function placeAlias(node: Tensor, aliases: ReadonlyMap<Tensor, Alias>, places: Map<Tensor, Place>): void {
  let offset = 0;
  let at = node;
  for (let alias = aliases.get(at); alias; alias = aliases.get(at)) {
    offset += 4 * alias.offset;
    at = alias.parent;
  }
  const whole = places.get(at);
  if (whole) places.set(node, { buffer: whole.buffer, offset: whole.offset + offset, bytes: nodeBytes(node) });
}

/** The free buffer that fits best; else the largest, grown; else a new one. */
function takeSlot(free: PlanBuffer[], bytes: number): PlanBuffer {
  const fitting = free.filter((buffer) => buffer.bytes >= bytes).sort((a, b) => a.bytes - b.bytes)[0];
  const chosen = fitting ?? free.sort((a, b) => b.bytes - a.bytes)[0];
  if (!chosen) return { kind: 'slot', bytes };
  free.splice(free.indexOf(chosen), 1);
  chosen.bytes = Math.max(chosen.bytes, bytes);
  return chosen;
}
