import { bytesOf } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';

/** Entries start at multiples of this, WebGPU's default offset alignment for storage bindings. */
export const ALIGNMENT = 256;
export const align = (bytes: number, to = ALIGNMENT): number => Math.ceil(bytes / to) * to;

/** A buffer of a plan: what it is for and how large it is. No GPU object. */
export interface PlanBuffer {
  readonly kind: 'slot' | 'feed' | 'constant' | 'parameters';
  /** Grows while the plan is made, for parameters while the engine lives. */
  bytes: number;
  /** The input or constant it holds. */
  readonly node?: Tensor;
}

/** Part of a buffer, in bytes. */
export interface Place {
  readonly buffer: PlanBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export const nodeBytes = (node: Tensor): number => bytesOf(node.dtype, sizeOf(node.shape));

/** Where an engine's parameters lie: neighbours in flat buffers, in the order in which plans first need them. */
export class ParameterStore {
  readonly #places = new WeakMap<Tensor, Place>();
  /** How large a buffer may be that a kernel binds. */
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get(parameter: Tensor): Place | undefined {
    return this.#places.get(parameter);
  }

  /** Where these parameters lie: new ones side by side in a new buffer; above the binding limit another is begun. */
  add(parameters: readonly Tensor[]): Place[] {
    let buffer: PlanBuffer | undefined;
    return parameters.map((parameter) => {
      const known = this.#places.get(parameter);
      if (known) return known;
      const bytes = nodeBytes(parameter);
      if (!buffer || buffer.bytes + align(bytes) > this.maxBytes) buffer = { kind: 'parameters', bytes: 0 };
      const place = { buffer, offset: buffer.bytes, bytes };
      this.#places.set(parameter, place);
      buffer.bytes += align(bytes);
      return place;
    });
  }
}
