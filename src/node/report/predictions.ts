// Runs a trained network on a test set for the report: confusion matrix, and pictures of digits read right and wrong.
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engine/engine.js';
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
  const size = test.values.inputs.shape[1]!;
  const samples: Sample[] = [];
  for (const { inputs, labels } of test.batches(BATCH)) {
    const output = model.apply(tensor(inputs));
    const sure =
      loss === 'crossEntropy'
        ? softmax(output)
        : loss === 'binaryCrossEntropy'
          ? sigmoid(output)
          : output;
    const read = await engine.run({ best: argMax(output, { axis: 1 }), sure });
    for (const [i, predicted] of read.best.data.entries()) {
      const label = labels.data[i]!;
      const share = read.sure.data.subarray(i * CLASSES, (i + 1) * CLASSES);
      const ink = inputs.data
        .subarray(i * size, (i + 1) * size)
        .map((each) => Math.round(255 * each));
      const pixels = Buffer.from(ink).toString('base64');
      const example = samples.length;
      samples.push({
        example,
        label,
        predicted,
        confidence: share[predicted]!,
        ofLabel: share[label]!,
        pixels,
      });
    }
  }
  const classes = [...new Array(CLASSES).keys()];
  const taken = (digit: number, read: number) =>
    samples.filter((s) => s.label === digit && s.predicted === read);
  const confusion = classes.map((digit) => classes.map((read) => taken(digit, read).length));
  const right = classes.flatMap((digit) => taken(digit, digit).slice(0, 1));
  const wrong = samples.filter(({ label, predicted }) => label !== predicted);
  return {
    confusion,
    right,
    worst: wrong.sort((a, b) => (a.ofLabel ?? 0) - (b.ofLabel ?? 0)).slice(0, WORST),
  };
}
