import type { Precision } from '../autodiff/precision.js';
import type { Dataset } from '../data/dataset.js';
import { shuffled } from '../data/random.js';
import type { Engine } from '../engine.js';
import { NablaError } from '../errors.js';
import { runSeed } from '../ops/random.js';
import type { Optimizer } from '../optim/optimizers.js';
import { checkOptions } from '../options.js';
import { checkSeed } from '../randomBits.js';
import { checkWhole } from '../shape.js';
import { type EvaluateOptions, type Evaluation, evaluate, HISTORY, makePass, START, type Totals } from './evaluate.js';

/** What `fit` trains, on what, and for how long. */
export interface FitOptions extends EvaluateOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly batchSize: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /**
   * Decides the order of the examples in each epoch and, with the run count, what dropout and other fresh random numbers are:
   * a whole number in [0, 2³²), 0 unless given.
   */
  readonly seed?: number;
  /** false keeps the data's own order. */
  readonly shuffle?: boolean;
  /** An AbortSignal: stops between two steps; the iteration then ends without a report, and `progress` says where. */
  readonly signal?: { readonly aborted: boolean };
  /** Gets the cost of every step, in order, of many at a time about 30 times a second. */
  readonly onStep?: (report: StepReport) => void;
  /** `onStep` gets only every so many steps' costs, each as soon as it is there. */
  readonly reportEvery?: number;
  /** Ends after so many steps in all, in the middle of an epoch if need be. */
  readonly steps?: number;
  /** What matrix products read, as `engine.compile` takes it; f32 unless given. */
  readonly precision?: Precision;
  /** false saves a kernel a step. */
  readonly accuracy?: boolean;
  /** Goes on from here; model and optimizer must hold the values of that moment. */
  readonly resume?: Progress;
  /** Called while kernels are compiled before the first step. */
  readonly onWarmUp?: (done: number, total: number) => void;
}

const OPTIONAL = 'validation seed shuffle signal onStep reportEvery steps precision accuracy resume onWarmUp';

/**
 * Where a run stands, as plain data: enough to go on bit for bit, with the parameters and the optimizer's state. `epoch` and
 * `step` count what is done; `position` is how many examples of the next epoch are, and the totals are theirs.
 */
export type Progress = Totals & Readonly<Record<'seed' | 'batchSize' | 'examples' | 'epoch' | 'step', number>>;

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

/** What `fit` says after each epoch. */
export interface EpochReport {
  /** Epochs done, from 1. */
  readonly epoch: number;
  /** Steps done since the run began. */
  readonly step: number;
  /** Mean over the epoch's examples, each measured before the update it contributes to. */
  readonly cost: number;
  /** Share of right answers among the epoch's examples, where labels are class numbers. */
  readonly accuracy?: number;
  /** Time of the epoch's steps. */
  readonly seconds: number;
  readonly validation?: Evaluation;
}

/** A training run: iterate over it for one report an epoch. */
export interface Fit extends AsyncIterable<EpochReport> {
  /** Where the run stands, when it is between epochs or has been stopped. */
  readonly progress: Progress;
}

/**
 * Trains a model: each epoch uses every example exactly once, in an order drawn from the seed, the remainder of an epoch
 * in a smaller step. Values stay on the engine: a step uploads nothing, and costs come back while later steps run.
 * Iterating runs it; it yields one report an epoch. Leave the loop, or abort `signal`, and it stops in a clean state;
 * iterate again, or pass `progress` as `resume`, to go on.
 */
export function fit(engine: Engine, options: FitOptions): Fit {
  checkOptions('fit', options, 'model loss optimizer data epochs batchSize', OPTIONAL);
  const { model, loss, optimizer, data, batchSize, epochs, resume, signal, steps: most = Infinity } = options;
  checkWhole('fit', { epochs, steps: options.steps ?? 0 }, 0);
  checkWhole('fit', { 'batch size': batchSize, reportEvery: options.reportEvery ?? 1 });
  const seed = checkSeed('fit', options.seed ?? resume?.seed ?? 0);
  const settings = { seed, batchSize, examples: data.length };
  let progress: Progress = resume ?? { ...settings, ...START, epoch: 0, step: 0 };
  const other = (['seed', 'batchSize', 'examples'] as const).find((key) => progress[key] !== settings[key]);
  if (other)
    throw new NablaError(`fit: resume has ${other} ${progress[other]} and the run ${settings[other]}; make them equal`);
  const steps = Math.min(most, epochs * Math.ceil(data.length / batchSize));
  const isOver = (step: number): boolean => signal?.aborted || step >= most;
  return {
    get progress() {
      return progress;
    },
    async *[Symbol.asyncIterator]() {
      const pass = makePass(engine, { ...options, updates: (cost) => optimizer.updates(cost, model.parameters) });
      const reports = makeReports(options, pass.costs);
      try {
        await engine.warmUp(pass.full, options.onWarmUp);
        // the remainder's kernels are built while the epoch runs; an error in them comes with its first call
        if (pass.rest) engine.warmUp(pass.rest).catch(() => {});
        while (progress.epoch < epochs && !isOver(progress.step)) {
          const from = progress;
          const order = options.shuffle === false ? data.rows : shuffled(data.rows, from.seed, from.epoch);
          // at each epoch, because another run may go on between two
          if (pass.isRandom) await engine.write(runSeed, seed);
          const began = performance.now();
          const epoch = from.epoch + 1;
          let { step } = from;
          const totals = await pass.run(order, from, async () => {
            await reports.add({ epoch, step: ++step, steps });
            return !isOver(step);
          });
          await reports.settle();
          const seconds = (performance.now() - began) / 1000;
          const complete = totals.position === data.length;
          progress = { ...from, step, ...(complete ? { ...START, epoch } : totals) };
          if (!complete && signal?.aborted) return;
          const accuracy = pass.counted && { accuracy: totals.correct / totals.position };
          const unseen = signal?.aborted ? undefined : options.validation;
          const validation = unseen && { validation: await evaluate(engine, { model, loss, data: unseen }) };
          yield { epoch, step, cost: totals.cost / totals.position, ...accuracy, seconds, ...validation };
        }
      } finally {
        pass.release();
      }
    },
  };
}

/** Milliseconds between reports where the caller does not say how many steps. */
const INTERVAL = 30;

/** Tells `onStep` costs that are read back while later steps run. Throws what an earlier step or `onStep` threw. */
function makeReports({ onStep, reportEvery }: FitOptions, costsOfLast: (count: number) => Promise<readonly number[]>) {
  let unread: Omit<StepReport, 'cost'>[] = [];
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
    async add(at: Omit<StepReport, 'cost'>): Promise<void> {
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
