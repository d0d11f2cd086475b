// The benchmark's single ops in jax-js.
import { grad, type Array as JaxArray, nn, numpy as np } from '@jax-js/jax';
import { EPSILON } from '../networks.js';
import type { Operation } from '../operations.js';
import { convolve } from './jax.models.js';

/** The gradients of a function of arrays for a cotangent. */
const pulled = (
  compute: (values: JaxArray[]) => JaxArray,
  sources: JaxArray[],
  cotangent: JaxArray,
): JaxArray[] =>
  grad((values: JaxArray[]) => np.sum(compute(values).mul(cotangent)))(sources) as JaxArray[];

const layerNorm = ([x, gain, bias]: JaxArray[]): JaxArray =>
  nn.standardize(x!, -1, { epsilon: EPSILON }).mul(gain!).add(bias!);

export const operations: Readonly<Record<Operation, (inputs: JaxArray[]) => JaxArray[]>> = {
  softmax: ([x]) => [nn.softmax(x!, -1)],
  layerNorm: ([x]) => [layerNorm([x!, np.ones([x!.shape[1]!]), np.zeros([x!.shape[1]!])])],
  layerNormBackward([x, cotangent]) {
    const width = x!.shape[1]!;
    return pulled(layerNorm, [x!, np.ones([width]), np.zeros([width])], cotangent!);
  },
  maxRows: ([x]) => [np.max(x!, 1)],
  max: ([x]) => [np.max(x!)],
  sum: ([x]) => [np.sum(x!)],
  expSum: ([x]) => [np.sum(np.exp(x!))],
  sumColumns: ([x]) => [np.sum(x!, 0)],
  matrixVector: ([a, x]) => [np.matmul(a!, x!)],
  convolution: ([x, w]) => [convolve(x!, w!, 1, 1)],
  convolutionBackward: ([x, w, cotangent]) =>
    pulled(([a, b]) => convolve(a!, b!, 1, 1), [x!, w!], cotangent!),
  embeddingGradient: ([indices, cotangent, table]) =>
    pulled(([rows]) => np.take(rows!, indices!, 0), [table!], cotangent!),
};
