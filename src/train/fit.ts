import { checkBatchSize, type Dataset } from '../data/dataset.js';
import { permutation } from '../data/random.js';
import type { Engine } from '../engine.js';
import { NablaError } from '../errors.js';
import type { Loss } from '../loss.js';
import type { Layer } from '../nn/layer.js';
import type { Optimizer } from '../optim/optimizer.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { makePass, type Pass } from './pass.js';
import { Readings, type StepReport } from './readings.js';

export interface FitOptions {
  readonly model: Layer;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly data: Dataset;
  readonly epochs: number;
  readonly batchSize: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /** Decides the order of the examples in each epoch; 0 unless given. */
  readonly seed?: number;
  /** false keeps the data's own order. */
  readonly shuffle?: boolean;
  /** Stops between two steps; the iteration then ends without a report, and `progress` says where. */
  readonly signal?: AbortSignal;
  /** Gets costs as they come back, about 30 a second, or every `reportEvery` steps. */
  readonly onStep?: (report: StepReport) => void;
  readonly reportEvery?: number;
  /** Ends after so many steps in all, in the middle of an epoch if need be. */
  readonly steps?: number;
  /** false saves a kernel a step. */
  readonly accuracy?: boolean;
  /** Goes on from here; model and optimizer must hold the values of that moment. */
  readonly resume?: Progress;
  /** Called while kernels are compiled before the first step. */
  readonly onWarmUp?: (done: number, total: number) => void;
}

/** Where a run stands, as plain data: enough to go on bit for bit, with the parameters and the optimizer's state. */
export interface Progress {
  readonly seed: number;
  readonly batchSize: number;
  readonly examples: number;
  /** Epochs done, and examples done of the next one. */
  readonly epoch: number;
  readonly position: number;
  /** Steps done. */
  readonly step: number;
  /** Σ cost · examples and right answers of the epoch so far. */
  readonly cost: number;
  readonly correct: number;
}

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
  readonly validation?: Omit<Evaluation, 'examples'>;
}

/** A training run: iterate over it for one report an epoch. */
export interface Fit extends AsyncIterable<EpochReport> {
  /** Where the run stands, when it is between epochs or has been stopped. */
  readonly progress: Progress;
}

interface Run {
  readonly engine: Engine;
  readonly options: FitOptions;
  readonly pass: Pass;
  readonly readings: Readings;
  progress: Progress;
}

/**
 * Trains a model: each epoch uses every example exactly once, in an order drawn from the seed, the remainder of an epoch
 * in a smaller step. Values stay on the engine: a step uploads nothing, and costs come back while later steps run.
 * Iterating runs it; it yields one report an epoch. Leave the loop, or abort `signal`, and it stops in a clean state;
 * iterate again, or pass `progress` as `resume`, to go on.
 */
export function fit(engine: Engine, options: FitOptions): Fit {
  check(options);
  const { seed = 0, batchSize, data } = options;
  const start: Progress = {
    seed,
    batchSize,
    examples: data.length,
    epoch: 0,
    position: 0,
    step: 0,
    cost: 0,
    correct: 0,
  };
  const state = { progress: options.resume ?? start };
  for (const key of ['seed', 'batchSize', 'examples'] as const)
    if (state.progress[key] !== (key === 'seed' ? (options.seed ?? state.progress.seed) : start[key]))
      throw new NablaError(
        `fit: resume has ${key} ${state.progress[key]} and the run ${start[key]}; go on with the same data and settings`,
      );
  return {
    get progress() {
      return state.progress;
    },
    [Symbol.asyncIterator]: () => epochs(engine, options, state),
  };
}

function check({ epochs: count, batchSize, reportEvery = 1, steps = 0 }: FitOptions): void {
  checkBatchSize('fit', batchSize);
  if (!Number.isInteger(count) || count < 0)
    throw new NablaError(`fit: epochs is ${count}; give a whole number, at least 0`);
  if (!Number.isInteger(reportEvery) || reportEvery < 1)
    throw new NablaError(`fit: reportEvery is ${reportEvery}; give a whole number of steps, at least 1`);
  if (!Number.isInteger(steps) || steps < 0)
    throw new NablaError(`fit: steps is ${steps}; give a whole number, at least 0`);
}

async function* epochs(
  engine: Engine,
  options: FitOptions,
  state: { progress: Progress },
): AsyncGenerator<EpochReport> {
  const { model, loss, optimizer, data, batchSize, accuracy = true } = options;
  const pass = makePass(engine, {
    ...{ model, loss, data, batchSize, accuracy, training: true },
    updates: (cost) => optimizer.updates(cost, model.parameters),
  });
  const readings = new Readings(options.onStep, options.reportEvery, doneBy(state.progress));
  const run: Run = { engine, options, pass, readings, progress: state.progress };
  try {
    await engine.warmUp((pass.full ?? pass.rest)!, options.onWarmUp);
    // the remainder's kernels are built while the epoch runs; an error in them comes with its first call
    if (pass.full && pass.rest) engine.warmUp(pass.rest).catch(() => {});
    while (run.progress.epoch < options.epochs && !isOver(run)) {
      const report = await runEpoch(run);
      state.progress = run.progress;
      if (report) yield report;
    }
  } finally {
    pass.release();
  }
}

const isOver = ({ options: { signal, steps = Infinity }, progress }: Run): boolean =>
  (signal?.aborted ?? false) || progress.step >= steps;

/** Runs the rest of an epoch. Undefined when it was aborted on the way. */
async function runEpoch(run: Run): Promise<EpochReport | undefined> {
  const { engine, options, pass, readings } = run;
  const { data, batchSize, shuffle = true } = options;
  const { seed, epoch, position, cost, correct } = run.progress;
  const order = shuffle ? permutation(data.length, seed, epoch).map((at) => data.rows[at]!) : data.rows;
  const began = performance.now();
  await pass.begin(order, position, { cost, correct });
  const steps = Math.min(options.steps ?? Infinity, options.epochs * Math.ceil(data.length / batchSize));
  while (run.progress.position < data.length && !isOver(run)) {
    const at = { ...run.progress, step: run.progress.step + 1 };
    const whole = at.position + batchSize <= data.length;
    at.position += whole ? batchSize : data.length - at.position;
    await readings.run((whole ? pass.full : pass.rest)!, { epoch: epoch + 1, step: at.step, steps }, doneBy(at));
    run.progress = at;
  }
  const totals = await pass.totals();
  await readings.settle();
  const { step, position: done } = run.progress;
  const seconds = (performance.now() - began) / 1000;
  const complete = done === data.length;
  run.progress = complete
    ? { ...run.progress, epoch: epoch + 1, position: 0, cost: 0, correct: 0 }
    : { ...run.progress, ...totals };
  if (!complete && options.signal?.aborted) return undefined;
  const accuracy = pass.counted ? { accuracy: totals.correct / done } : {};
  const report = { epoch: epoch + 1, step, cost: totals.cost / done, ...accuracy, seconds };
  if (!options.validation || options.signal?.aborted) return report;
  const { model, loss, validation: unseen } = options;
  const { examples: _, ...validation } = await evaluate(engine, { model, loss, data: unseen });
  return { ...report, validation };
}

const doneBy = ({ epoch, position, examples }: Progress): number => epoch * examples + position;
