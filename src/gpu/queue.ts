import type { Device } from './device.js';

/** Submits that may be under way without the host waiting for one. */
const MAX_IN_FLIGHT = 4;
/** Steps share a submit up to so many milliseconds of work, which leave a page smooth, and up to so many steps. */
const [TARGET, MOST_STEPS] = [8, 16];

/** Encodes steps one after the other. Those that upload nothing and read nothing back share submits. */
export class StepQueue {
  readonly #owner: Device;
  readonly #inFlight: Promise<void>[] = [];
  #encoder: GPUCommandEncoder | undefined;
  /** Steps encoded, and steps submitted since `room` looked. */
  #steps = 0;
  #submitted = 0;
  /** How many steps share a submit, by what they take. */
  #share = 1;
  #idleAt = 0;

  constructor(owner: Device) {
    this.#owner = owner;
  }

  /** Where the next step goes. */
  get encoder(): GPUCommandEncoder {
    this.#encoder ??= this.#owner.device.createCommandEncoder();
    return this.#encoder;
  }

  /** Ends a step. A shared one may wait for others, until the host is idle at the latest. */
  end(isShared: boolean): void {
    this.#steps++;
    if (!isShared || this.#steps >= this.#share) this.flush();
    else if (this.#steps === 1) setTimeout(() => this.flush());
  }

  /** Submits what is encoded. */
  flush(): void {
    if (!this.#encoder) return;
    this.#owner.device.queue.submit([this.#encoder.finish()]);
    this.#owner.stats.submits++;
    this.#encoder = undefined;
    this.#submitted += this.#steps;
    this.#steps = 0;
  }

  /** Waits until there are few enough submits under way. */
  async room(): Promise<void> {
    if (this.#encoder) return;
    const [steps, began] = [this.#submitted, performance.now()];
    this.#submitted = 0;
    const done = this.#owner.idle().then(() => {
      const milliseconds = performance.now() - Math.max(began, this.#idleAt);
      this.#share = Math.max(1, Math.min(MOST_STEPS, Math.floor((TARGET * steps) / milliseconds)));
      this.#idleAt = performance.now();
    });
    if (this.#inFlight.push(done) > MAX_IN_FLIGHT) await this.#inFlight.shift();
    this.#owner.check();
  }
}
