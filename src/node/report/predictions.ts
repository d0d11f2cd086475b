// Runs a trained network on a test set for the report: confusion matrix, and pictures of digits read right and wrong.
import type { TypedArray } from '../../core/dtype.js';
import { sizeOf } from '../../core/shape.js';
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine/engine.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Layer } from '../../nn/index.js';
import { sigmoid } from '../../ops/activation.js';
import { tensor } from '../../ops/leaf.js';
import { argMax } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import type { Architecture } from '../cli/model.js';
import type { Predictions, Sample } from './data.js';

const CLASSES = 10;
const WORST = 20;
const BATCH = 250;

/** Computes the network's answers to all of a test set. */
export async function predict(
  engine: Engine,
  model: Layer,
  test: Dataset,
  loss: Architecture['loss'],
): Promise<Predictions> {
  const pixels = sizeOf(test.values.inputs.shape.slice(1));
  const samples: Sample[] = [];
  for (const { inputs, labels } of test.batches(BATCH)) {
    const output = model.apply(tensor(inputs));
    const best = argMax(output, { axis: 1 });
    const read = await engine.run({ best, shares: sharesOf(output, loss) });
    for (const [i, label] of labels.data.entries()) {
      const predicted = read.best.data[i]!;
      const shares = read.shares.data.subarray(i * CLASSES, (i + 1) * CLASSES);
      const confidence = shares[predicted]!;
      const ofLabel = shares[label]!;
      const image = inputs.data.subarray(i * pixels, (i + 1) * pixels);
      const example = samples.length;
      samples.push({ example, label, predicted, confidence, ofLabel, pixels: inBase64(image) });
    }
  }
  const classes = [...new Array(CLASSES).keys()];
  const taken = (digit: number, read: number) =>
    samples.filter((s) => s.label === digit && s.predicted === read);
  const confusion = classes.map((digit) => classes.map((read) => taken(digit, read).length));
  const right = classes.flatMap((digit) => taken(digit, digit).slice(0, 1));
  const wrong = samples.filter(({ label, predicted }) => label !== predicted);
  wrong.sort((a, b) => (a.ofLabel ?? 0) - (b.ofLabel ?? 0));
  return { confusion, right, worst: wrong.slice(0, WORST) };
}

/** A model's outputs as probabilities, where its loss makes them so. */
function sharesOf(output: Tensor, loss: Architecture['loss']): Tensor {
  if (loss === 'crossEntropy') return softmax(output);
  return loss === 'binaryCrossEntropy' ? sigmoid(output) : output;
}

/** Pixels in [0, 1] as one byte each, in base64. */
function inBase64(image: TypedArray): string {
  const bytes = image.map((each) => Math.round(255 * each));
  return Buffer.from(bytes).toString('base64');
}
