// Exports of all platforms.
export { jvp } from './autodiff/forward.js';
export * from './autodiff/jacobian.js';
export { type GradOptions, grad } from './autodiff/reverse.js';
export type { Check, CheckReport, CrossCheck, OnCheck } from './check/compare.js';
export * from './check/explain.js';
export { type GradCheckOptions, type GradCheckReport, gradCheck } from './check/gradCheck.js';
export type { Bound, Bounds } from './core/bounds.js';
export type { Bytes } from './core/bytes.js';
export type { DType, NestedArray, TensorData, TypedArray, Value } from './core/dtype.js';
export * from './core/errors.js';
export type { Shape } from './core/shape.js';
export { type Batch, type Dataset, dataset } from './data/dataset.js';
export { Engine } from './engine/engine.js';
export type { OpenOptions } from './engine/open.js';
export type { Step, StepDefinition } from './engine/step.js';
export type {
  EngineInfo,
  EngineStats,
  GpuAccess,
  KernelProfile,
  PlanView,
  Profile,
} from './graph/backend.js';
export { chromeTrace } from './graph/backend.js';
export type { Binary, OpFunction, Unary } from './graph/define.js';
export { defineOp } from './graph/define.js';
export type {
  AdapterClass,
  Form,
  IndexContext,
  JvpContext,
  OpRecord,
  PointwiseRecord,
  SeveralRecord,
  SeveralVjpContext,
  TensorRecord,
  VjpContext,
  WrittenKernel,
} from './graph/op.js';
export type { NodeFeeds, Updates } from './graph/program.js';
export { pointwiseOf as pointwise } from './graph/record.js';
export type { TensorLike, Tree } from './graph/tensor.js';
export { Tensor } from './graph/tensor.js';
export type { Evaluated } from './graph/walk.js';
export * as checkpoint from './io/checkpoint.js';
export * as onnx from './io/onnx.js';
export * as safetensors from './io/safetensors.js';
export * as tensorboard from './io/tensorboard.js';
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
export * from './ops/arithmetic.js';
export { cast, stopGradient } from './ops/cast.js';
export { equal, greater, greaterEqual, less, lessEqual, notEqual, where } from './ops/compare.js';
export { conv2d } from './ops/convolution.js';
export { type CumSumOptions, cumSum } from './ops/cumSum.js';
export { gather, oneHot } from './ops/indexing.js';
export { arange, eye, full, input, ones, parameter, tensor, zeros } from './ops/leaf.js';
export { dot, matmul, outer } from './ops/matmul.js';
export { maxPool2d } from './ops/pooling.js';
export { random } from './ops/random.js';
export { argMax, max, mean, min, type ReduceOptions, sum } from './ops/reduce.js';
export { concat, pad, slice } from './ops/slice.js';
export { logSoftmax, logSumExp, softmax } from './ops/softmax.js';
export { broadcastTo, reshape, transpose } from './ops/view.js';
export * as optim from './optim/index.js';
export { type EvaluateOptions, type Evaluation, evaluate } from './train/evaluate.js';
export {
  type EpochReport,
  type Fit,
  type FitOptions,
  fit,
  type Progress,
} from './train/fit.js';
export type { StepReport } from './train/stepReports.js';
