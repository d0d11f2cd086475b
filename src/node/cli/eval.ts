// `nabla eval`: what a trained network does with the test set.
import type { Dataset } from '../../data/dataset.js';
import type { Engine, Step } from '../../engine.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Layer } from '../../nn/index.js';
import { input } from '../../ops/leaf.js';
import { argMax } from '../../ops/reduce.js';
import { evaluate } from '../../train/evaluate.js';
import { describeModel, losses, openModel } from './model.js';
import { openDigits, openEngine } from './open.js';
import type { evalOptions, Values } from './options.js';
import { percent, resultLine, style } from './progress.js';
import { UsageError } from './usage.js';

/** Prints test accuracy, cost and the confusion matrix of a model file. */
export async function evaluateFile(
  file: string,
  { data, backend }: Partial<Values<typeof evalOptions>>,
  print: (line: string) => void,
): Promise<void> {
  const saved = await openModel(file);
  const { architecture } = saved;
  const digits = await openDigits(data);
  const [inputs, classes] = [architecture.sizes[0]!, architecture.sizes.at(-1)!];
  if (inputs !== digits.inputs || classes !== 10)
    throw new UsageError(
      `${file}: it turns ${inputs} numbers into ${classes} classes and the digits have ${digits.inputs} pixels and 10 classes; name the folder that it was trained on with --data`,
    );
  const { engine, source } = await openEngine(backend);
  await using _ = engine;
  const model = await saved.load(engine);
  for (const line of [source, digits.source, `model   ${file}: ${describeModel(architecture)}`]) print(line);
  print(resultLine(await evaluate(engine, { model, loss: losses[architecture.loss], data: digits.test })));
  print('');
  for (const line of matrixLines(await confusion(engine, model, digits.test, inputs, classes))) print(line);
}

/** How often an example of class `row` was taken for class `column`. */
async function confusion(
  engine: Engine,
  model: Layer,
  data: Dataset,
  inputs: number,
  classes: number,
): Promise<number[][]> {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const steps = new Map<number, Step<{ classes: Tensor }>>();
  const stepFor = (size: number): Step<{ classes: Tensor }> => {
    const images = input([size, inputs]);
    const made = engine.compile({ inputs: { images }, outputs: { classes: argMax(model.apply(images), { axis: 1 }) } });
    steps.set(size, made);
    return made;
  };
  for (const { inputs: images, labels } of data.batches(250)) {
    const size = labels.data.length;
    const guesses = await (steps.get(size) ?? stepFor(size))({ images });
    labels.data.forEach((label: number, i: number) => {
      matrix[label]![guesses.classes.data[i]!]!++;
    });
  }
  return matrix;
}

function matrixLines(matrix: readonly (readonly number[])[]): string[] {
  const cell = (text: string | number, width = 6): string => String(text).padStart(width);
  const width = Math.max(6, ...matrix.flat().map((value) => String(value).length + 1));
  const head = cell('is', 4) + matrix.map((_, i) => cell(i, width)).join('') + cell('recall', 9);
  const rows = matrix.map((row, label) => {
    const total = row.reduce((a, b) => a + b, 0);
    const cells = row.map((value, guess) => {
      const text = cell(value || '·', width);
      return guess === label ? style('bold', text) : value ? text : style('dim', text);
    });
    return cell(label, 4) + cells.join('') + cell(total ? percent(row[label]! / total) : '–', 9);
  });
  return [`    taken for`, head, ...rows];
}
