// `nabla eval`: what a trained network does with the test set.
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine.js';
import { NablaError } from '../../errors.js';
import type { Layer } from '../../nn/index.js';
import { tensor } from '../../ops/leaf.js';
import { argMax } from '../../ops/reduce.js';
import { evaluate } from '../../train/evaluate.js';
import { openText, write } from './chars.js';
import { describeModel, losses, openModel, perLabel } from './model.js';
import { openDigits, openEngine } from './open.js';
import type { EvalOptions } from './options.js';
import { type Print, percent, resultLine, tableLines } from './text.js';

/** Prints test accuracy, cost and the confusion matrix of a model file. */
export async function evaluateFile(file: string, options: EvalOptions, print: Print): Promise<void> {
  const { architecture, model, load } = await openModel(file);
  const { alphabet, sizes } = architecture;
  const { test, labels, ...data } = await (alphabet ? openText(options.text, alphabet) : openDigits(options.data));
  if (sizes[0] !== data.inputs || sizes.at(-1) !== data.classes)
    throw new NablaError(
      `${file}: it turns ${sizes[0]} numbers into ${sizes.at(-1)} classes and the digits have ${data.inputs} pixels and 10 classes; name the folder that it was trained on with --data`,
    );
  const { engine, source } = await openEngine(options.backend);
  await using _ = engine;
  await load(engine);
  print([source, data.source, `model   ${file}: ${describeModel(architecture)}`].join('\n'));
  const loss = perLabel(losses[architecture.loss], labels);
  print(`${resultLine(await evaluate(engine, { model, loss, data: test }))}\n`);
  if (alphabet) print(`it writes:\n${await write(engine, model, alphabet)}`);
  else print(['taken for', ...matrixLines(await confusion(engine, model, test))].join('\n'));
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
  const rows = matrix.map((row, label) => {
    const recall = percent(row[label]! / row.reduce((a, b) => a + b));
    return [String(label), ...row.map((value) => (value ? String(value) : '·')), recall];
  });
  return tableLines([['  is', ...matrix.map((_, digit) => String(digit)), 'recall'], ...rows], 'padStart');
}
