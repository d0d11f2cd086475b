// Single ops that are timed, as plain data: what is computed, and of which values.

export type Operation =
  /** x → softmax of its rows. */
  | 'softmax'
  /** x → layer norm of its rows, with a gain of ones and a bias of zeros. */
  | 'layerNorm'
  /** x, cotangent → the gradients by x, gain and bias. */
  | 'layerNormBackward'
  /** x → the maximum of each row. */
  | 'maxRows'
  /** x → a number. */
  | 'max'
  | 'sum'
  | 'expSum'
  /** x → the sum of each column. */
  | 'sumColumns'
  /** A, x → A x. */
  | 'matrixVector'
  /** images, windows → 3 × 3 convolution with padding 1; [batch, channels, height, width]. */
  | 'convolution'
  /** images, windows, cotangent → the gradients by the first two. */
  | 'convolutionBackward'
  /** indices, cotangent, table → the gradient by the table of the rows that were looked up. */
  | 'embeddingGradient';

interface Given {
  readonly shape: readonly number[];
  /** As it is where only the results matter. */
  readonly small: readonly number[];
  /** Whole numbers from 0. */
  readonly below?: number;
}

interface OperationCase {
  readonly operation: Operation;
  readonly inputs: readonly Given[];
  readonly flops?: number;
}

const of = (shape: readonly number[], small: readonly number[]): Given => ({ shape, small });
const [batch, inputs, outputs, side] = [16, 32, 64, 28];
const images = of([batch, inputs, side, side], [2, 3, 5, 6]);
const windows = of([outputs, inputs, 3, 3], [4, 3, 3, 3]);
const responses = of([batch, outputs, side, side], [2, 4, 5, 6]);
const convolution = 2 * 9 * batch * inputs * outputs * side ** 2;
const rows = of([512, 4096], [9, 300]);
const features = of([512, 768], [9, 100]);

/** By the name of the case. */
export const operations: Readonly<Record<string, OperationCase>> = {
  softmax: { operation: 'softmax', inputs: [rows] },
  'layer norm': { operation: 'layerNorm', inputs: [features] },
  'layer norm backward': { operation: 'layerNormBackward', inputs: [features, features] },
  'max rows': { operation: 'maxRows', inputs: [rows] },
  'max all': { operation: 'max', inputs: [of([2 ** 20], [5000])] },
  'sum all': { operation: 'sum', inputs: [of([2 ** 20], [5000])] },
  'sum columns': { operation: 'sumColumns', inputs: [of([1024, 1024], [300, 33])] },
  'exp sum': { operation: 'expSum', inputs: [of([2 ** 22], [5000])] },
  'matrix vector': {
    ...{ operation: 'matrixVector', flops: 2 * 4096 ** 2 },
    inputs: [of([4096, 4096], [65, 130]), of([4096, 1], [130, 1])],
  },
  convolution: { operation: 'convolution', inputs: [images, windows], flops: convolution },
  'convolution backward': {
    ...{ operation: 'convolutionBackward', flops: 2 * convolution },
    inputs: [images, windows, responses],
  },
  'embedding gradient': {
    operation: 'embeddingGradient',
    inputs: [
      { ...of([4096], [40]), below: 8192 },
      of([4096, 64], [40, 8]),
      of([8192, 64], [8192, 8]),
    ],
  },
};
