// Batch normalisation (Ioffe & Szegedy 2015), composed of public ops: PyTorch's formulas, defaults and names.
import { NablaError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { add, div, mul, sqrt, square, sub } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { ones, zeros } from '../ops/leaf.js';
import { mean } from '../ops/reduce.js';
import { misfit, reshape } from '../ops/view.js';
import { checkWhole, type Shape, sizeOf } from '../shape.js';
import { type LayerOptions, layerOptions, type Mode, type Module, makeLayer } from './layer.js';

/** What `batchNorm1d` and `batchNorm2d` take beside the number of features or channels. */
export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance: 1e-5. */
  epsilon?: number;
  /** PyTorch's name for `epsilon`. */
  eps?: number;
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

/** Statistics of each channel, [channels], or of a shape that broadcasts against the input. */
interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** The buffers: statistics over the batches of training so far, and how many those were. */
interface Running extends Statistics {
  /** i32, a scalar. */
  readonly count: Tensor;
}

/** Axes but that of the channels. */
const axesOf = ({ rank }: Tensor): number[] =>
  Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);

/** [channels] as [channels, 1, …], which broadcasts against [batch, channels, …]. */
const perChannel = (values: Tensor, { rank }: Tensor): Tensor =>
  reshape(values, [-1, ...new Array<number>(rank - 2).fill(1)]);

/** Mean and biased variance of each channel over batch and positions, [1, channels, 1, …]: the variance in two passes. */
function statisticsOf({ op }: Definition, x: Tensor): Statistics {
  const axis = axesOf(x);
  const count = sizeOf(axis.map((each) => x.shape[each]!));
  if (count < 2)
    misfit(
      `${op}: input`,
      x,
      `has ${count} value${count === 1 ? '' : 's'} per channel, and statistics of a batch need 2; use a larger batch, none of which leaves a single example over, or running statistics: apply without training`,
    );
  const average = mean(x, { axis, keepDims: true });
  return { mean: average, variance: mean(square(sub(x, average)), { axis, keepDims: true }) };
}

/**
 * running ← (1 − momentum) · running + momentum · batch, with the unbiased variance: n / (n − 1) of the biased one, over n
 * values a channel.
 */
function track({ channels, momentum }: Definition, running: Running, batch: Statistics, x: Tensor, mode: Mode): void {
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
  if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < Infinity))
    throw new NablaError(`${op}: epsilon is ${String(epsilon)}; give a number ≥ 0`);
  if (momentum !== null && !(typeof momentum === 'number' && momentum >= 0 && momentum <= 1))
    throw new NablaError(
      `${op}: momentum is ${String(momentum)}; give a number in [0, 1], or null for the mean over all batches`,
    );
}

/** The layer for inputs of the ranks that `shapes` has; `names` are how people write those. */
function batchNorm(op: string, channels: number, shapes: Readonly<Record<number, string>>, given: BatchNormOptions) {
  const known = 'epsilon eps momentum affine trackRunningStats';
  const options = layerOptions(op, given, known);
  const { epsilon = options.eps ?? 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
  const definition: Definition = { op, channels, epsilon, momentum };
  checkDefinition(definition);
  const shape: Shape = [channels];
  return makeLayer(`${op}(${channels})`, options, ({ parameter, buffer }) => {
    const weight = affine ? parameter('weight', shape, (of) => ones(of)) : undefined;
    const bias = affine ? parameter('bias', shape, 'zeros') : undefined;
    const running: Running | undefined = trackRunningStats
      ? {
          mean: buffer('running_mean', zeros(shape)),
          variance: buffer('running_var', ones(shape)),
          count: buffer('num_batches_tracked', zeros([], { dtype: 'i32' })),
        }
      : undefined;
    return (x, mode) => {
      checkInput(definition, shapes, x);
      const usesRunning = running !== undefined && !mode.training;
      const { mean, variance } = usesRunning
        ? { mean: perChannel(running.mean, x), variance: perChannel(running.variance, x) }
        : statisticsOf(definition, x);
      if (running && mode.training) track(definition, running, { mean, variance }, x, mode);
      const deviation = sqrt(add(variance, epsilon));
      const scale = weight ? div(perChannel(weight, x), deviation) : div(1, deviation);
      const normal = mul(sub(x, mean), scale);
      return bias ? add(normal, perChannel(bias, x)) : normal;
    };
  });
}

function checkInput({ op, channels }: Definition, shapes: Readonly<Record<number, string>>, x: Tensor): void {
  if (!Object.hasOwn(shapes, x.rank))
    misfit(`${op}: input`, x, `where ${Object.values(shapes).join(' or ')} is expected; reshape it`);
  if (x.shape[1] !== channels)
    misfit(`${op}: input`, x, `has ${x.shape[1]} channels at axis 1, not ${channels}; build ${op}(${x.shape[1]})`);
}

/**
 * Batch normalisation of [batch, features] or [batch, features, length], PyTorch's `BatchNorm1d`:
 * y = (x − mean) / √(variance + ε) · weight + bias for each feature; ε 1e-5. While training, mean and (biased) variance are those of
 * the batch, through which gradients flow, and the running statistics move towards the batch's mean and unbiased variance by
 * `momentum`, 0.1: pass `updates` to `apply` and add them to the step's, as `fit` does. Otherwise the running ones are used.
 * Parameters: weight (ones) and bias (zeros), [features]; buffers: running_mean (zeros), running_var (ones), num_batches_tracked
 * (i32). Throws ShapeError for another shape, and in training where a feature has a single value.
 */
export const batchNorm1d = (features: number, options: BatchNormOptions = {}): Module =>
  batchNorm('batchNorm1d', features, { 2: `[batch, ${features}]`, 3: `[batch, ${features}, length]` }, options);

/**
 * Batch normalisation of images [batch, channels, H, W], PyTorch's `BatchNorm2d`: as `batchNorm1d`, with statistics of each channel
 * over batch, height and width.
 */
export const batchNorm2d = (channels: number, options: BatchNormOptions = {}): Module =>
  batchNorm('batchNorm2d', channels, { 4: `[batch, ${channels}, height, width]` }, options);
