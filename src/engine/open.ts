// `open`: its options, and the choice between the GPU and the CPU backend.
import type { CrossCheck, OnCheck } from '../check/compare.js';
import { DeviceError } from '../core/errors.js';
import type { OpenFolder } from '../core/folder.js';
import { checkChoice, checkOptions } from '../core/options.js';
import type { Backend } from '../graph/backend.js';
import { crossChecks } from './checkedRuns.js';
import { Engine } from './engine.js';

/** Options of `open`. */
export interface OpenOptions {
  /**
   * 'gpu' requires WebGPU, 'cpu' selects the float64 reference; by default WebGPU if there is an adapter, else the CPU.
   */
  backend?: 'gpu' | 'cpu';
  /** Compares kernel calls with the float64 reference while they run: every call or a sample; 'off' by default. */
  crossCheck?: CrossCheck;
  /** Receives the comparisons of each cross-checked kernel call, for a page or a log; a mismatch is thrown as well. */
  onCheck?: OnCheck;
  /** Throws CheckError naming the first op that produces a NaN or an infinity. */
  anomaly?: boolean;
  /** Measures each kernel's GPU time for `engine.profile()`; one pass per kernel makes steps slower. */
  profile?: boolean;
  /**
   * Times candidate kernels on the first use of a step, for at most half a second, and stores the fastest for this adapter and
   * driver: in a file in Node, in IndexedDB in browsers. Results do not change by a bit. On by default on hardware GPUs, off
   * on software adapters.
   */
  tune?: boolean;
  /**
   * Uses matrix units (tensor cores) for products whose sizes are multiples of theirs, where the adapter has Chromium's
   * experimental subgroup matrices. They add in another order: results differ in the last bits, within the same bounds.
   */
  subgroupMatrix?: boolean;
  /**
   * Asks for half precision where Dawn withholds it, on NVIDIA with Vulkan in Node, and compares casts and products with float64
   * before the engine is there. Throws DeviceError where the adapter has none, or computes it wrongly. Without this option half
   * precision is there where the adapter offers it.
   */
  f16?: boolean;
  /** Largest number of bytes of device memory to use. */
  byteBudget?: number;
  powerPreference?: 'low-power' | 'high-performance';
  /** A WebGPU adapter to use; an adapter gives one device, so it cannot be used again afterwards. */
  adapter?: unknown;
}

const OPTIONS =
  'backend crossCheck onCheck anomaly profile byteBudget powerPreference adapter tune subgroupMatrix f16';

/**
 * Looks for a GPU. Where there is none, says what is `missing` and how to get it; with `forced` the CPU may not take its
 * place.
 */
export type FindBackend = (
  options: OpenOptions,
) => Promise<Backend | { missing: string; forced?: boolean }>;

/** Makes `open` for a platform, which finds its GPU with `findBackend` and keeps checkpoints in what `openFolder` opens. */
export const openWith =
  (findBackend: FindBackend, openFolder?: OpenFolder) =>
  async (options: OpenOptions = {}): Promise<Engine> => {
    checkOptions('open', options, '', OPTIONS);
    const { backend, crossCheck = 'off', onCheck } = options;
    checkChoice('open', 'crossCheck', crossCheck, crossChecks);
    if (backend !== undefined) checkChoice('open', 'backend', backend, ['gpu', 'cpu']);
    const anomaly = options.anomaly ? (await import('../check/anomaly.js')).watch : undefined;
    let found = backend === 'cpu' ? undefined : await findBackend(options);
    if (found && 'missing' in found) {
      if (backend === 'gpu' || found.forced) throw new DeviceError(`open: ${found.missing}`);
      console.warn(`nabla: ${found.missing}. Running on the CPU in float64, which is slow.`);
      found = undefined;
    }
    if (found && options.f16) await requireHalves(found);
    const opened = found ?? new (await import('../cpu/backend.js')).CpuBackend();
    return new Engine(opened, { crossCheck, onCheck, anomaly, openFolder });
  };

/** Throws DeviceError, and disposes a backend, where it has no half precision or computes it wrongly. */
async function requireHalves(backend: Backend): Promise<void> {
  const engine = new Engine(backend);
  const { features, adapter } = backend.info;
  const { faultOfHalves } = await import('../check/halves.js');
  const fault = features.includes('shader-f16')
    ? await faultOfHalves((tree) => engine.verify(tree))
    : '';
  if (fault === undefined) return;
  engine.dispose();
  const why = fault
    ? `half precision is wrong on ${adapter.description}: ${fault}`
    : 'this adapter has no shader-f16';
  throw new DeviceError(`open: ${why}; leave f16 out and use f32`);
}
