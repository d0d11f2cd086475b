// What a network makes of each test digit: how often it takes one for another, and pictures of some.
import { type Dataset, stored } from '../../data/dataset.js';
import type { Engine } from '../../engine.js';
import type { Layer } from '../../nn/index.js';
import { mul } from '../../ops/arithmetic.js';
import { cast } from '../../ops/cast.js';
import { gather } from '../../ops/indexing.js';
import { input } from '../../ops/leaf.js';
import type { Architecture } from '../cli/model.js';

/** A test digit and what the network reads. */
export interface Sample {
  /** Its place in the test set, from 0. */
  readonly example: number;
  readonly label: number;
  readonly predicted: number;
  /** What the network gives the prediction and the label, in [0, 1]. */
  readonly confidence: number;
  readonly ofLabel: number;
  /** Bytes in base64. */
  readonly pixels: string;
}
export interface Predictions {
  /** How many digits of each label (row) are read as each class (column). */
  readonly confusion: readonly (readonly number[])[];
  /** The first of each class that is read right. */
  readonly right: readonly Sample[];
  /** The wrong ones that hold their label least likely. */
  readonly worst: readonly Sample[];
}

const WORST = 20;
const BATCH = 250;

/** A class's share of an output: a probability where the loss has one, else the output itself. */
function confidence(outputs: ArrayLike<number>, at: number, loss: Architecture['loss']): number {
  const z = outputs[at]!;
  if (loss === 'binaryCrossEntropy') return 1 / (1 + Math.exp(-z));
  return loss === 'crossEntropy' ? 1 / Array.from(outputs, (other) => Math.exp(other - z)).reduce((a, b) => a + b) : z;
}

/** The network's answers to all of a test set. */
export async function predict(engine: Engine, model: Layer, test: Dataset, loss: Architecture['loss'], classes = 10) {
  const { inputs, labels, scale } = test.values;
  const size = Math.min(BATCH, test.length);
  const rows = input([size], { dtype: 'i32', name: 'rows' });
  const step = engine.compile({
    inputs: { rows },
    outputs: model.apply(mul(cast(gather(inputs, rows), 'f32'), scale)),
  });
  const outputs = new Float64Array(test.length * classes);
  for (let at = 0; at < test.length; at += size) {
    const from = Math.min(at, test.length - size); // the last ones overlap those before
    outputs.set((await step({ rows: test.rows.slice(from, from + size) })).data, from * classes);
  }
  step.release();

  const pixels = stored(inputs).data as Uint8Array;
  const width = inputs.shape[1]!;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const samples = Array.from(test.rows, (row, example): Sample => {
    const own = outputs.subarray(example * classes, (example + 1) * classes);
    const label = stored(labels).data[row]!;
    const predicted = Math.max(0, own.indexOf(own.reduce((a, b) => Math.max(a, b)))); // class 0 where all are NaN
    confusion[label]![predicted]!++;
    return {
      ...{ example, label, predicted },
      ...{ confidence: confidence(own, predicted, loss), ofLabel: confidence(own, label, loss) },
      get pixels() {
        return Buffer.from(pixels.subarray(row * width, (row + 1) * width)).toString('base64');
      },
    };
  });
  const right = confusion.flatMap((_, digit) => samples.find((s) => s.label === digit && s.predicted === digit) ?? []);
  const wrong = samples.filter(({ label, predicted }) => label !== predicted);
  const worst = wrong.sort((a, b) => a.ofLabel - b.ofLabel).slice(0, WORST);
  return { confusion, right, worst } satisfies Predictions;
}
