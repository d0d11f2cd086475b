// fit: the training loop, with reports, validation, stopping and resuming.
import type { Precision } from '../autodiff/precision.js';
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { INSPECT } from '../core/print.js';
import { checkSeed } from '../core/randomBits.js';
import { checkWhole } from '../core/shape.js';
import type { Dataset } from '../data/dataset.js';
import { shuffled } from '../data/random.js';
import type { Engine } from '../engine/engine.js';
import { runCount, runSeed } from '../ops/draws.js';
import type { Optimizer } from '../optim/optimizers.js';
import {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  makePass,
  START,
  type Totals,
} from './evaluate.js';
import { NEEDED, OPTIONAL } from './settings.js';
import { makeReports, type StepReportOptions } from './stepReports.js';
import { expectUse } from './unused.js';

/** Options of `fit`: model, data and length of the training. */
export interface FitOptions extends EvaluateOptions, StepReportOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly batchSize: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /**
   * Seed of the order of the examples in each epoch and, with the run count, of dropout and other fresh random numbers:
   * a whole number in [0, 2³²), 0 by default.
   */
  readonly seed?: number;
  /** Whether to shuffle the examples in each epoch; true by default. */
  readonly shuffle?: boolean;
  /** An AbortSignal: stops after the current step. The run then ends without a report of the epoch; see `progress`. */
  readonly signal?: { readonly aborted: boolean };
  /** Stops after this many steps in total, possibly in the middle of an epoch. */
  readonly steps?: number;
  /** Precision of the operands of matrix products, as in `engine.compile`; f32 by default. */
  readonly precision?: Precision;
  /** Whether to measure the training accuracy, which costs one kernel per step; true by default. */
  readonly accuracy?: boolean;
  /** Continues a run from its `progress`; model and optimizer must have the values from that time. */
  readonly resume?: Progress;
  /** Called while kernels are compiled before the first step. */
  readonly onWarmUp?: (done: number, total: number) => void;
}

/**
 * Progress of a run as plain data: together with the parameters and the optimizer's state, enough to continue bit for
 * bit. `epoch` and `step` count completed ones; `position` is the number of examples done in the current epoch, which
 * the totals are for.
 */
export type Progress = Totals &
  Readonly<Record<'seed' | 'batchSize' | 'examples' | 'epoch' | 'step', number>>;

/** Report of `fit` on one epoch. */
export interface EpochReport {
  /** Epochs done, from 1. */
  readonly epoch: number;
  /** Steps done since the run began. */
  readonly step: number;
  /** Mean over the epoch's examples, each measured before the update it contributes to. */
  readonly cost: number;
  /** Share of correct predictions among the epoch's examples, where labels are class numbers. */
  readonly accuracy?: number;
  /** Time of the epoch's steps. */
  readonly seconds: number;
  readonly validation?: Evaluation;
}

/**
 * A training run, which starts when it is awaited or iterated over: `await` trains to the end and returns the last
 * report, `for await` yields one report per epoch.
 */
export interface Fit extends AsyncIterable<EpochReport>, PromiseLike<EpochReport | undefined> {
  /** Progress of the run, valid between epochs and after a stop. */
  readonly progress: Progress;
}

/**
 * Trains a model. Each epoch uses every example exactly once, in an order determined by the seed, the remainder of an
 * epoch in a smaller step. Values stay on the engine: a step uploads nothing, and costs are read back while later steps
 * run.
 *
 * `await fit(…)` trains to the end and returns the last report, or undefined if no epoch was completed (`epochs: 0`, or
 * aborted earlier). It trains once, however often it is awaited, and rejects with the first error. `for await` trains
 * too and yields one report per epoch. If you leave the loop or abort `signal`, training stops in a consistent state;
 * await or iterate again, or pass `progress` as `resume`, to continue. Awaiting and iterating share one run: after the
 * end, iterating yields nothing and awaiting returns the last report. While steps are running, a second loop or await
 * throws NablaError.
 *
 * If it is neither awaited nor iterated over, it trains nothing; a warning says so when it is garbage-collected or the
 * process ends. An async function awaits what it returns, so return a run as `{ run }` to pass it on without waiting.
 */
export const fit = (engine: Engine, options: FitOptions): Fit =>
  expectUse((used) => new TrainingRun(engine, options, used));

type Pass = ReturnType<typeof makePass>;
type Reports = ReturnType<typeof makeReports>;

/** @internal A run that `fit` makes; `onUse` is called when it is awaited or iterated over. */
export class TrainingRun implements Fit {
  readonly #engine: Engine;
  readonly #options: FitOptions;
  readonly #onUse: () => void;
  /** Number of steps of the whole run. */
  readonly #steps: number;
  #progress: Progress;
  #last: EpochReport | undefined;
  /** The loop or await that runs steps now; only one may. */
  #driver: object | undefined;
  #awaited: Promise<EpochReport | undefined> | undefined;

