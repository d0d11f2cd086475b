// `nabla train`: trains a model as the options say, evaluates it and saves it to a file.
import { join } from 'node:path';
import { sizeOf } from '../../core/shape.js';
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine/engine.js';
import { save } from '../../io/checkpoint.js';
import { encode } from '../../io/tensorboard.js';
import type { Layer } from '../../nn/index.js';
import { evaluate } from '../../train/evaluate.js';
import { saveFile } from '../files.js';
import { mnistFiles } from '../mnist.js';
import { predict } from '../report/predictions.js';
import { openText, write } from './chars.js';
import { learn } from './learn.js';
import { type Architecture, buildModel, describeModel, lossOf } from './model.js';
import { openDigits, openEngine } from './open.js';
import { presets, type TrainOptions } from './options.js';
import { checkOutputs, makeFolder, type Output } from './outputs.js';
import { reportRun } from './report.js';
import { count, print, resultLine } from './text.js';

/**
 * Trains, reports and writes the model. The first Ctrl-C stops after the step in progress and writes what was learned,
 * the second quits. Resolves to the exit code.
 */
export async function train(options: TrainOptions): Promise<number> {
  const { preset, layers, activation, output, report, trace, tensorboard } = options;
  const began = Math.floor(Date.now() / 1000); // seconds since 1970
  const events = tensorboard && join(tensorboard, `events.out.tfevents.${began}.nabla`);
  await checkFiles(options, events);
  const data = await (preset === 'chars' ? openText(options.text) : openDigits(options.data));
  const { alphabet } = data;
  const sizes: Architecture['sizes'] = [data.inputs, ...layers, data.classes];
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
  const known = code ? undefined : epochs.at(-1)?.validation;
  const test = known ?? (await evaluate(engine, { model, loss, data: data.test }));
  print(resultLine(test));
  print(`wrote ${output} (${count(Math.ceil(bytes / 1024))} KiB); read it with`);
  print(`  npx nabla eval ${output}${data.option}`);

  if (report || trace) {
    // of training, not of what follows; where the CPU stands in for a GPU, that was said
    const profile = engine.info.features.includes('timestamp-query')
      ? await engine.profile()
      : undefined;
    const outcome = await outcomeOf(engine, model, { ...data, loss: options.loss });
    const parameters = model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const facts = { ...learned, ...outcome, test, model: described, parameters, profile, source };
    await reportRun(options, engine.info, facts);
  }
  return code;
}

/** What a report shows of a trained network: text that it generates, or how it reads the test digits. */
async function outcomeOf(
  engine: Engine,
  model: Layer,
  { alphabet, test, loss }: { alphabet?: string | undefined; test: Dataset; loss: LossName },
) {
  if (alphabet) return { text: await write(engine, model, alphabet) };
  return { predictions: await predict(engine, model, test, loss) };
}
type LossName = TrainOptions['loss'];

/** Checks, before anything is computed, that all output files can be written and replace nothing that is needed. */
async function checkFiles(options: TrainOptions, events: string | undefined): Promise<void> {
  const { preset, text, data, output, report, trace, tensorboard } = options;
  const model = { option: '--output', what: 'the model', file: output };
  const page = { option: '--report', what: 'the page', file: report };
  const profile = { option: '--profile', what: 'the trace', file: trace };
  const scalars = { option: '--tensorboard', what: 'the event file', file: events };
  const given = [model, page, profile, scalars];
  const outputs = given.filter((each): each is Output => each.file !== undefined);
  const files = preset === 'chars' ? [text ?? ''] : mnistFiles(data);
  const check = (): Promise<void> => checkOutputs(outputs, [{ what: 'the training data', files }]);
  const others = outputs.filter(({ file }) => file && file !== events);
  await (tensorboard ? makeFolder(tensorboard, others, check) : check());
}

/** Writes the model, before any other file; returns its size in bytes. */
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

/** "adam 0.001, batch 64, 3 epochs, seed 1" */
function describeTraining(options: TrainOptions): string {
  const { optimizer, learningRate, momentum, batch, epochs, seed } = options;
  const rate = `${optimizer} ${learningRate}`;
  const rates = momentum ? `${rate}, momentum ${momentum}` : rate;
  const passes = epochs === 1 ? '1 epoch' : `${epochs} epochs`;
  return `${rates}, batch ${batch}, ${passes}, seed ${seed}`;
}
