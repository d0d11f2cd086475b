// The benchmark's single ops in TensorFlow.js, whose images are [batch, height, width, channels].
import * as tf from '@tensorflow/tfjs-core';
import type { Operation } from '../operations.js';
import { layerNorm } from './tfjs.models.js';

interface Native {
  readonly compute: (inputs: tf.Tensor[]) => tf.Tensor[];
  /** The order of axes in which an input lies, and in which a result comes back. */
  readonly toNative?: readonly number[][];
  readonly back?: readonly number[][];
}

const images = [0, 2, 3, 1];
const imagesBack = [0, 3, 1, 2];
const windows = [2, 3, 1, 0];
const windowsBack = [3, 2, 0, 1];

const convolve = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
  tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 1);

/** Layer norm with gain and bias that are given. */
function norm(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const given = [gain, bias];
  return layerNorm(x, <T extends tf.Tensor>() => given.shift() as T);
}
const ones = ({ shape }: tf.Tensor): tf.Tensor => tf.ones([shape[1]!]);
const zeros = ({ shape }: tf.Tensor): tf.Tensor => tf.zeros([shape[1]!]);

const of = (compute: (x: tf.Tensor, y: tf.Tensor, z: tf.Tensor) => tf.Tensor[]): Native => ({
  compute: ([x, y, z]) => compute(x!, y!, z!),
});

export const operations: Readonly<Record<Operation, Native>> = {
  softmax: of((x) => [tf.softmax(x)]),
  layerNorm: of((x) => [norm(x, ones(x), zeros(x))]),
  layerNormBackward: of((x, cotangent) => tf.grads(norm)([x, ones(x), zeros(x)], cotangent)),
  maxRows: of((x) => [tf.max(x, 1)]),
  max: of((x) => [tf.max(x)]),
  sum: of((x) => [tf.sum(x)]),
  expSum: of((x) => [tf.sum(tf.exp(x))]),
  sumColumns: of((x) => [tf.sum(x, 0)]),
  matrixVector: of((a, x) => [tf.matMul(a, x)]),
  convolution: {
    ...of((x, w) => [convolve(x, w)]),
    ...{ toNative: [images, windows], back: [imagesBack] },
  },
  convolutionBackward: {
    ...of((x, w, cotangent) => tf.grads(convolve)([x, w], cotangent)),
    ...{ toNative: [images, windows, images], back: [imagesBack, windowsBack] },
  },
  embeddingGradient: of((indices, cotangent, table) => [
    tf.grad((rows) => tf.gather(rows, indices))(table, cotangent),
  ]),
};
