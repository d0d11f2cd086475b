// What a plan is made for: the adapter, and where values of one engine lie. Buffers of plans are plain data.
import { bytesOf } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { type AdapterClass, ALIGNMENT, type Arrays, type Limits, type Tile } from './limits.js';

/** A buffer of a plan: what it is for and how large it is. No GPU object. */
export interface PlanBuffer {
  readonly kind: 'slot' | 'feed' | 'constant' | 'parameters';
  /** Grows while the plan is made. */
  bytes: number;
  /** What was placed in it when it was made: leaves, neighbours. */
  readonly nodes: Tensor[];
}

/** Part of a buffer, in bytes. */
export interface Place {
  readonly buffer: PlanBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** A value that is to lie elsewhere from now on; without `from` it has no place yet. */
export interface Move {
  readonly node: Tensor;
  readonly from: Place | undefined;
  readonly to: Place;
}

/** What plans of one engine share. */
export interface PlanContext {
  /** Where parameters and constants lie. */
  readonly shared: WeakMap<Tensor, Place>;
  /** Moves the values of parameters, of all that lie in some buffers; false where there is no room to. */
  readonly move?: (moves: readonly Move[]) => boolean;
  readonly limits: Limits;
  readonly adapter: AdapterClass;
  /** Invocations of a subgroup that may hand each other what they read; 1 where that does not pay. */
  readonly lanes: number;
  /** The tiles that matrix products take, where they are not those of the committed table. */
  readonly tileOf?: (product: string) => Tile | undefined;
  /** The forms of arrays, by a product or a kind of kernel, where they are not that of the committed table. */
  readonly arraysOf?: (subject: string) => Arrays | undefined;
  /** Whether kernels may hold half-precision numbers. */
  readonly f16: boolean;
}

/** Bytes rounded up to where the next binding may begin, or to whole units of `to` bytes. */
export const align = (bytes: number, to = ALIGNMENT): number => Math.ceil(bytes / to) * to;

export const nodeBytes = (node: Tensor): number => bytesOf(node.dtype, sizeOf(node.shape));
