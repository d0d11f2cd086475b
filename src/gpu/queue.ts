// Encodes steps in call order; short steps share a submit, and few submits are in flight at a time.
import type { Device } from './device.js';

/** Submits that may be under way without the host waiting for one. */
const MAX_IN_FLIGHT = 4;
/** Steps share a submit up to so many milliseconds of work, which leave a page smooth, and up to so many steps. */
const [TARGET, MOST_STEPS] = [8, 16];

/** Encodes steps one after the other. Those that upload nothing and read nothing back share submits. */
export function stepQueue(owner: Device) {
  const inFlight: Promise<void>[] = [];
  let encoder: GPUCommandEncoder | undefined;
  /** Steps encoded, steps submitted since `room` looked, and how many steps share a submit, by what they take. */
  let [steps, submitted, share] = [0, 0, 1];
  let idleAt = 0;
  /** Submits what is encoded. */
  function flush(): void {
    if (!encoder) return;
    owner.device.queue.submit([encoder.finish()]);
    owner.stats.submits++;
    encoder = undefined;
    submitted += steps;
    steps = 0;
  }
  return {
    flush,
    /** Where the next step goes. */
    get encoder(): GPUCommandEncoder {
      encoder ??= owner.device.createCommandEncoder();
      return encoder;
    },
    /**
     * Encodes a step. A shared one may wait for others, until the host is idle at the latest; of one that fails halfway
     * nothing runs.
     */
    step<T>(isShared: boolean, encode: () => T): T {
      if (!isShared) flush();
      try {
        const made = encode();
        steps++;
        if (!isShared || steps >= share) flush();
        else if (steps === 1) setTimeout(flush);
        return made;
      } catch (error) {
        if (!isShared) encoder = undefined;
        throw error;
      }
    },
    /** Waits until there are few enough submits under way. */
    async room(): Promise<void> {
      if (encoder) return;
      const [done, began] = [submitted, performance.now()];
      submitted = 0;
      const ended = owner.idle().then(() => {
        const milliseconds = performance.now() - Math.max(began, idleAt);
        share = Math.max(
          1,
          Math.min(MOST_STEPS, Math.floor((TARGET * done) / (milliseconds || 1e-3))),
        ); // coarse clocks
        idleAt = performance.now();
      });
      if (inFlight.push(ended) > MAX_IN_FLIGHT) await inFlight.shift();
      owner.check();
    },
  };
}
