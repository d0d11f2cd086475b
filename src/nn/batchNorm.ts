// Batch normalisation (Ioffe & Szegedy 2015), composed of public ops: PyTorch's formulas, defaults and names.
import { NablaError } from '../core/errors.js';
import { checkNumbers } from '../core/options.js';
import { checkWhole, type Shape, sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { relu } from '../ops/activation.js';
import { add, div, mul, sqrt, square, sub } from '../ops/arithmetic.js';
import { cast, stopGradient } from '../ops/cast.js';
import { ones, zeros } from '../ops/leaf.js';
import { mean } from '../ops/reduce.js';
import { misfit, reshape } from '../ops/view.js';
import {
  type LayerOptions,
  layerOptions,
  type Mode,
  type Module,
  makeLayer,
  type Scope,
} from './layer.js';

/** What `batchNorm1d` and `batchNorm2d` take beside the number of features or channels. */
export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance, PyTorch's `eps`: 1e-5. */
  epsilon?: number;
  /**
   * How much of a batch's statistics goes into the running ones: 0.1. With null the running statistics are the mean over all
   * batches so far.
   */
  momentum?: number | null;
  /** true unless given: weight and bias, one number of each for a channel. */
  affine?: boolean;
  /** true unless given. false keeps no running statistics: those of the batch are used without training too. */
  trackRunningStats?: boolean;
}

/** What a layer of either kind is, with all defaults filled in. */
interface Definition {
  readonly op: string;
  readonly channels: number;
  readonly epsilon: number;
  readonly momentum: number | null;
}

/** The shapes that a layer takes, as people write them, by rank. */
type Shapes = Readonly<Record<number, string>>;

/** Statistics of each channel, [channels], or of a shape that broadcasts against the input. */
interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}
/** Those of a batch, and its input less the mean. */
interface BatchStatistics extends Statistics {
  readonly centred: Tensor;
}

/** The buffers: statistics over the batches of training so far, and how many those were. */
interface Running extends Statistics {
  /** i32, a scalar. */
  readonly count: Tensor;
}

/** Statistics are taken over all axes but that of the channels. */
const isNotChannels = (axis: number): boolean => axis !== 1;

/** [channels] as [channels, 1, …], which broadcasts against [batch, channels, …]. */
function perChannel(values: Tensor, { rank }: Tensor): Tensor {
  const after = new Array<number>(rank - 2).fill(1);
  return reshape(values, [-1, ...after]);
}

/**
 * Mean and biased variance of each channel over batch and positions, [1, channels, 1, …], in two passes: the second finds how
 * far the mean of the first is off, and Σ(x − near)² = Σ(x − μ)² + n (μ − near)² (Chan, Golub and LeVeque 1983). `otherwise` is a second way out, for the message of an input that has too few values.
 */
function batchStatistics(op: string, x: Tensor, otherwise: string): BatchStatistics {
  const axis = [...x.shape.keys()].filter(isNotChannels);
  const count = sizeOf(x.shape.filter((_, axis) => isNotChannels(axis)));
  const values = count === 1 ? 'value' : 'values';
  const fact = `has ${count} ${values} per channel, and statistics of a batch need 2`;
  const fix = 'choose a batch size that leaves no single example over';
  if (count < 2) misfit(`${op}: input`, x, `${fact}; ${fix}${otherwise}`);
  const average = (of: Tensor): Tensor => mean(of, { axis, keepDims: true });
  const near = stopGradient(average(x));
  const shifted = sub(x, near);
  const away = average(shifted);
  // where all values are equal, rounding may leave it below 0
  const variance = relu(sub(average(square(shifted)), square(away)));
  return { mean: add(near, away), variance, centred: sub(shifted, away) };
}

/**
 * running ← (1 − momentum) · running + momentum · batch, with the unbiased variance: n / (n − 1) of the biased one, over n
 * values a channel.
 */
function track(
  { channels, momentum }: Definition,
  running: Running,
  batch: Statistics,
  x: Tensor,
  mode: Mode,
): void {
  const values = sizeOf(x.shape) / channels;
  const count = add(mode.valueOf(running.count), 1);
  const share = momentum ?? div(1, cast(count, 'f32'));
  const rest = typeof share === 'number' ? 1 - share : sub(1, share);
  const blend = (buffer: Tensor, now: Tensor): void => {
    const next = add(mul(rest, mode.valueOf(buffer)), mul(share, reshape(now, [channels])));
    mode.update(buffer, next);
  };
  blend(running.mean, batch.mean);
  blend(running.variance, mul(values / (values - 1), batch.variance));
  mode.update(running.count, count);
}

