import type { Step } from '../engine.js';
import type { Tensor } from '../graph/tensor.js';

/** What `onStep` gets, a few steps behind the device. */
export interface StepReport {
  /** The epoch that the step belongs to, from 1. */
  readonly epoch: number;
  /** Steps done, this one included. */
  readonly step: number;
  /** Steps that the whole run takes. */
  readonly steps: number;
  /** Mean over the step's batch, before its update. */
  readonly cost: number;
  /** Since the report before. */
  readonly examplesPerSecond: number;
}

/** Costs on their way back at one time. */
const PENDING = 4;
/** Milliseconds between reports where the caller does not say how many steps. */
const INTERVAL = 30;

/** Reads costs back while later steps run. */
export class Readings {
  readonly #onStep: ((report: StepReport) => void) | undefined;
  readonly #every: number | undefined;
  readonly #pending: Promise<void>[] = [];
  #failure: { error: unknown } | undefined;
  #seen: number;
  #time = performance.now();
  #asked = Number.NEGATIVE_INFINITY;

  /** `examples` were done before. */
  constructor(onStep: ((report: StepReport) => void) | undefined, every: number | undefined, examples: number) {
    this.#onStep = onStep;
    this.#every = every;
    this.#seen = examples;
  }

  /** Runs one step; resolves when there is room for the next. `examples` counts those done since the run began. */
  async run(step: Step<{ cost: Tensor }>, at: Omit<StepReport, 'cost' | 'examplesPerSecond'>, examples: number) {
    if (this.#failure) throw this.#failure.error;
    if (!this.#isDue(at.step)) return step.enqueue();
    this.#asked = performance.now();
    const reading = step().then(({ cost }) => this.#report({ ...at, cost: cost.data[0]! }, examples));
    const settled = reading.then(
      () => {},
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    this.#pending.push(settled);
    void settled.then(() => this.#pending.splice(this.#pending.indexOf(settled), 1));
    if (this.#pending.length >= PENDING) await this.#pending[0];
  }

  /** Waits for costs on their way, and throws what a step or `onStep` threw. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure) throw this.#failure.error;
  }

  #isDue(step: number): boolean {
    if (!this.#onStep) return false;
    if (this.#every !== undefined) return step % this.#every === 0;
    return this.#pending.length === 0 && performance.now() - this.#asked >= INTERVAL;
  }

  #report(report: Omit<StepReport, 'examplesPerSecond'>, examples: number): void {
    const now = performance.now();
    const seconds = Math.max(1e-6, (now - this.#time) / 1000);
    const examplesPerSecond = (examples - this.#seen) / seconds;
    this.#seen = examples;
    this.#time = now;
    this.#onStep?.({ ...report, examplesPerSecond });
  }
}
