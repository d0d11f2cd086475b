// `nabla train`: trains a model as the options say, evaluates it and saves it to a file.
import { join } from 'node:path';
import { NablaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { Engine } from '../../engine/engine.js';
import { save } from '../../io/checkpoint.js';
import { encode, type ScalarEvent } from '../../io/tensorboard.js';
import type { Layer } from '../../nn/index.js';
import { evaluate, makePass } from '../../train/evaluate.js';
import { type EpochReport, type FitOptions, fit } from '../../train/fit.js';
import { saveFile } from '../files.js';
import { mnistFiles } from '../mnist.js';
import { predict } from '../report/predictions.js';
import { shrinkPlan } from '../report/run.js';
import { openText, write } from './chars.js';
import { type Architecture, buildModel, describeModel, lossOf } from './model.js';
import { openDigits, openEngine } from './open.js';
import { optimizers, presets, type TrainOptions } from './options.js';
import { checkOutputs, makeFolder, type Output } from './outputs.js';
import { openProgress } from './progress.js';
import { reportRun } from './report.js';
import { costText, count, percent, print, resultLine } from './text.js';

/**
 * Trains, reports and writes the model. The first Ctrl-C stops after the step in progress and writes what was learned,
 * the second quits. Resolves to the exit code.
 */
export async function train(options: TrainOptions): Promise<number> {
  const { preset, layers, activation, output, report, trace, tensorboard } = options;
  const events =
    tensorboard && join(tensorboard, `events.out.tfevents.${Math.floor(Date.now() / 1000)}.nabla`);
  await checkFiles(options, events);
  const data = await (preset === 'chars' ? openText(options.text) : openDigits(options.data));
  const { alphabet } = data;
  const sizes = [data.inputs, ...layers, data.classes];
  const standard = { kind: 'dense', sizes, activation, loss: options.loss, alphabet } as const;
  const architecture: Architecture = { ...standard, ...presets[preset].architecture };
  const { engine, source } = await openEngine(options);
  await using _ = engine;
  const model = buildModel(architecture, options.seed);
  const loss = lossOf(architecture);
  const described = describeModel(architecture);
  print(`engine  ${source}\n${data.source}\nmodel   ${described}; ${describeTraining(options)}`);

  const { code, scalars, ...learned } = await learn(engine, options, { model, loss, ...data });
  const { steps, epochs } = learned;
  if (code) print(`stopped after ${count(steps)} steps`);
  const { checked } = engine.stats();
  if (checked > 0)
    print(`cross-check  ${count(checked)} values compared with float64, all within their bounds`);
  const bytes =
    steps > 0 ? await saveModel(engine, model, architecture, { ...options, step: steps }) : 0;
  if (events) {
    await saveFile(events, encode(scalars));
    print(`wrote ${events}; see it with tensorboard --logdir ${tensorboard}`);
  }
  if (steps === 0) return code;
  // An interrupted epoch has no report.
  const test =
    (!code && epochs.at(-1)?.validation) ||
    (await evaluate(engine, { model, loss, data: data.test }));
  print(resultLine(test));
  print(`wrote ${output} (${count(Math.ceil(bytes / 1024))} KiB); read it with`);
  print(`  npx nabla eval ${output}${data.option}`);

  if (report || trace) {
    // of training, not of what follows; where the CPU stands in for a GPU, that was said
    const profile = engine.info.features.includes('timestamp-query')
      ? await engine.profile()
      : undefined;
    const outcome = alphabet
      ? { text: await write(engine, model, alphabet) }
      : { predictions: await predict(engine, model, data.test, options.loss) };
    const parameters = model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const facts = { ...learned, ...outcome, test, model: described, parameters, profile, source };
    await reportRun(options, engine.info, facts);
  }
  return code;
}

/** Before anything is computed: whether all that comes of it can be written, and replaces nothing that is needed. */
async function checkFiles(options: TrainOptions, events: string | undefined): Promise<void> {
  const { preset, text, data, output, report, trace, tensorboard } = options;
  const given = [
    { option: '--output', what: 'the model', file: output },
    { option: '--report', what: 'the page', file: report },
    { option: '--profile', what: 'the trace', file: trace },
    { option: '--tensorboard', what: 'the event file', file: events },
  ];
  const outputs = given.filter((each): each is Output => each.file !== undefined);
  const files = preset === 'chars' ? [text ?? ''] : mnistFiles(data);
  const check = (): Promise<void> => checkOutputs(outputs, [{ what: 'the training data', files }]);
  const others = outputs.filter(({ file }) => file && file !== events);
  await (tensorboard ? makeFolder(tensorboard, others, check) : check());
}

/** Writes what was learned, first of all that is written; returns how many bytes it takes. */
async function saveModel(
  engine: Engine,
  model: Layer,
  architecture: Architecture,
  training: SavedOptions,
) {
  const metadata = {
    architecture: JSON.stringify(architecture),
    training: JSON.stringify(training),
  };
  const bytes = await save(engine, { model, metadata });
  await saveFile(training.output, bytes);
  return bytes.length;
}
type SavedOptions = TrainOptions & Readonly<{ step: number }>;

type Problem = Pick<FitOptions, 'model' | 'loss'> &
  Readonly<Record<'train' | 'test', FitOptions['data']>>;

/** Trains until the end or a signal, whose exit code it returns with what there is to report. */
async function learn(engine: Engine, options: TrainOptions, { model, loss, train, test }: Problem) {
  const progress = openProgress();
  const signal = onSignals(() =>
    progress.line('stopping; once more quits without writing the model'),
  );
  const { learningRate, momentum, clipNorm, epochs, batch, precision, seed, steps } = options;
  const rates = { learningRate, ...(momentum && { momentum }), ...(clipNorm && { clipNorm }) };
  const optimizer = optimizers[options.optimizer](rates);
  const costs: [step: number, cost: number][] = [];
  const scalars: ScalarEvent[] = [];
  const note = (step: number, values: ScalarEvent['values']) =>
    scalars.push({ step, time: Date.now(), values });
  const task = { model, loss, data: train, batchSize: batch, precision };
  const course = {
    optimizer,
    epochs,
    seed,
    signal,
    validation: test,
    ...(steps !== undefined && { steps }),
  };
  const run = fit(engine, {
    ...{ ...task, ...course },
    onWarmUp: (done, total) => progress.status(`compiling kernels, ${done} of ${total}`),
    onStep({ cost, ...at }) {
      if (!Number.isFinite(cost))
        throw new NablaError(
          `the cost is ${cost} at step ${at.step}; try a --learning-rate below ${learningRate}`,
        );
      costs.push([at.step, cost]);
      note(at.step, { cost });
      progress.at({ ...at, epochs, cost });
    },
  });
  const reports: EpochReport[] = [];
  const start = performance.now();
  try {
    for await (const report of run) {
      reports.push(report);
      const { epoch, step, seconds, accuracy: train = Number.NaN } = report;
      const { cost = Number.NaN, accuracy: test = Number.NaN } = report.validation ?? {};
      const shares = `train ${percent(train)}  test ${percent(test)}`;
      progress.line(
        `epoch ${epoch}/${epochs}  cost ${costText(report.cost)}  ${shares}  ${seconds.toFixed(1)} s`,
      );
      note(step, { 'accuracy/train': train, 'accuracy/test': test, 'cost/test': cost });
    }
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const pass = makePass(engine, {
    ...task,
    updates: (cost) => optimizer.updates(cost, model.parameters),
  });
  const plan = shrinkPlan(pass.full.plan);
  pass.release();
  return {
    code: Number(signal.reason ?? 0),
    costs,
    scalars,
    epochs: reports,
    steps: run.progress.step,
    seconds,
    plan,
  };
}

function describeTraining({
  optimizer,
  learningRate,
  momentum,
  batch,
  epochs,
  seed,
}: TrainOptions): string {
  const rate = `${optimizer} ${learningRate}${momentum ? `, momentum ${momentum}` : ''}`;
  return `${rate}, batch ${batch}, ${epochs} epoch${epochs === 1 ? '' : 's'}, seed ${seed}`;
}

/** The first Ctrl-C or SIGTERM aborts, with the exit code as its reason; the second ends the process at once. */
function onSignals(onStop: () => void): AbortSignal {
  const controller = new AbortController();
  const stop = (_: string, number: number): void => {
    if (controller.signal.aborted) process.exit(128 + number);
    controller.abort(128 + number);
    onStop();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}