  constructor(engine: Engine, options: FitOptions, onUse = () => {}) {
    checkOptions('fit', options, NEEDED, OPTIONAL);
    const { data, batchSize, epochs, resume, steps = Infinity } = options;
    checkWhole('fit', { epochs, steps: options.steps ?? 0 }, 0);
    checkWhole('fit', { 'batch size': batchSize, reportEvery: options.reportEvery ?? 1 });
    const seed = checkSeed('fit', options.seed ?? resume?.seed ?? 0);
    const settings = { seed, batchSize, examples: data.length };
    const progress: Progress = resume ?? { ...settings, ...START, epoch: 0, step: 0 };
    const fixed = ['seed', 'batchSize', 'examples'] as const;
    const other = fixed.find((key) => progress[key] !== settings[key]);
    if (other)
      throw new NablaError(
        `fit: resume has ${other} ${progress[other]} and the run ${settings[other]}; make them equal`,
      );
    this.#engine = engine;
    this.#options = options;
    this.#onUse = onUse;
    this.#steps = Math.min(steps, epochs * Math.ceil(data.length / batchSize));
    this.#progress = progress;
  }

  get progress(): Progress {
    return this.#progress;
  }

  [Symbol.asyncIterator](): AsyncIterator<EpochReport, undefined> {
    this.#onUse();
    return this.#run();
  }

  // biome.jsonc lets this file have a then
  then<A = EpochReport | undefined, B = never>(
    onEnd?: ((last: EpochReport | undefined) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#onUse();
    this.#awaited ??= this.#toEnd();
    return this.#awaited.then(onEnd, onError);
  }

  [INSPECT](): string {
    const { epoch, step } = this.#progress;
    return `Fit: ${epoch} of ${this.#options.epochs} epochs done, ${step} steps; await it or iterate over it`;
  }

  async #toEnd(): Promise<EpochReport | undefined> {
    for await (const _ of { [Symbol.asyncIterator]: () => this.#run() });
    return this.#last;
  }

  async *#run(): AsyncGenerator<EpochReport, undefined> {
    const { model, optimizer, onWarmUp, epochs } = this.#options;
    const engine = this.#engine;
    const pass = makePass(engine, {
      ...this.#options,
      updates: (cost) => optimizer.updates(cost, model.parameters),
    });
    const reports = makeReports(this.#options, pass.costs);
    const driver = {};
    try {
      this.#begin(driver);
      await engine.warmUp(pass.full, onWarmUp);
      // the remainder's kernels are built while the epoch runs; an error in them comes with its first call
      if (pass.rest) engine.warmUp(pass.rest).catch(() => {});
      while (this.#progress.epoch < epochs && !this.#isOver(this.#progress.step)) {
        const report = await this.#epoch(pass, reports);
        if (!report) return undefined;
        this.#last = report;
        this.#driver = undefined;
        yield report;
        this.#begin(driver);
      }
    } finally {
      if (this.#driver === driver) this.#driver = undefined;
      pass.release();
    }
    return undefined;
  }

  #begin(driver: object): void {
    if (this.#driver)
      throw new NablaError(
        'fit: this run is under way; wait for it, or call fit again for another run',
      );
    this.#driver = driver;
  }

  #isOver(step: number): boolean {
    return this.#options.signal?.aborted || step >= (this.#options.steps ?? Infinity);
  }

  /** Runs the rest of an epoch; undefined where it was stopped in the middle. */
  async #epoch(pass: Pass, reports: Reports): Promise<EpochReport | undefined> {
    const { model, loss, data, shuffle, signal, validation: unseen } = this.#options;
    const from = this.#progress;
    const order = shuffle === false ? data.rows : shuffled(data.rows, from.seed, from.epoch);
    // what is drawn depends on seed and step alone; at each epoch, because another run may go on between two
    if (pass.isRandom) {
      const seeded = this.#engine.write(runSeed, from.seed);
      const counted = this.#engine.write(runCount, from.step);
      await Promise.all([seeded, counted]);
    }
    const began = performance.now();
    const epoch = from.epoch + 1;
    let { step } = from;
    const totals = await pass.run(order, from, async () => {
      await reports.add({ epoch, step: ++step, steps: this.#steps });
      return !this.#isOver(step);
    });
    await reports.settle();
    const seconds = (performance.now() - began) / 1000;
    const complete = totals.position === data.length;
    this.#progress = { ...from, step, ...(complete ? { ...START, epoch } : totals) };
    if (!complete && signal?.aborted) return undefined;
    const cost = totals.cost / totals.position;
    const accuracy = pass.counted && { accuracy: totals.correct / totals.position };
    const validation = unseen &&
      !signal?.aborted && {
        validation: await evaluate(this.#engine, { model, loss, data: unseen }),
      };
    return { epoch, step, cost, ...accuracy, seconds, ...validation };
  }
}
