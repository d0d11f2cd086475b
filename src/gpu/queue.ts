// Encodes steps in call order; short steps share a submit, and few submits are in flight at a time.
import type { EngineStats } from '../graph/backend.js';

/** Submits that may be under way without the host waiting for one. */
const MAX_IN_FLIGHT = 4;
/** Milliseconds of work that steps share a submit up to: they leave a page smooth. */
const TARGET = 8;
/** Steps that share a submit at most. */
const MOST_STEPS = 16;

/** The device whose steps these are. */
interface Owner {
  readonly device: GPUDevice;
  readonly stats: EngineStats;
  /** The end of all that is asked for now. */
  idle(): Promise<unknown>;
  /** Throws what went wrong since the last call. */
  check(): void;
}

/** How many steps share a submit where so many took this long. */
function stepsFor(steps: number, milliseconds: number): number {
  const inTarget = Math.floor((TARGET * steps) / (milliseconds || 1e-3)); // coarse clocks
  return Math.max(1, Math.min(MOST_STEPS, inTarget));
}

/** Encodes steps one after the other. Those that upload nothing and read nothing back share submits. */
export function stepQueue(owner: Owner) {
  const inFlight: Promise<void>[] = [];
  let encoder: GPUCommandEncoder | undefined;
  /** Steps that are encoded and not submitted. */
  let encoded = 0;
  /** Steps submitted since `room` looked. */
  let submitted = 0;
  /** How many steps share a submit, by the time that they take. */
  let share = 1;
  /** When the device last had nothing to do. */
  let idleAt = 0;
  /** Submits what is encoded. */
  function flush(): void {
    if (!encoder) return;
    owner.device.queue.submit([encoder.finish()]);
    owner.stats.submits++;
    encoder = undefined;
    submitted += encoded;
    encoded = 0;
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
        encoded++;
        if (!isShared || encoded >= share) flush();
        else if (encoded === 1) setTimeout(flush);
        return made;
      } catch (error) {
        if (!isShared) encoder = undefined;
        throw error;
      }
    },
    /** Waits until there are few enough submits under way. */
    async room(): Promise<void> {
      if (encoder) return;
      const steps = submitted;
      const began = performance.now();
      submitted = 0;
      const ended = owner.idle().then(() => {
        const now = performance.now();
        share = stepsFor(steps, now - Math.max(began, idleAt));
        idleAt = now;
      });
      if (inFlight.push(ended) > MAX_IN_FLIGHT) await inFlight.shift();
      owner.check();
    },
  };
}
