// The time that kernels take: by timestamps of the device at both ends of a pass, else by the host's clock.
import type { Device, Trial } from './device.js';
import { type Race, timeOfCall } from './timing.js';
import { usage } from './usage.js';

/** A pass that writes its begin and its end, at two places of a query set. */
export const stampedPass = (querySet: GPUQuerySet, first = 0): GPUComputePassDescriptor => ({
  timestampWrites: {
    querySet,
    beginningOfPassWriteIndex: first,
    endOfPassWriteIndex: first + 1,
  },
});

export type Clock = NonNullable<ReturnType<typeof makeClock>>;

/** Times one pass after another; undefined where the device has no timestamps. `free` it. */
function makeClock(owner: Device) {
  const { device } = owner;
  if (!device.features.has('timestamp-query')) return undefined;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const stamps = owner.createBuffer(16, usage.queryResolve | usage.copySource);
  const copy = owner.createBuffer(16, usage.mapRead | usage.copyDestination);
  return {
    pass: stampedPass(querySet),
    /** Copies the stamps of the pass before. */
    stop(encoder: GPUCommandEncoder): void {
      encoder.resolveQuerySet(querySet, 0, 2, stamps, 0);
      encoder.copyBufferToBuffer(stamps, 0, copy, 0, 16);
    },
    /** Milliseconds of the pass, once it has run; some clocks step back. */
    async read(): Promise<number> {
      await owner.ask(() => copy.mapAsync(1)); // to read
      const [begin = 0n, end = begin] = new BigUint64Array(copy.getMappedRange().slice(0));
      copy.unmap();
      return Math.max(0, Number(end - begin) / 1e6);
    },
    free(): void {
      querySet.destroy();
      owner.destroyBuffers([stamps, copy]);
    },
  };
}

/** Runs so many calls of a kernel. Milliseconds, by a clock of the device if one is given. */
export type Run = (kernel: Trial, calls: number, clock?: Clock) => Promise<number>;

/** Takes the time of kernels, which it is told how to run. `free` it. */
export function makeStopwatch(owner: Device, run: Run) {
  let clock: Clock | undefined;
  let isTrusted = true;
  function free(): void {
    clock?.free();
    clock = undefined;
  }
  /** Milliseconds that one call takes, as `timeOfCall`: by the host's clock where the device's does not tell. */
  async function time(kernel: Trial, race?: Race): Promise<number> {
    if (isTrusted) clock ??= makeClock(owner);
    const measure = () => timeOfCall((calls) => run(kernel, calls, clock), race);
    const milliseconds = await measure();
    if (milliseconds !== undefined) return milliseconds;
    isTrusted = false;
    free();
    return (await measure()) ?? Number.POSITIVE_INFINITY;
  }
  return { time, free };
}
