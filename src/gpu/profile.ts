// The profiler: GPU time of each kernel from timestamp queries, against peaks measured by a probe kernel.
import probe from '../../shaders/probe.wgsl?raw';
import type { Dispatch } from '../compiler/describe.js';
import { flopsOf } from '../compiler/flops.js';
import type { TensorData } from '../core/dtype.js';
import type { KernelProfile, Profile } from '../graph/backend.js';
import { input } from '../ops/leaf.js';
import { fill, render } from '../wgsl/kernel.js';
import { Vocabulary } from '../wgsl/library.js';
import { makeStopwatch, stampedPass } from './clock.js';
import type { Device, Trial } from './device.js';
import { makeScratch } from './scratch.js';
import { usage } from './usage.js';

/** Two queries each, WebGPU's limit of one query set: a run's further kernel calls are not timed. */
const MAX_TIMED = 2048;
/** Kernel calls that a profile keeps one by one. */
const MAX_EVENTS = 20_000;
const PROBE_ROUNDS = 512;

type Measured = Pick<KernelProfile, 'kernel' | 'ops' | 'flops' | 'bytes'> & {
  calls: number;
  milliseconds: number;
};

/**
 * Collects GPU time of kernels, in all runs or in the first so many: while it is on, each call has a pass of its own with a
 * timestamp at either end.
 */
export function makeProfiler(device: Device, runs: number | true) {
  const fresh = { calls: 0, milliseconds: 0 };
  let left = runs === true ? Number.POSITIVE_INFINITY : runs;
  const kernels = new Map<string, Measured>();
  const events: Profile['events'][number][] = [];
  /** The first timestamp, in nanoseconds. */
  let origin: bigint | undefined;
  let peaks: Promise<Profile['peaks']> | undefined;
  /** Adds the times of one run of a plan, in nanoseconds: begin and end of each pass. */
  function record(dispatches: readonly Dispatch[], times: BigUint64Array): void {
    for (const [i, { wgsl, kernel, ops, computed, bytes }] of dispatches.entries()) {
      const [begin = 0n, end = begin] = times.subarray(2 * i, 2 * i + 2);
      origin ??= begin;
      const start = Number(begin - origin) / 1e6;
      const milliseconds = Math.max(0, Number(end - begin) / 1e6); // some clocks step back
      const known = kernels.get(wgsl) ?? { kernel, ops, ...fresh, bytes, flops: flopsOf(computed) };
      known.calls++;
      known.milliseconds += milliseconds;
      kernels.set(wgsl, known);
      if (events.length < MAX_EVENTS) events.push({ kernel, start, milliseconds });
    }
  }
  /** Stamps the passes of a run of a plan, while there are runs to measure: `pass(i)` describes the i-th. */
  function stamp(dispatches: readonly Dispatch[]) {
    if (left-- <= 0) return undefined;
    const timed = dispatches.slice(0, MAX_TIMED);
    const count = 2 * Math.max(1, timed.length);
    const querySet = device.device.createQuerySet({ type: 'timestamp', count });
    const pass = (i: number): GPUComputePassDescriptor =>
      i < timed.length ? stampedPass(querySet, 2 * i) : {};
    /** Copies the times out at the end; the function returned waits for them and adds them. */
    const resolve = (): (() => Promise<void>) => {
      const resolved = device.createBuffer(8 * count, usage.queryResolve | usage.copySource);
      device.queue.encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
      const node = input([2 * count], { dtype: 'u32' });
      const readBack = device.copyAside([{ node, buffer: resolved, offset: 0 }]);
      const keep = (values: TensorData[]): void => {
        for (const { data } of values) record(timed, new BigUint64Array(data.buffer));
      };
      return () =>
        readBack()
          .then(keep)
          .finally(() => [device.destroyBuffers([resolved]), querySet.destroy()]);
    };
    return { pass, resolve };
  }
  /** All times so far, the longest first, against what the adapter reaches at most. */
  async function report(): Promise<Profile> {
    peaks ??= measurePeaks(device);
    const { description, vendor } = device.info.adapter;
    return {
      adapter: description || vendor,
      events: [...events],
      ...rate([...kernels.values()], await peaks),
    };
  }
  return { stamp, report };
}

/** The kernels' times as rates, the longest first. */
function rate(measured: Measured[], peaks: Profile['peaks']) {
  const total = measured.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  measured.sort((a, b) => b.milliseconds - a.milliseconds);
  const kernels = measured.map((kernel): KernelProfile => {
    const { calls, milliseconds, flops, bytes } = kernel;
    const perSecond = milliseconds > 0 ? (1e3 * calls) / milliseconds : 0;
    const rates = { flopsPerSecond: flops * perSecond, bytesPerSecond: bytes * perSecond };
    // the roof: computing or moving at the adapter's peak, whichever takes longer
    const ofPeak = Math.max(
      rates.flopsPerSecond / peaks.flopsPerSecond,
      rates.bytesPerSecond / peaks.bytesPerSecond,
    );
    return { ...kernel, share: milliseconds / (total || 1), ...rates, ofPeak };
  });
  return { peaks, milliseconds: total, kernels };
}

/** A small roofline: a kernel that only computes, and one that only copies. */
async function measurePeaks(device: Device): Promise<Profile['peaks']> {
  const size = device.info.adapter.software ? 2 ** 18 : 2 ** 22;
  const scratch = makeScratch(device, [16 * size, 16 * size]);
  const stopwatch = makeStopwatch(device, scratch.run);
  const bindings = [{ access: 'read' }, { access: 'read_write' }] as const;
  /** Calls in a second. */
  const callsFor = async (ROUNDS: number, invocations: number): Promise<number> => {
    const wgsl = render(
      fill(probe, { parts: {}, constants: { ROUNDS }, vocabulary: new Vocabulary() }),
      [],
    );
    const kernel: Trial = { wgsl, bindings, workgroups: [invocations / 64, 1, 1] };
    await scratch.run(kernel); // compiles on some drivers
    const times = [
      await stopwatch.time(kernel),
      await stopwatch.time(kernel),
      await stopwatch.time(kernel),
    ];
    return 1e3 / Math.min(...times);
  };
  try {
    const flopsPerSecond = 2 * PROBE_ROUNDS * size * (await callsFor(PROBE_ROUNDS, size / 32));
    return { flopsPerSecond, bytesPerSecond: 32 * size * (await callsFor(0, size)) };
  } finally {
    stopwatch.free();
    scratch.free();
  }
}
