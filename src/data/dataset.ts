// Data sets: inputs and labels in memory, shuffling, splitting and batches.
import { type DType, isFloat, type TensorData, type Value } from '../core/dtype.js';
import { FeedError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { printedAs } from '../core/print.js';
import { readValue } from '../core/readValue.js';
import { checkWhole, formatShape, sizeOf } from '../core/shape.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Tensor } from '../graph/tensor.js';
import { tensor } from '../ops/leaf.js';
import { shuffled } from './random.js';

/** A batch of values on the host, ready to feed: inputs scaled, f32; labels class numbers (i32) or f32. */
export type Batch = Readonly<Record<'inputs' | 'labels', TensorData>>;

/** Examples with their labels. Parts made by `split` share the values; an engine stores them once. */
export interface Dataset {
  /** Number of examples. */
  readonly length: number;
  /**
   * Two parts: the first has `fraction` of the examples, selected at random by `seed`; without a seed, the leading
   * ones.
   */
  split(fraction: number, options?: { seed?: number }): [Dataset, Dataset];
  /** Every example once, in batches of `size` and a smaller last one; shuffled by `seed`, without it in order. */
  batches(size: number, options?: { seed?: number }): Iterable<Batch>;
  /** All values as they are stored, [examples, …], and the rows that belong to this part. */
  readonly values: DatasetValues;
  readonly rows: Int32Array;
}

export interface DatasetValues {
  readonly inputs: Tensor;
  readonly labels: Tensor;
  /** Factor by which u8 and float inputs are multiplied when they are read. */
  readonly scale: number;
  /** Whether labels are class numbers. */
  readonly classes: boolean;
}

/**
 * A data set from inputs [examples, …] and labels [examples, …]. Inputs stay as they are stored: bytes (Uint8Array, u8)
 * take a quarter of the memory of f32 and are multiplied by `scale` (1) when a step reads them; i32 inputs (indices
 * for `embedding`) are never scaled. Labels are class numbers where they are whole numbers: an integer typed array,
 * or an array of whole numbers, or booleans; a Float32Array or nested arrays hold probabilities or real targets. A bare typed
 * array of inputs is cut into as many rows as there are labels; boolean inputs become 0 and 1. Throws FeedError when the
 * lengths differ.
 */
export function dataset(inputs: Value, labels: Value, options: { scale?: number } = {}): Dataset {
  const { scale = 1 } = checkOptions('dataset', options, '', 'scale');
  if (!Number.isFinite(scale))
    throw new FeedError(`dataset: scale is ${scale}; give a finite number`);
  const isClass = (label: unknown): boolean =>
    Number.isInteger(label) || typeof label === 'boolean';
  const whole = Array.isArray(labels) && labels.every(isClass);
  const given = readValue('dataset: labels', labels, whole ? { dtype: 'i32' } : {});
  // A byte takes a quarter of a word, but rows of them must not straddle words on the way to being indices.
  const y = given.dtype === 'f32' ? given : readValue('dataset: labels', given, { dtype: 'i32' });
  const [length] = y.shape;
  if (!length)
    throw new FeedError(
      `dataset: labels have shape ${formatShape(y.shape)}; axis 0 counts the examples, at least one`,
    );
  // a bare typed array is cut into equal rows
  const width = ArrayBuffer.isView(inputs) ? inputs.length / length : Number.NaN;
  const expected = Number.isInteger(width) ? { shape: [length, width] } : {};
  const raw = readValue('dataset: inputs', inputs, expected);
  const x = raw.dtype === 'bool' ? readValue('dataset: inputs', raw, { dtype: 'f32' }) : raw;
  const [rows = 'no'] = x.shape;
  const fix = width > 0 ? 'as many numbers for each label' : 'one label for each input';
  if (rows !== length)
    throw new FeedError(`dataset: ${rows} inputs and ${length} labels; give ${fix}`);
  const values = { inputs: tensor(x), labels: tensor(y), scale, classes: y.dtype === 'i32' };
  return part(values, Int32Array.from(new Array(length).keys()));
}

function part(values: DatasetValues, rows: Int32Array): Dataset {
  const ordered = (seed?: number): Int32Array => (seed === undefined ? rows : shuffled(rows, seed));
  const dataset: Dataset = {
    length: rows.length,
    values,
    rows,
    split(fraction, options = {}) {
      const { seed } = checkOptions('split', options, '', 'seed');
      const first = Math.round(fraction * rows.length);
      if (!(first >= 1 && first < rows.length))
        throw new FeedError(
          `split: ${fraction} of ${rows.length} examples leaves a part empty; give one in (0, 1)`,
        );
      const order = ordered(seed);
      return [part(values, order.slice(0, first)), part(values, order.slice(first))];
    },
    batches(size, options = {}) {
      const { seed } = checkOptions('batches', options, '', 'seed');
      checkWhole('batches', { 'batch size': size });
      return batchesOf(values, ordered(seed), size);
    },
  };
  return printedAs(dataset, () => describeValues(values, rows.length));
}

/** `Dataset: 200 examples; inputs [2] f32; labels [] i32, class numbers` */
function describeValues({ inputs, labels, classes }: DatasetValues, examples: number): string {
  const formOf = ({ shape, dtype }: Tensor): string => `${formatShape(shape.slice(1))} ${dtype}`;
  const kind = classes ? ', class numbers' : '';
  return `Dataset: ${examples} examples; inputs ${formOf(inputs)}; labels ${formOf(labels)}${kind}`;
}

/** Examples in an order, so many at a time. */
function* batchesOf(values: DatasetValues, order: Int32Array, size: number): Iterable<Batch> {
  for (let at = 0; at < order.length; at += size) {
    const picked = order.subarray(at, at + size);
    yield {
      inputs: pick(values.inputs, picked, values.scale),
      labels: pick(values.labels, picked, 1),
    };
  }
}

/** Whether a step reads these inputs as numbers times the scale; others are indices. */
export const isScaled = (dtype: DType): boolean => dtype === 'u8' || isFloat(dtype);

/** Rows of a stored value, as a step sees them. */
function pick(node: Tensor, rows: Int32Array, scale: number): TensorData {
  const { shape, data } = ownValue(node);
  const width = sizeOf(shape.slice(1));
  const values = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries())
    values.set(data.subarray(row * width, (row + 1) * width), i * width);
  const picked = { shape: [rows.length, ...shape.slice(1)], dtype: 'f64', data: values } as const;
  if (!isScaled(node.dtype)) return readValue('batches', picked, { dtype: node.dtype });
  const scaled = { ...picked, data: values.map((value) => value * scale) };
  return readValue('batches', scaled, { dtype: 'f32' });
}
