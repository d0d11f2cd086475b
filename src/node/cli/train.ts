// `nabla train`: from options to a model in a file.
import { NablaError } from '../../errors.js';
import { save } from '../../io/checkpoint.js';
import { type Evaluation, evaluate } from '../../train/evaluate.js';
import { type EpochReport, fit } from '../../train/fit.js';
import { saveFile } from '../files.js';
import { openText } from './chars.js';
import { type Architecture, buildModel, checkWritable, describeModel, losses, perLabel } from './model.js';
import { openDigits, openEngine } from './open.js';
import { optimizers, presets, type TrainOptions } from './options.js';
import { openProgress } from './progress.js';
import { costText, count, percent, resultLine } from './text.js';

/**
 * Trains, reports and writes the model. The first Ctrl-C stops after the step in progress and writes what was learned,
 * the second quits. Resolves to the exit code.
 */
export async function train(options: TrainOptions): Promise<number> {
  await checkWritable(options.output);
  const isText = options.preset === 'chars';
  const { labels, source: read, ...data } = await (isText ? openText(options.text) : openDigits(options.data));
  const architecture = architectureOf(options, data);
  const { engine, source } = await openEngine(options.backend, options.crossCheck);
  await using _ = engine;
  const progress = openProgress();
  const model = buildModel(architecture, options.seed);
  progress.line(`${source}\n${read}\nmodel   ${describeModel(architecture)}; ${describeTraining(options)}`);

  const loss = perLabel(losses[options.loss], labels);
  const signal = onSignals(() => progress.line('stopping; once more quits without writing the model'));
  const { learningRate, momentum, clipNorm, epochs } = options;
  const rates = { learningRate, ...(momentum && { momentum }), ...(clipNorm && { clipNorm }) };
  const run = fit(engine, {
    ...{ model, loss, epochs, seed: options.seed, batchSize: options.batch, signal },
    ...{ data: data.train, validation: data.test },
    ...(options.steps !== undefined && { steps: options.steps }),
    optimizer: optimizers[options.optimizer](rates),
    onWarmUp: (done, total) => progress.status(`compiling kernels, ${done} of ${total}`),
    onStep({ cost, ...at }) {
      if (!Number.isFinite(cost))
        throw new NablaError(`the cost is ${cost} at step ${at.step}; try a --learning-rate below ${learningRate}`);
      progress.at({ ...at, epochs, cost });
    },
  });
  let tested: Omit<Evaluation, 'examples'> | undefined;
  try {
    for await (const report of run) {
      progress.line(epochLine(report, epochs));
      tested = report.validation;
    }
  } finally {
    progress.stop();
  }
  const { step } = run.progress;
  const code: number = signal.reason ?? 0;
  if (code) progress.line(`stopped after ${count(step)} steps`);
  const { checked } = engine.stats();
  if (checked > 0)
    progress.line(`cross-check  ${count(checked)} values compared with float64, all within their bounds`);
  if (step === 0) return code;
  const about = { architecture: JSON.stringify(architecture), training: JSON.stringify({ ...options, step }) };
  const bytes = await save(engine, { model, metadata: about });
  await saveFile(options.output, bytes);
  // An interrupted epoch has no report.
  if (code || !tested) tested = await evaluate(engine, { model, loss, data: data.test });
  progress.line(resultLine({ ...tested, examples: data.test.length }));
  const [name, place] = isText ? ['text', options.text] : ['data', options.data];
  progress.line(`wrote ${options.output} (${count(Math.ceil(bytes.length / 1024))} KiB); read it with`);
  progress.line(`  npx nabla eval ${options.output}${place ? ` --${name} ${place}` : ''}`);
  return code;
}

type Task = Readonly<{ inputs: number; classes: number; alphabet: string | undefined }>;

function architectureOf({ preset, layers, activation, loss }: TrainOptions, data: Task): Architecture {
  const { inputs, classes, alphabet } = data;
  if (alphabet && !layers.length) throw new NablaError('--layers none: a network of characters has at least one layer');
  const sizes = [inputs, ...layers, classes];
  return { kind: 'dense', sizes, activation, loss, alphabet, ...presets[preset].architecture };
}

function describeTraining({ optimizer, learningRate, momentum, batch, epochs, seed }: TrainOptions): string {
  const rate = `${optimizer} ${learningRate}${momentum ? `, momentum ${momentum}` : ''}`;
  return `${rate}, batch ${batch}, ${epochs} epoch${epochs === 1 ? '' : 's'}, seed ${seed}`;
}

function epochLine({ epoch, cost, accuracy, seconds, validation }: EpochReport, epochs: number): string {
  const shares = `train ${percent(accuracy)}  test ${percent(validation?.accuracy)}`;
  return `epoch ${epoch}/${epochs}  cost ${costText(cost)}  ${shares}  ${seconds.toFixed(1)} s`;
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
