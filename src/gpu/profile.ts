import probe from '../../shaders/probe.wgsl?raw';
import type { TensorData } from '../dtype.js';
import type { KernelProfile, Profile } from '../graph/backend.js';
import { input } from '../ops/leaf.js';
import { type Device, usage } from './device.js';
import type { Dispatch } from './plan.js';
import { makeScratch, type Trial } from './scratch.js';
import { fillSkeleton } from './writer.js';

/** Two queries each, WebGPU's limit of one query set: a run's further kernel calls are not timed. */
const MAX_TIMED = 2048;
/** Kernel calls that a profile keeps one by one. */
const MAX_EVENTS = 20_000;
const PROBE_ROUNDS = 512;

/** Collects GPU time of kernels: while it is on, each call has a pass of its own with a timestamp at either end. */
export class Profiler {
  readonly #device: Device;
  /** Runs still to be measured. */
  #left: number;
  readonly #kernels = new Map<string, { dispatch: Dispatch; calls: number; milliseconds: number }>();
  readonly #events: Profile['events'][number][] = [];
  /** The first timestamp, in nanoseconds. */
  #origin: bigint | undefined;
  #peaks: Promise<Profile['peaks']> | undefined;

  constructor(device: Device, runs: number) {
    this.#device = device;
    this.#left = runs;
  }

  /** Stamps the passes of a run of a plan, while there are runs to measure: `pass(i)` describes the i-th. */
  stamp(dispatches: readonly Dispatch[]) {
    if (this.#left-- <= 0) return undefined;
    const owner = this.#device;
    const timed = dispatches.slice(0, MAX_TIMED);
    const count = 2 * Math.max(1, timed.length);
    const querySet = owner.device.createQuerySet({ type: 'timestamp', count });
    return {
      pass: (i: number): GPUComputePassDescriptor => {
        const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
        return i < timed.length ? { timestampWrites } : {};
      },
      /** Copies the times out at the end; the function returned waits for them and adds them. */
      resolve: (encoder: GPUCommandEncoder): (() => Promise<void>) => {
        const resolved = owner.createBuffer(8 * count, usage.queryResolve | usage.copySource);
        encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
        const take = owner.copyAside(encoder, [[input([2 * count], { dtype: 'u32' }), resolved, 0]]);
        const free = (): void => {
          owner.destroyBuffers([resolved]);
          querySet.destroy();
        };
        const record = ([times]: TensorData[]): void => this.#record(timed, new BigUint64Array(times!.data.buffer));
        return () => take().then(record).finally(free);
      },
    };
  }

  /** Adds the times of one run of a plan, in nanoseconds: begin and end of each pass. */
  #record(dispatches: readonly Dispatch[], times: BigUint64Array): void {
    this.#origin ??= times[0]!;
    for (const [i, dispatch] of dispatches.entries()) {
      const start = Number(times[2 * i]! - this.#origin) / 1e6;
      const milliseconds = Math.max(0, Number(times[2 * i + 1]! - times[2 * i]!) / 1e6); // some clocks step back
      const known = this.#kernels.get(dispatch.wgsl) ?? { dispatch, calls: 0, milliseconds: 0 };
      known.calls++;
      known.milliseconds += milliseconds;
      this.#kernels.set(dispatch.wgsl, known);
      if (this.#events.length < MAX_EVENTS) this.#events.push({ kernel: dispatch.kernel, start, milliseconds });
    }
  }

  /** All times so far, the longest first, against what the adapter reaches at most. */
  async report(): Promise<Profile> {
    this.#peaks ??= this.#measurePeaks();
    const peaks = await this.#peaks;
    const measured = [...this.#kernels.values()].sort((a, b) => b.milliseconds - a.milliseconds);
    const total = measured.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const kernels = measured.map(({ dispatch: { kernel, ops, flops, bytes }, calls, milliseconds }): KernelProfile => {
      const perSecond = milliseconds > 0 ? (1e3 * calls) / milliseconds : 0;
      const rates = { flopsPerSecond: flops * perSecond, bytesPerSecond: bytes * perSecond };
      // the roof: computing or moving at the adapter's peak, whichever takes longer
      const ofPeak = Math.max(rates.flopsPerSecond / peaks.flopsPerSecond, rates.bytesPerSecond / peaks.bytesPerSecond);
      return { kernel, ops, calls, milliseconds, share: milliseconds / (total || 1), flops, bytes, ...rates, ofPeak };
    });
    const { description, vendor } = this.#device.info.adapter;
    return { adapter: description || vendor, peaks, milliseconds: total, kernels, events: [...this.#events] };
  }

  /** A small roofline: a kernel that only computes, and one that only copies. */
  async #measurePeaks(): Promise<Profile['peaks']> {
    const size = this.#device.info.adapter.software ? 2 ** 18 : 2 ** 22;
    const scratch = makeScratch(this.#device, [16 * size, 16 * size]);
    const bindings = [{ access: 'read' }, { access: 'read_write' }] as const;
    /** Calls in a second. */
    const rate = async (ROUNDS: number, invocations: number): Promise<number> => {
      const wgsl = fillSkeleton(probe, {}, { ROUNDS });
      const kernel: Trial = { wgsl, bindings, workgroups: [invocations / 64, 1, 1] };
      await scratch.run(kernel); // compiles on some drivers
      const times = [await scratch.time(kernel), await scratch.time(kernel), await scratch.time(kernel)];
      return 1e3 / Math.min(...times);
    };
    try {
      const flopsPerSecond = 2 * PROBE_ROUNDS * size * (await rate(PROBE_ROUNDS, size / 32));
      return { flopsPerSecond, bytesPerSecond: 32 * size * (await rate(0, size)) };
    } finally {
      scratch.free();
    }
  }
}
