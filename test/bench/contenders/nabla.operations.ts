// The benchmark's single ops in Nabla.
import {
  conv2d,
  exp,
  gather,
  grad,
  matmul,
  max,
  mul,
  nn,
  parameter,
  softmax,
  sum,
  type Tensor,
} from '../../../src/index.common.js';
import { EPSILON } from '../networks.js';
import type { Operation } from '../operations.js';
import type { OperationProblem } from '../problems.js';

/** The gradients of `output` by `sources` for a cotangent. */
const pulled = (output: Tensor, cotangent: Tensor, sources: readonly Tensor[]): Tensor[] =>
  grad(sum(mul(output, cotangent)), sources);

type Compute = (...inputs: readonly [Tensor, Tensor, Tensor]) => Tensor[];

const operations: Readonly<Record<Operation, Compute>> = {
  softmax: (x) => [softmax(x, { axis: -1 })],
  layerNorm: (x) => [nn.layerNorm(x.shape[1]!, { epsilon: EPSILON }).apply(x)],
  layerNormBackward(x, cotangent) {
    const layer = nn.layerNorm(x.shape[1]!, { epsilon: EPSILON });
    return pulled(layer.apply(x), cotangent, [x, ...layer.parameters]);
  },
  maxRows: (x) => [max(x, { axis: 1 })],
  max: (x) => [max(x)],
  sum: (x) => [sum(x)],
  expSum: (x) => [sum(exp(x))],
  sumColumns: (x) => [sum(x, { axis: 0 })],
  matrixVector: (a, x) => [matmul(a, x)],
  convolution: (x, w) => [conv2d(x, w, { padding: 1 })],
  convolutionBackward: (x, w, cotangent) => pulled(conv2d(x, w, { padding: 1 }), cotangent, [x, w]),
  embeddingGradient: (indices, cotangent, table) =>
    pulled(gather(table, indices), cotangent, [table]),
};

/** An operation as a graph; its inputs lie on the device. */
export function operationOf({ operation, inputs }: OperationProblem) {
  const given = inputs.map(({ shape, data }) =>
    parameter({ shape, dtype: data instanceof Int32Array ? 'i32' : 'f32', data }),
  );
  const [first, second = first, third = second] = given;
  const results = operations[operation](first!, second!, third!);
  return { inputs: given, outputs: Object.fromEntries(results.map((each, i) => [`y${i}`, each])) };
}
