// What a network makes of each test digit: how often it takes one for another, and pictures of some.
import { type Dataset, stored } from '../../data/dataset.js';
import type { Engine } from '../../engine.js';
import type { Layer } from '../../nn/index.js';
import { sigmoid } from '../../ops/activation.js';
import { tensor } from '../../ops/leaf.js';
import { argMax } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import type { Architecture } from '../cli/model.js';

/**
 * A test digit by its place in the test set, what the network reads, and what it gives that (`confidence`) and the label:
 * a probability where the loss has one. Pixels are bytes in base64.
 */
type Sample = Readonly<
  Record<'example' | 'label' | 'predicted' | 'confidence' | 'ofLabel', number> & { pixels: string }
>;
export type Predictions = Awaited<ReturnType<typeof predict>>;

const CLASSES = 10;
const WORST = 20;
const BATCH = 250;

/** The network's answers to all of a test set. */
export async function predict(engine: Engine, model: Layer, test: Dataset, loss: Architecture['loss']) {
  const { data, shape } = stored(test.values.inputs);
  const confusion = Array.from({ length: CLASSES }, () => new Array<number>(CLASSES).fill(0));
  const samples: Sample[] = [];
  for (const { inputs, labels } of test.batches(BATCH)) {
    const output = model.apply(tensor(inputs));
    const sure = loss === 'crossEntropy' ? softmax(output) : loss === 'binaryCrossEntropy' ? sigmoid(output) : output;
    const read = await engine.run({ best: argMax(output, { axis: 1 }), sure });
    for (const [i, predicted] of read.best.data.entries()) {
      const label = labels.data[i]!;
      const share = read.sure.data.subarray(i * CLASSES, (i + 1) * CLASSES);
      const row = test.rows[samples.length]! * shape[1]!;
      const pixels = Buffer.from(data.subarray(row, row + shape[1]!)).toString('base64');
      confusion[label]![predicted]!++;
      const example = samples.length;
      samples.push({ example, label, predicted, confidence: share[predicted]!, ofLabel: share[label]!, pixels });
    }
  }
  const right = confusion.flatMap((_, digit) => samples.find((s) => s.label === digit && s.predicted === digit) ?? []);
  const wrong = samples.filter(({ label, predicted }) => label !== predicted);
  const worst = wrong.sort((a, b) => a.ofLabel - b.ofLabel).slice(0, WORST);
  // how many digits of each label (row) are read as each class (column); the first of each class; the surest mistakes
  return { confusion, right, worst };
}
