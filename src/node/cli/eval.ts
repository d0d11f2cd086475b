// `nabla eval`: what a trained network does with the test set.
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine.js';
import type { Layer } from '../../nn/index.js';
import { tensor } from '../../ops/leaf.js';
import { argMax } from '../../ops/reduce.js';
import { evaluate } from '../../train/evaluate.js';
import { openText, write } from './chars.js';
import { describeModel, losses, openModel, perLabel } from './model.js';
import { openDigits, openEngine } from './open.js';
import type { EvalOptions } from './options.js';
import { type Print, percent, resultLine, style } from './text.js';
import { UsageError } from './usage.js';

/** Prints test accuracy, cost and the confusion matrix of a model file. */
export async function evaluateFile(file: string, options: EvalOptions, print: Print): Promise<void> {
  const saved = await openModel(file);
  const { architecture } = saved;
  const { alphabet } = architecture;
  const task = alphabet ? openText(options.text, alphabet) : openDigits(options.data);
  const { test, labels, source: read, ...has } = await task;
  const [inputs, classes] = [architecture.sizes[0], architecture.sizes.at(-1)];
  if (inputs !== has.inputs || classes !== has.classes)
    throw new UsageError(
      `${file}: it turns ${inputs} numbers into ${classes} classes and the digits have ${has.inputs} pixels and 10 classes; name the folder that it was trained on with --data`,
    );
  const { engine, source } = await openEngine(options.backend);
  await using _ = engine;
  const model = await saved.load(engine);
  for (const line of [source, read, `model   ${file}: ${describeModel(architecture)}`]) print(line);
  const loss = perLabel(losses[architecture.loss], labels);
  print(`${resultLine(await evaluate(engine, { model, loss, data: test }))}\n`);
  if (alphabet) print(`it writes:\n${await write(engine, model, alphabet)}`);
  else for (const line of matrixLines(await confusion(engine, model, test))) print(line);
}

/** How often a digit `row` was taken for a digit `column`. */
async function confusion(engine: Engine, model: Layer, data: Dataset): Promise<number[][]> {
  const matrix = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  for (const { inputs, labels } of data.batches(250)) {
    const guesses = await engine.run(argMax(model.apply(tensor(inputs)), { axis: 1 }));
    for (const [i, label] of labels.data.entries()) matrix[label]![guesses.data[i]!]!++;
  }
  return matrix;
}

function matrixLines(matrix: readonly (readonly number[])[]): string[] {
  const cell = (text: string | number, width = 6): string => String(text).padStart(width);
  const head = cell('is', 4) + matrix.map((_, i) => cell(i)).join('') + cell('recall', 9);
  const rows = matrix.map((row, label) => {
    const total = row.reduce((a, b) => a + b, 0);
    const cells = row.map((value, guess) => {
      if (guess === label) return style('bold', cell(value));
      return value ? cell(value) : style('dim', cell('·'));
    });
    return cell(label, 4) + cells.join('') + cell(total ? percent(row[label]! / total) : '–', 9);
  });
  return ['    taken for', head, ...rows];
}
