import type { Step } from '../engine.js';
import type { Tensor } from '../graph/tensor.js';
import type { FitOptions } from './fit.js';

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
}

/** Costs on their way back at one time. */
const PENDING = 4;
/** Milliseconds between reports where the caller does not say how many steps. */
const INTERVAL = 30;

/** Reads costs back while later steps run. */
export function makeReadings({ onStep, reportEvery }: Pick<FitOptions, 'onStep' | 'reportEvery'>) {
  const pending: Promise<void>[] = [];
  let failure: { error: unknown } | undefined;
  let asked = Number.NEGATIVE_INFINITY;

  const isDue = (step: number): boolean => {
    if (reportEvery !== undefined) return step % reportEvery === 0;
    return pending.length === 0 && performance.now() - asked >= INTERVAL;
  };
  return {
    /** Runs one step; resolves when there is room for the next. */
    async run(step: Step<{ cost: Tensor }>, at: Omit<StepReport, 'cost'>) {
      if (failure) throw failure.error;
      if (!onStep || !isDue(at.step)) return step.enqueue();
      asked = performance.now();
      const reading = step()
        .then(({ cost }) => onStep({ ...at, cost: cost.data[0]! }))
        .catch((error: unknown) => {
          failure ??= { error };
        });
      pending.push(reading);
      void reading.then(() => pending.splice(pending.indexOf(reading), 1));
      if (pending.length >= PENDING) await pending[0];
    },

    /** Waits for costs on their way, and throws what a step or `onStep` threw. */
    async settle(): Promise<void> {
      await Promise.all(pending);
      if (failure) throw failure.error;
    },
  };
}
export type Readings = ReturnType<typeof makeReadings>;
