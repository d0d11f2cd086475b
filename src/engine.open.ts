// `open`: its options, and the choice between the GPU and the CPU backend.
import type { CrossCheck, OnCheck } from './check/compare.js';
import { crossChecks, Engine } from './engine.js';
import { DeviceError } from './errors.js';
import type { Backend } from './graph/backend.js';
import { checkChoice, checkOptions } from './options.js';

/** What `open` takes. */
export interface OpenOptions {
  /** 'gpu' insists on WebGPU, 'cpu' takes the float64 reference; without it WebGPU where there is an adapter. */
  backend?: 'gpu' | 'cpu';
  /** Compares kernels with the float64 reference while they run: all of them, or one call every so often. */
  crossCheck?: CrossCheck;
  /** Gets each cross-checked kernel call's results, for a page or a log to show; a mismatch is thrown all the same. */
  onCheck?: OnCheck;
  /** Names the first op that makes a NaN or an infinity. */
  anomaly?: boolean;
  /** Measures each kernel's GPU time for `engine.profile()`; a pass per kernel makes steps slower. */
  profile?: boolean;
  /**
   * Measures the sensible kernels of each matrix product on its first use, half a second a step at most, and remembers the
   * fastest for this adapter and driver: in a file in Node, in IndexedDB in browsers. Never changes a bit of any result.
   */
  tune?: boolean;
  /**
   * Has matrix units (tensor cores) compute products whose sizes they divide, where the adapter offers Chromium's experimental
   * subgroup matrices. They add in an order of their own: results differ in the last bits, within the same bounds.
   */
  subgroupMatrix?: boolean;
  /** The most bytes of device memory to use. */
  byteBudget?: number;
  powerPreference?: 'low-power' | 'high-performance';
  /** A WebGPU adapter of your own; it is used up by this call. */
  adapter?: unknown;
}

const OPTIONS = 'backend crossCheck onCheck anomaly profile byteBudget powerPreference adapter tune subgroupMatrix';

/** Looks for a GPU; says what is missing, and how to get it, where there is none; `forced` where none may take its place. */
export type FindBackend = (options: OpenOptions) => Promise<Backend | { missing: string; forced?: boolean }>;

/** `open` for a platform that finds its GPU this way. */
export const openWith =
  (findBackend: FindBackend) =>
  async (options: OpenOptions = {}): Promise<Engine> => {
    checkOptions('open', options, '', OPTIONS);
    const { backend, crossCheck = 'off', onCheck } = options;
    checkChoice('open', 'crossCheck', crossCheck, crossChecks);
    if (backend !== undefined) checkChoice('open', 'backend', backend, ['gpu', 'cpu']);
    const anomaly = options.anomaly ? (await import('./check/anomaly.js')).watch : undefined;
    let found = backend === 'cpu' ? undefined : await findBackend(options);
    if (found && 'missing' in found) {
      if (backend === 'gpu' || found.forced) throw new DeviceError(`open: ${found.missing}`);
      console.warn(`nabla: ${found.missing}. Running on the CPU in float64, which is slow.`);
      found = undefined;
    }
    return new Engine(found ?? new (await import('./cpu/backend.js')).CpuBackend(), crossCheck, onCheck, anomaly);
  };
