import probe from '../../shaders/probe.wgsl?raw';
import type { KernelProfile, Profile } from '../graph/backend.js';
import { input } from '../ops/leaf.js';
import { type Device, usage } from './device.js';
import type { Dispatch } from './plan.js';
import { fillSkeleton } from './writer.js';

/** WebGPU's limit of one query set: a run's further kernel calls are not timed. */
const MAX_QUERIES = 4096;
/** Kernel calls that a profile keeps one by one. */
const MAX_EVENTS = 20_000;
const PROBE_ROUNDS = 512;
const PROBE_RUNS = 6;

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

  /** Stamps those of a run of a plan, while there are runs to measure. */
  stampRun(passes: number) {
    return this.#left-- > 0 ? this.stamp(passes) : undefined;
  }

  /** Stamps the passes of one submit: `pass(i)` describes the i-th, `resolve` copies the times out at the end. */
  stamp(passes: number) {
    const owner = this.#device;
    const count = Math.min(MAX_QUERIES, 2 * Math.max(1, passes));
    const querySet = owner.device.createQuerySet({ type: 'timestamp', count });
    return {
      pass: (i: number): GPUComputePassDescriptor =>
        2 * i < count
          ? { timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 } }
          : {},
      /** The function returned waits for the times in nanoseconds: begin and end of each pass. */
      resolve: (encoder: GPUCommandEncoder): (() => Promise<BigUint64Array>) => {
        const resolved = owner.createBuffer(8 * count, usage.queryResolve | usage.copySource);
        encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
        const take = owner.copyAside(encoder, [[input([2 * count], { dtype: 'u32' }), resolved, 0]]);
        return async () => {
          try {
            return new BigUint64Array((await take())[0]!.data.buffer);
          } finally {
            owner.destroyBuffers([resolved]);
            querySet.destroy();
          }
        };
      },
    };
  }

  /** Adds the times of one run of a plan. */
  record(dispatches: readonly Dispatch[], times: BigUint64Array): void {
    this.#origin ??= times[0]!;
    for (const [i, dispatch] of dispatches.slice(0, times.length / 2).entries()) {
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

  /** A small roofline: the best of a few runs of a kernel that only computes, and of one that only copies. */
  async #measurePeaks(): Promise<Profile['peaks']> {
    const [size, repeats] = this.#device.info.adapter.software ? [2 ** 18, 1] : [2 ** 22, 32];
    const computing = await this.#probe(PROBE_ROUNDS, size / 32, repeats);
    const copying = await this.#probe(0, size, repeats);
    const flops = 64 * PROBE_ROUNDS * (size / 32);
    return { flopsPerSecond: flops / computing, bytesPerSecond: (32 * size) / copying };
  }

  /** Seconds that the probe takes at best; repeats make the time long against a clock's tick. */
  async #probe(ROUNDS: number, invocations: number, repeats: number): Promise<number> {
    const owner = this.#device;
    const pipeline = await owner.pipeline(fillSkeleton(probe, {}, { ROUNDS }), [
      { access: 'read' },
      { access: 'read_write' },
    ]);
    const buffers = [0, 1].map(() => owner.createBuffer(16 * invocations, usage.storage));
    try {
      const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const group = owner.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      const stamps = this.stamp(PROBE_RUNS);
      const encoder = owner.device.createCommandEncoder();
      for (let run = 0; run < PROBE_RUNS; run++) {
        const pass = encoder.beginComputePass(stamps.pass(run));
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(invocations / 64);
        pass.end();
      }
      const times = stamps.resolve(encoder);
      owner.device.queue.submit([encoder.finish()]);
      const stamped = await times();
      const lengths = Array.from({ length: PROBE_RUNS }, (_, i) => Number(stamped[2 * i + 1]! - stamped[2 * i]!));
      return Math.min(...lengths.slice(1).filter((length) => length > 0)) / repeats / 1e9; // the first compiles on some drivers
    } finally {
      owner.destroyBuffers(buffers);
    }
  }
}
