// Memory of a plan: places of values in buffers, reuse of buffers by lifetime, and conversion of values to bytes.
import { bytesOf, type DType, type TensorData, type TypedArray } from '../core/dtype.js';
import { halfToNumber, numberToHalf } from '../core/half.js';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import type { Matrices } from '../kernels/matmul.matrices.js';
import { type AdapterClass, ALIGNMENT, type Limits, type Tile } from '../planning/limits.js';
import type { Group } from './dispatches.js';
import type { Aliases } from './partition.js';

export const align = (bytes: number, to = ALIGNMENT): number => Math.ceil(bytes / to) * to;

/** A buffer of a plan: what it is for and how large it is. No GPU object. */
export interface PlanBuffer {
  readonly kind: 'slot' | 'feed' | 'constant' | 'parameters';
  /** Grows while the plan is made. */
  bytes: number;
  /** What was placed in it when it was made: leaves, neighbours. */
  readonly nodes: Tensor[];
}

/** Part of a buffer, in bytes. */
export type Place = {
  readonly buffer: PlanBuffer;
  readonly offset: number;
  readonly bytes: number;
};

/** What plans of one engine share. */
export interface PlanContext {
  /** Where parameters and constants lie. */
  readonly shared: WeakMap<Tensor, Place>;
  readonly limits: Limits;
  readonly adapter: AdapterClass;
  /** Invocations of a subgroup that may hand each other what they read; 1 where that does not pay. */
  readonly lanes: number;
  /** Has matrix units compute a product, where that is asked for and they can. */
  readonly matrices?: Matrices | undefined;
  /** The tiles that matrix products take, where they are not those of the committed table. */
  readonly tileOf?: (product: string) => Tile | undefined;
  /** Whether kernels may hold half-precision numbers. */
  readonly f16: boolean;
}

export const nodeBytes = (node: Tensor): number => bytesOf(node.dtype, sizeOf(node.shape));

type Words = new (
  data: ArrayLike<number> | ArrayBuffer,
  from?: number,
  length?: number,
) => TypedArray;
/** What a buffer's bytes are to the host: f16 as bits, bool as words. */
const words: Readonly<Record<DType, Words>> = {
  f32: Float32Array,
  f16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  bool: Uint32Array,
  u8: Uint8Array,
};

/** Host values as a buffer holds them, whole words. */
export function toBytes({ data }: TensorData, { dtype }: Tensor): Uint8Array<ArrayBuffer> {
  const held = dtype === 'f16' ? Uint16Array.from(data, numberToHalf) : data;
  const { buffer, byteOffset, byteLength } =
    held instanceof words[dtype] ? held : new words[dtype](held);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(align(byteLength, 4));
  padded.set(bytes);
  return padded;
}

/** Values of a node from the bytes of its buffer. */
export function fromBytes({ shape, dtype }: Tensor, bytes: ArrayBuffer): TensorData {
  const held = new words[dtype](bytes, 0, sizeOf(shape));
  if (dtype === 'f16') return { shape, dtype, data: Float32Array.from(held, halfToNumber) };
  return { shape, dtype, data: dtype === 'bool' ? Uint8Array.from(held) : held };
}

type Places = WeakMap<Tensor, Place>;
/** Places values side by side in a new buffer, but for those that have a place; above the binding limit another is begun. */
export function placeInRow(
  kind: PlanBuffer['kind'],
  nodes: readonly Tensor[],
  places: Places,
  maxBytes: number,
): void {
  let buffer: PlanBuffer | undefined;
  for (const node of nodes.filter((each) => !places.has(each))) {
    const bytes = nodeBytes(node);
    if (!buffer || align(buffer.bytes) + align(bytes, 16) > maxBytes)
      buffer = { kind, bytes: 0, nodes: [] };
    const offset = align(buffer.bytes);
    places.set(node, { buffer, offset, bytes });
    buffer.bytes = offset + align(bytes, 16);
    buffer.nodes.push(node);
  }
}

/** The value whose memory a node lies in, and how many elements behind its beginning. */
function rootOf(node: Tensor, aliases: Aliases): { node: Tensor; offset: number } {
  let at = { node, offset: 0 };
  for (let alias = aliases.get(node); alias; alias = aliases.get(alias.parent))
    at = { node: alias.parent, offset: at.offset + alias.offset };
  return at;
}

/**
 * Gives every stored result a buffer; a buffer is reused once the last reader of its value has run. What is `kept` keeps
 * its buffer: outputs, and what is copied after the pass. Inputs and outputs of one dispatch never share one (WebGPU
 * refuses it). `dispatches` are in order. Returns the most bytes of results that are needed at one time.
 */
export function assignSlots(
  dispatches: readonly Group[],
  kept: Tensor[],
  aliases: Aliases,
  places: Places,
) {
  const root = (node: Tensor): Tensor => rootOf(node, aliases).node;
  const lastUse = new Map<Tensor, number>();
  dispatches.forEach(({ units }, at) => {
    for (const unit of units)
      for (const node of [...unit.stores, ...unit.reads.keys()]) lastUse.set(root(node), at);
  });
  for (const node of kept) lastUse.set(root(node), dispatches.length);
  const expiring = dispatches.map((): PlanBuffer[] => []);
  const free: PlanBuffer[] = [];
  const live = new Set<Tensor>();
  const totals = dispatches.map(({ units }, at) => {
    for (const node of units.flatMap((unit) => unit.stores.map(root))) {
      if (places.get(node)?.buffer.kind !== 'parameters') live.add(node);
      if (places.has(node)) continue;
      const last = expiring[lastUse.get(node)!];
      const wanted = align(nodeBytes(node), 16);
      // what is kept takes a buffer from all others
      const buffer = takeSlot(
        last || free.some(({ bytes }) => bytes === wanted) ? free : [],
        wanted,
      );
      last?.push(buffer);
      places.set(node, { buffer, offset: 0, bytes: nodeBytes(node) });
    }
    free.push(...expiring[at]!);
    const total = [...live].reduce((sum, node) => sum + nodeBytes(node), 0);
    for (const node of live) if (lastUse.get(node) === at) live.delete(node);
    return total;
  });
  for (const node of aliases.keys()) {
    const { node: whole, offset } = rootOf(node, aliases);
    const place = places.get(whole);
    if (place)
      places.set(node, { ...place, offset: place.offset + 4 * offset, bytes: nodeBytes(node) });
  }
  return Math.max(0, ...totals);
}

/** The free buffer that fits best; else the largest, grown; else a new one. */
function takeSlot(free: PlanBuffer[], bytes: number): PlanBuffer {
  free.sort((a, b) => a.bytes - b.bytes);
  const chosen = free.find((buffer) => buffer.bytes >= bytes) ?? free.at(-1);
  if (!chosen) return { kind: 'slot', bytes, nodes: [] };
  free.splice(free.indexOf(chosen), 1);
  chosen.bytes = Math.max(chosen.bytes, bytes);
  return chosen;
}
