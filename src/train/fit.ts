// fit: the training loop, with reports, validation, stopping and resuming.
import { describe } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { INSPECT } from '../core/print.js';
import { checkSeed } from '../core/randomBits.js';
import { checkWhole } from '../core/shape.js';
import { shuffled } from '../data/random.js';
import type { Engine } from '../engine/engine.js';
import { runCount, runSeed } from '../ops/draws.js';
import type { Checkpoints } from './checkpoints.js';
import { type Evaluation, evaluate, makePass } from './evaluate.js';
import type { CheckpointOptions, FitOptions } from './options.js';
import { checkLearned, checkProgress, type Progress, START, type Totals } from './progress.js';
import { NEEDED, OPTIONAL } from './settings.js';
import { makeReports } from './stepReports.js';
import { expectUse } from './unused.js';

export type { CheckpointOptions, FitOptions } from './options.js';
export type { Progress };

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

/** Checks where and how often a run saves itself. */
function checkCheckpoint(checkpoint: CheckpointOptions): void {
  const { folder, every = 1, keep = 1 } = checkOptions('fit', checkpoint, 'folder', 'every keep');
  if (typeof folder !== 'string' || folder === '')
    throw new NablaError(`fit: checkpoint.folder is ${describe(folder)}; name a folder`);
  checkWhole('fit', { 'checkpoint.every': every, 'checkpoint.keep': keep });
}

type Pass = ReturnType<typeof makePass>;
type Reports = ReturnType<typeof makeReports>;

/** @internal A run that `fit` makes; `onUse` is called when it is awaited or iterated over. */
export class TrainingRun implements Fit {
  readonly #engine: Engine;
  readonly #options: FitOptions;
  readonly #onUse: () => void;
  readonly #settings: Readonly<Record<'seed' | 'batchSize' | 'examples', number>>;
  #checkpoints: Checkpoints | undefined;
  /** Number of steps of the whole run. */
  readonly #steps: number;
  #progress: Progress;
  #last: EpochReport | undefined;
  /** The loop or await that runs steps now; only one may. */
  #driver: object | undefined;
  #awaited: Promise<EpochReport | undefined> | undefined;

  constructor(engine: Engine, options: FitOptions, onUse = () => {}) {
    checkOptions('fit', options, NEEDED, OPTIONAL);
    const { data, batchSize, epochs, checkpoint, steps = Infinity } = options;
    if (checkpoint) checkCheckpoint(checkpoint);
    else if (options.resume === true)
      throw new NablaError('fit: resume is true; name the folder: checkpoint: { folder }');
    const resume =
      options.resume === undefined || options.resume === true
        ? undefined
        : checkProgress(options.resume, (fact) => new NablaError(`fit: resume: ${fact}`));
    checkWhole('fit', { epochs, steps: options.steps ?? 0 }, 0);
    checkWhole('fit', { 'batch size': batchSize, reportEvery: options.reportEvery ?? 1 });
    const seed = checkSeed('fit', options.seed ?? resume?.seed ?? 0);
    this.#settings = { seed, batchSize, examples: data.length };
    this.#engine = engine;
    this.#options = options;
    this.#onUse = onUse;
    this.#steps = Math.min(steps, epochs * Math.ceil(data.length / batchSize));
    this.#progress = this.#checked(resume ?? { ...this.#settings, ...START, epoch: 0, step: 0 });
  }

  /** Progress of a run of these settings; throws NablaError for that of another. */
  #checked(progress: Progress): Progress {
    const settings = this.#settings;
    const fixed = ['seed', 'batchSize', 'examples'] as const;
    const other = fixed.find((key) => progress[key] !== settings[key]);
    if (other === undefined) return progress;
    throw new NablaError(
      `fit: resume has ${other} ${progress[other]} and the run ${settings[other]}; make them equal`,
    );
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

  /** Opens the folder of checkpoints, once a run, and goes on from the last one where that is asked for. */
  async #prepare(): Promise<void> {
    const { model, optimizer, checkpoint, resume } = this.#options;
    const engine = this.#engine;
    if (checkpoint && !this.#checkpoints) {
      const { openCheckpoints } = await import('./checkpoints.js'); // what few use is loaded where it is
      const checkpoints = await openCheckpoints(engine, this.#options, checkpoint);
      if (resume === undefined) await checkpoints.checkEmpty();
      const restored = resume === true ? await checkpoints.restore() : undefined;
      if (restored) this.#progress = this.#checked(restored);
      this.#checkpoints = checkpoints;
    }
    checkLearned(engine, this.#progress, model.parameters, optimizer.state(model.parameters));
  }

  async *#run(): AsyncGenerator<EpochReport, undefined> {
    const { model, optimizer, onWarmUp, epochs } = this.#options;
    const engine = this.#engine;
    const driver = {};
    let pass: Pass | undefined;
    this.#begin(driver);
    try {
      await this.#prepare();
      pass = makePass(engine, {
        ...this.#options,
        updates: (cost) => optimizer.updates(cost, model.parameters),
      });
      const reports = makeReports(this.#options, pass.costs);
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
      pass?.release();
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
    const checkpoints = this.#checkpoints;
    const progressAt = (totals: Totals): Progress => {
      const isComplete = totals.position === data.length;
      return { ...from, step, ...(isComplete ? { ...START, epoch } : totals) };
    };
    const totals = await pass.run(order, from, async (soFar) => {
      await reports.add({ epoch, step: ++step, steps: this.#steps });
      if (checkpoints?.isDue(step)) await checkpoints.save(progressAt(await soFar()));
      return !this.#isOver(step);
    });
    await reports.settle();
    const seconds = (performance.now() - began) / 1000;
    const complete = totals.position === data.length;
    this.#progress = progressAt(totals);
    await checkpoints?.save(this.#progress);
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
