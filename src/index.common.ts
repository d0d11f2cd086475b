// What every platform exports.
export { jvp } from './autodiff/forward.js';
export { hessian, jacobian, jacobianMode } from './autodiff/jacobian.js';
export { type GradOptions, grad } from './autodiff/reverse.js';
export type { Bound } from './bounds.js';
export { type ExplainedNode, type Explanation, explain, toMermaid } from './check/explain.js';
export { type GradCheckOptions, type GradCheckReport, gradCheck } from './check/gradCheck.js';
export { type Batch, type Dataset, dataset } from './data/dataset.js';
export type { DType, NestedArray, TensorData, TypedArray, Value } from './dtype.js';
export {
  type Check,
  type CheckReport,
  type CrossCheck,
  Engine,
  type EngineInfo,
  type EngineStats,
  type Evaluated,
  type NodeFeeds,
  type PlanView,
  type Step,
  type StepDefinition,
  type Updates,
} from './engine.js';
export * from './errors.js';
export {
  type OpRecord,
  type PointwiseRecord,
  pointwise,
  type ScalarReference,
  type TensorRecord,
  type TensorReference,
} from './graph/op.js';
export { defineOp, type OpFunction, Tensor, type TensorLike, type Tree } from './graph/tensor.js';
export type { OpenOptions } from './index.open.js';
export * as checkpoint from './io/checkpoint.js';
export * as safetensors from './io/safetensors.js';
export * as loss from './loss.js';
export * as nn from './nn/index.js';
export {
  type Activation,
  elu,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './ops/activation.js';
export {
  abs,
  add,
  cos,
  div,
  exp,
  hadamard,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  sin,
  sqrt,
  square,
  sub,
} from './ops/arithmetic.js';
export { cast, stopGradient } from './ops/cast.js';
export { equal, greater, greaterEqual, less, lessEqual, notEqual, where } from './ops/compare.js';
export { conv2d, maxPool2d } from './ops/convolution.js';
export { gather, oneHot } from './ops/indexing.js';
export { arange, eye, full, input, ones, parameter, tensor, zeros } from './ops/leaf.js';
export { dot, matmul, outer } from './ops/matmul.js';
export { random } from './ops/random.js';
export { argMax, max, mean, min, type ReduceOptions, sum } from './ops/reduce.js';
export { concat, pad, slice } from './ops/slice.js';
export { logSoftmax, logSumExp, softmax } from './ops/softmax.js';
export { broadcastTo, reshape, transpose } from './ops/view.js';
export * as optim from './optim/index.js';
export type { Shape } from './shape.js';
export { type EvaluateOptions, type Evaluation, evaluate } from './train/evaluate.js';
export { type EpochReport, type Fit, type FitOptions, fit, type Progress } from './train/fit.js';
export type { StepReport } from './train/readings.js';