function checkDefinition({ op, channels, epsilon, momentum }: Definition): void {
  checkWhole(op, { [op === 'batchNorm1d' ? 'features' : 'channels']: channels });
  checkNumbers(op, { epsilon });
  const isShare = typeof momentum === 'number' && momentum >= 0 && momentum <= 1;
  const fix = 'give a number in [0, 1], or null for the mean over all batches';
  if (momentum !== null && !isShare)
    throw new NablaError(`${op}: momentum is ${String(momentum)}; ${fix}`);
}

/** Makes the buffers; they begin as the statistics of N(0, 1). */
function makeRunning({ channels }: Definition, { buffer }: Scope): Running {
  const mean = buffer('running_mean', zeros([channels]));
  const variance = buffer('running_var', ones([channels]));
  const count = buffer('num_batches_tracked', zeros([], { dtype: 'i32' }));
  return { mean, variance, count };
}

/** The variance to normalise by, and x less the mean; while training the running ones, where there are some, move towards them. */
function statisticsOf(
  definition: Definition,
  running: Running | undefined,
  x: Tensor,
  mode: Mode,
): Pick<BatchStatistics, 'variance' | 'centred'> {
  if (!running) return batchStatistics(definition.op, x, '');
  if (!mode.training) {
    const variance = perChannel(running.variance, x);
    return { variance, centred: sub(x, perChannel(running.mean, x)) };
  }
  const otherwise = ', or apply without training, which takes running statistics';
  const batch = batchStatistics(definition.op, x, otherwise);
  track(definition, running, batch, x, mode);
  return batch;
}

/** The layer for inputs of the ranks that `shapes` has, which says how people write their shapes. */
function batchNorm(op: string, channels: number, shapes: Shapes, given: BatchNormOptions): Module {
  const options = layerOptions(op, given, 'epsilon momentum affine trackRunningStats');
  const { affine = true, trackRunningStats = true, momentum = 0.1, epsilon = 1e-5 } = options;
  const definition: Definition = { op, channels, epsilon, momentum };
  checkDefinition(definition);
  const shape: Shape = [channels];
  return makeLayer(`${op}(${channels})`, options, (scope) => {
    const weight = affine ? scope.parameter('weight', shape, (of) => ones(of)) : undefined;
    const bias = affine ? scope.parameter('bias', shape, 'zeros') : undefined;
    const running = trackRunningStats ? makeRunning(definition, scope) : undefined;
    return (x, mode) => {
      checkInput(definition, shapes, x);
      const { variance, centred } = statisticsOf(definition, running, x, mode);
      const deviation = sqrt(add(variance, epsilon));
      const scale = weight ? div(perChannel(weight, x), deviation) : div(1, deviation);
      const normal = mul(centred, scale);
      return bias ? add(normal, perChannel(bias, x)) : normal;
    };
  });
}

function checkInput({ op, channels }: Definition, shapes: Shapes, x: Tensor): void {
  const expected = Object.values(shapes).join(' or ');
  if (!Object.hasOwn(shapes, x.rank))
    misfit(`${op}: input`, x, `where ${expected} is expected; reshape it`);
  const given = x.shape[1];
  const fact = `has ${given} channels at axis 1, not ${channels}`;
  if (given !== channels) misfit(`${op}: input`, x, `${fact}; build ${op}(${given})`);
}

/**
 * Batch normalisation of [batch, features] or [batch, features, length], PyTorch's `BatchNorm1d`:
 * y = (x − mean) / √(variance + ε) · weight + bias for each feature; ε 1e-5. While training, mean and (biased) variance are
 * those of the batch, through which gradients flow, and the running statistics move towards the batch's mean and unbiased
 * variance by `momentum`, 0.1: pass `updates` to `apply` and add them to the step's, as `fit` does. Otherwise the running
 * ones are used. Parameters: weight (ones) and bias (zeros), [features]; buffers: running_mean (zeros) and running_var
 * (ones), [features], and num_batches_tracked (i32). Throws ShapeError for another shape, and in training where a feature has
 * a single value.
 */
export function batchNorm1d(features: number, options: BatchNormOptions = {}): Module {
  const shapes = { 2: `[batch, ${features}]`, 3: `[batch, ${features}, length]` };
  return batchNorm('batchNorm1d', features, shapes, options);
}

/**
 * Batch normalisation of images [batch, channels, H, W], PyTorch's `BatchNorm2d`: as `batchNorm1d`, with statistics of each
 * channel over batch, height and width.
 */
export function batchNorm2d(channels: number, options: BatchNormOptions = {}): Module {
  return batchNorm('batchNorm2d', channels, { 4: `[batch, ${channels}, height, width]` }, options);
}
