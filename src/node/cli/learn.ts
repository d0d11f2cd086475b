// The training of `nabla train`: runs it to its end or to a signal, shows its progress, and keeps what the report needs.
import { NablaError } from '../../core/errors.js';
import type { Engine } from '../../engine/engine.js';
import type { ScalarEvent } from '../../io/tensorboard.js';
import { makePass } from '../../train/evaluate.js';
import { type EpochReport, type FitOptions, fit } from '../../train/fit.js';
import type { StepReport } from '../../train/stepReports.js';
import { shrinkPlan } from '../report/run.js';
import { optimizers, type TrainOptions } from './options.js';
import { openProgress } from './progress.js';
import { costText, percent } from './text.js';

/** What is trained, and the data for it. */
export interface Problem extends Pick<FitOptions, 'model' | 'loss'> {
  readonly train: FitOptions['data'];
  readonly test: FitOptions['data'];
}

/** Collects costs and accuracies during a run: for the report, and as events for TensorBoard. */
function makeRecord() {
  const costs: [step: number, cost: number][] = [];
  const epochs: EpochReport[] = [];
  const scalars: ScalarEvent[] = [];
  const note = (step: number, values: ScalarEvent['values']): void => {
    scalars.push({ step, time: Date.now(), values });
  };
  return {
    costs,
    epochs,
    scalars,
    addStep({ step, cost }: StepReport): void {
      costs.push([step, cost]);
      note(step, { cost });
    },
    addEpoch(report: EpochReport): void {
      epochs.push(report);
      const { cost = Number.NaN, accuracy = Number.NaN } = report.validation ?? {};
      const training = { 'accuracy/train': report.accuracy ?? Number.NaN };
      note(report.step, { ...training, 'accuracy/test': accuracy, 'cost/test': cost });
    },
  };
}

function epochLine(report: EpochReport, epochs: number): string {
  const { epoch, seconds, accuracy, validation } = report;
  const shares = `train ${percent(accuracy)}  test ${percent(validation?.accuracy)}`;
  return `epoch ${epoch}/${epochs}  cost ${costText(report.cost)}  ${shares}  ${seconds.toFixed(1)} s`;
}

/** Where the run saves itself, and whether it goes on from there. */
function checkpointOf({ checkpoint: folder, every, keep, resume }: TrainOptions) {
  if (folder === undefined) return {};
  const checkpoint = { folder, ...(every && { every }), ...(keep && { keep }) };
  return { checkpoint, ...(resume && { resume }) };
}

/** Options of `fit` but for its listeners. */
function settingsOf(options: TrainOptions, { model, loss, train, test }: Problem) {
  const { learningRate, momentum, clipNorm, epochs, batch, precision, seed, steps } = options;
  const rates = { learningRate, ...(momentum && { momentum }), ...(clipNorm && { clipNorm }) };
  const optimizer = optimizers[options.optimizer](rates);
  const task = { model, loss, data: train, batchSize: batch, precision };
  const course = { optimizer, epochs, seed, validation: test };
  return {
    ...{ ...task, ...course, ...(steps !== undefined && { steps }) },
    ...checkpointOf(options),
  };
}

/** The plan of a training step, as a report shows it. */
function planOf(engine: Engine, settings: ReturnType<typeof settingsOf>) {
  const { model, optimizer, loss, data, batchSize, precision } = settings;
  const pass = makePass(engine, {
    ...{ model, loss, data, batchSize, precision },
    updates: (cost) => optimizer.updates(cost, model.parameters),
  });
  const plan = shrinkPlan(pass.full.plan);
  pass.release();
  return plan;
}

/** Trains until the end or a signal, whose exit code it returns with what there is to report. */
export async function learn(engine: Engine, options: TrainOptions, problem: Problem) {
  const progress = openProgress();
  const signal = onSignals(() => {
    progress.line('stopping; once more quits without writing the model');
  });
  const { epochs, learningRate } = options;
  const settings = settingsOf(options, problem);
  const record = makeRecord();
  const run = fit(engine, {
    ...settings,
    signal,
    onWarmUp: (done, total) => progress.status(`compiling kernels, ${done} of ${total}`),
    onStep(report) {
      const { step, cost } = report;
      if (!Number.isFinite(cost))
        throw new NablaError(
          `the cost is ${cost} at step ${step}; try a --learning-rate below ${learningRate}`,
        );
      if (record.costs.length === 0 && step > 1) progress.line(`going on after step ${step - 1}`);
      record.addStep(report);
      progress.at({ ...report, epochs });
    },
  });
  const start = performance.now();
  try {
    for await (const report of run) {
      progress.line(epochLine(report, epochs));
      record.addEpoch(report);
    }
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const { costs, scalars } = record;
  const done = { costs, scalars, epochs: record.epochs, steps: run.progress.step, seconds };
  return { ...done, code: Number(signal.reason ?? 0), plan: planOf(engine, settings) };
}

/** Signals that ask a process to end: from Ctrl-C, a supervisor, a terminal that closes, and Ctrl-\\. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The first signal aborts, with the exit code as its reason; the second ends the process at once. */
function onSignals(onStop: () => void): AbortSignal {
  const controller = new AbortController();
  const stop = (_: string, number: number): void => {
    if (controller.signal.aborted) process.exit(128 + number);
    controller.abort(128 + number);
    onStop();
  };
  for (const name of ENDING) process.on(name, stop);
  return controller.signal;
}
