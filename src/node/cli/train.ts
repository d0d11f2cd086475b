// `nabla train`: from options to a model in a file.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine.js';
import { NablaError } from '../../errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { save } from '../../io/checkpoint.js';
import { encode, type ScalarEvent } from '../../io/tensorboard.js';
import { evaluate, makePass } from '../../train/evaluate.js';
import { type EpochReport, type FitOptions, fit } from '../../train/fit.js';
import { saveFile } from '../files.js';
import { predict } from '../report/predictions.js';
import { shrinkPlan } from '../report/run.js';
import { openText, write } from './chars.js';
import { type Architecture, buildModel, checkWritable, describeModel, losses, perLabel } from './model.js';
import { openDigits, openEngine } from './open.js';
import { optimizers, presets, type TrainOptions } from './options.js';
import { openProgress } from './progress.js';
import { reportRun } from './report.js';
import { costText, count, percent, resultLine } from './text.js';

/**
 * Trains, reports and writes the model. The first Ctrl-C stops after the step in progress and writes what was learned,
 * the second quits. Resolves to the exit code.
 */
export async function train(options: TrainOptions, version: string): Promise<number> {
  const { output, report, trace, tensorboard } = options;
  const events = tensorboard && join(tensorboard, `events.out.tfevents.${Math.floor(Date.now() / 1000)}.nabla`);
  if (tensorboard) await mkdir(tensorboard, { recursive: true });
  for (const file of [output, report, trace, events]) if (file !== undefined) await checkWritable(file);
  const isText = options.preset === 'chars';
  const { labels, source: read, ...data } = await (isText ? openText(options.text) : openDigits(options.data));
  const { inputs, classes, alphabet } = data;
  if (alphabet && !options.layers.length)
    throw new NablaError('--layers none: a network of characters has at least one layer');
  const sizes = [inputs, ...options.layers, classes];
  const { preset, activation } = options;
  const standard = { kind: 'dense', sizes, activation, loss: options.loss, alphabet } as const;
  const architecture: Architecture = { ...standard, ...presets[preset].architecture };
  const { engine, source } = await openEngine(options);
  await using _ = engine;
  const progress = openProgress();
  const model = buildModel(architecture, options.seed);
  const described = describeModel(architecture);
  progress.line(`${source}\n${read}\nmodel   ${described}; ${describeTraining(options)}`);

  const loss = perLabel(losses[options.loss], labels);
  const { code, scalars, ...learned } = await learn(engine, options, { model, loss, ...data }, progress);
  const { steps, epochs } = learned;
  if (code) progress.line(`stopped after ${count(steps)} steps`);
  const { checked } = engine.stats();
  if (checked > 0)
    progress.line(`cross-check  ${count(checked)} values compared with float64, all within their bounds`);
  if (events) {
    await saveFile(events, encode(scalars));
    progress.line(`wrote ${events}; see it with tensorboard --logdir ${tensorboard}`);
  }
  if (steps === 0) return code;
  const about = { architecture: JSON.stringify(architecture), training: JSON.stringify({ ...options, step: steps }) };
  const bytes = await save(engine, { model, metadata: about });
  await saveFile(output, bytes);
  // An interrupted epoch has no report.
  const test = (!code && epochs.at(-1)?.validation) || (await evaluate(engine, { model, loss, data: data.test }));
  progress.line(resultLine(test));
  const [name, place] = isText ? ['text', options.text] : ['data', options.data];
  progress.line(`wrote ${output} (${count(Math.ceil(bytes.length / 1024))} KiB); read it with`);
  progress.line(`  npx nabla eval ${output}${place ? ` --${name} ${place}` : ''}`);

  if (report || trace) {
    // of training, not of what follows; where the CPU stands in for a GPU, that was said
    const profile = engine.info.features.includes('timestamp-query') ? await engine.profile() : undefined;
    const outcome = alphabet
      ? { text: await write(engine, model, alphabet) }
      : { predictions: await predict(engine, model, data.test, options.loss) };
    const facts = { ...learned, ...outcome, profile, options, version, source, model: described, test };
    await reportRun(facts, engine.info, model.parameters, progress.line);
  }
  return code;
}

type Problem = Pick<FitOptions, 'model' | 'loss'> & Readonly<Record<'train' | 'test', Dataset>>;

/** Trains until the end or a signal, whose exit code it returns with what there is to report. */
async function learn(
  engine: Engine,
  options: TrainOptions,
  { model, loss, train, test }: Problem,
  progress: ReturnType<typeof openProgress>,
) {
  const signal = onSignals(() => progress.line('stopping; once more quits without writing the model'));
  const { learningRate, momentum, clipNorm, epochs, batch, precision } = options;
  const rates = { learningRate, ...(momentum && { momentum }), ...(clipNorm && { clipNorm }) };
  const optimizer = optimizers[options.optimizer](rates);
  const costs: [step: number, cost: number][] = [];
  const scalars: ScalarEvent[] = [];
  const note = (step: number, values: ScalarEvent['values']) => scalars.push({ step, time: Date.now(), values });
  const task = { model, loss, data: train, batchSize: batch, precision };
  const run = fit(engine, {
    ...task,
    optimizer,
    epochs,
    seed: options.seed,
    signal,
    validation: test,
    ...(options.steps !== undefined && { steps: options.steps }),
    onWarmUp: (done, total) => progress.status(`compiling kernels, ${done} of ${total}`),
    onStep({ cost, ...at }) {
      if (!Number.isFinite(cost))
        throw new NablaError(`the cost is ${cost} at step ${at.step}; try a --learning-rate below ${learningRate}`);
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
      progress.line(`epoch ${epoch}/${epochs}  cost ${costText(report.cost)}  ${shares}  ${seconds.toFixed(1)} s`);
      note(step, { 'accuracy/train': train, 'accuracy/test': test, 'cost/test': cost });
    }
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const updates = (cost: Tensor) => optimizer.updates(cost, model.parameters);
  const pass = makePass(engine, { ...task, updates });
  const plan = shrinkPlan(pass.full.plan);
  pass.release();
  return { code: Number(signal.reason ?? 0), costs, scalars, epochs: reports, steps: run.progress.step, seconds, plan };
}

function describeTraining({ optimizer, learningRate, momentum, batch, epochs, seed }: TrainOptions): string {
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
