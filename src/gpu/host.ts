// What an executable needs of the backend that runs it.
import type { Dispatch } from '../compiler/describe.js';
import type { Plan } from '../compiler/plan.js';
import type { KernelContext } from '../kernels/options.js';
import type { PlanBuffer } from '../planning/context.js';
import type { Device } from './device.js';
import type { makeProfiler } from './profile.js';

export type Profiler = ReturnType<typeof makeProfiler>;
/** Gives a plan its fastest tiles. */
export type Tuner = (plan: Plan) => Promise<Plan>;

/** A device with what its plans share. */
export interface Host extends Device {
  readonly context: { -readonly [K in keyof KernelContext]: KernelContext[K] };
  readonly profiler: Profiler | undefined;
  /** The plan with its fastest tiles, where they are measured. */
  readonly tune: Tuner | undefined;
  /** Whether nothing waits, so that work in order runs at once. */
  readonly free: boolean;
  /** Runs work in call order, after all that was asked before. */
  inOrder<T>(work: () => T | Promise<T>): Promise<T>;
  /** The GPUBuffer for a buffer of a plan. */
  bufferOf(planned: PlanBuffer): GPUBuffer;
  /** How often parameters were moved: plans that were made before may have them elsewhere. */
  readonly moves: number;
  /** Frees buffers that parameters left and users may have held until now. */
  sweep(): void;
  /** Keeps a buffer that a user holds until the next step, whatever moves. */
  lend(buffer: GPUBuffer): void;
  /** Frees the buffers behind some of a plan. */
  release(planned: readonly PlanBuffer[]): void;
  /** Runs a little of a kernel, once: some drivers compile at the first call. */
  rehearse(kernel: Dispatch): Promise<void>;
}
