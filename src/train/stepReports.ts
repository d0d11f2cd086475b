// Costs of training steps, read back while later steps run and told to `onStep`.
import { HISTORY } from './evaluate.js';

/** Report on one step for `onStep`, a few steps behind the device. */
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

/** Which steps are reported, and to whom. */
export interface StepReportOptions {
  /** Called with the cost of every step, in order, for several steps at a time about 30 times per second. */
  readonly onStep?: (report: StepReport) => void;
  /** Calls `onStep` only every so many steps, each as soon as its cost is available. */
  readonly reportEvery?: number;
}

/** A step whose cost is not read yet. */
type Unread = Omit<StepReport, 'cost'>;

/** Milliseconds between reports where the caller does not say how many steps. */
const INTERVAL = 30;

/**
 * Tells `onStep` costs that are read back while later steps run. `costsOfLast` reads the costs of the last so many steps.
 * Throws what an earlier step or `onStep` threw.
 */
export function makeReports(
  { onStep, reportEvery }: StepReportOptions,
  costsOfLast: (count: number) => Promise<readonly number[]>,
) {
  let unread: Unread[] = [];
  let asked = Number.NEGATIVE_INFINITY;
  let told: Promise<void> = Promise.resolve();
  const read = (): void => {
    const steps = unread;
    unread = [];
    asked = performance.now();
    told = Promise.all([costsOfLast(steps.length), told]).then(([costs]) => {
      for (const [i, at] of steps.entries()) onStep?.({ ...at, cost: costs[i]! });
    });
    told.catch(() => {});
  };
  return {
    /** A step that was just run; resolves when the costs asked for before this step's have been told. */
    async add(at: Unread): Promise<void> {
      if (!onStep || at.step % (reportEvery ?? 1) !== 0) return;
      unread.push(at);
      const before = told;
      if (reportEvery || unread.length === HISTORY || performance.now() - asked >= INTERVAL) {
        read();
        await before;
      }
    },
    async settle(): Promise<void> {
      if (unread.length > 0) read();
      await told;
    },
  };
}
