// The layers of feed-forward networks: dense, convolution and pooling, norms over features, dropout, embeddings, reshapes.
import { inCode } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { checkNumbers, checkOptions } from '../core/options.js';
import { printedAs } from '../core/print.js';
import {
  checkShape,
  checkWhole,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
} from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { type Activation, activations } from '../ops/activation.js';
import { add, mul } from '../ops/arithmetic.js';
import { less, where } from '../ops/compare.js';
import {
  CONVOLUTION_SETTINGS,
  type ConvolutionSettings,
  checkGroups,
  conv2d as convolve,
} from '../ops/convolution.js';
import { gather } from '../ops/indexing.js';
import { layerNorm as normalise } from '../ops/layerNorm.js';
import { ones } from '../ops/leaf.js';
import { matmul } from '../ops/matmul.js';
import { maxPool2d as pool } from '../ops/pooling.js';
import { random } from '../ops/random.js';
import { misfit, reshape as reshapeTensor } from '../ops/view.js';
import { WINDOW_SETTINGS, type WindowSettings } from '../ops/windows.js';
import type { Initializer } from './initializers.js';
import { type LayerOptions, layerOptions, lookUp, type Module, makeLayer } from './layer.js';
import { sequential } from './sequential.js';

/** Options of `dense`. */
export interface DenseOptions extends LayerOptions {
  activation?: Activation | ((z: Tensor) => Tensor);
  /** Whether to add a bias; true by default. */
  bias?: boolean;
  /**
   * Initializer of the weight; by default `heUniform` before the ReLU family, `glorotUniform` before sigmoid and tanh,
   * else `pytorch`.
   */
  initializer?: Initializer;
  /** Initializer of the bias; by default zeros, or PyTorch's uniform ±1/√inputs if the weight has `pytorch`. */
  biasInitializer?: Initializer;
}

const DENSE = 'activation bias initializer biasInitializer';
function initializerBefore(activation: NonNullable<DenseOptions['activation']>): Initializer {
  if (activation === 'sigmoid' || activation === 'tanh') return 'glorotUniform';
  return activation === 'identity' || typeof activation === 'function' ? 'pytorch' : 'heUniform';
}

/** w ∗ x + b. */
type Affine = (x: Tensor, weight: Tensor, bias: Tensor | undefined) => Tensor;

/**
 * A layer y = g(w ∗ x + b), where `product` is w ∗ x + b. The weight has `shape` [outputs, inputs, …] and the bias
 * [outputs]. Each output sums as many numbers as one row of the weight has, each input reaches as many as a column.
 */
function affine(
  layer: string,
  text: string,
  settings: DenseOptions,
  shape: readonly [outputs: number, inputs: number, ...window: number[]],
  product: Affine,
): Module {
  const { activation = 'identity', bias: hasBias = true, ...options } = settings;
  const activate = lookUp(layer, 'activation', activation, activations);
  const [outputs, inputs, ...window] = shape;
  const fan = { inputs: inputs * sizeOf(window), outputs: outputs * sizeOf(window) };
  const initializer = options.initializer ?? initializerBefore(activation);
  const biasInitializer =
    options.biasInitializer ?? (initializer === 'pytorch' ? 'pytorch' : 'zeros');
  return makeLayer(text, options, (scope) => {
    const weight = scope.parameter('weight', shape, initializer, fan);
    const bias = hasBias ? scope.parameter('bias', [outputs], biasInitializer, fan) : undefined;
    return (x) => activate(product(x, weight, bias));
  });
}

/**
 * A fully connected layer: y = g(x Wᵀ + b) for x of shape [..., inputs]. Parameters: weight [outputs, inputs] and bias
 * [outputs], as PyTorch's `Linear`. Throws ShapeError when x has another number of features.
 */
export function dense(inputs: number, outputs: number, options: DenseOptions = {}): Module {
  checkWhole('dense', { inputs, outputs });
  const checked = layerOptions('dense', options, DENSE);
  const product: Affine = (x, weight, bias) => {
    const fix = `flatten it, or build dense(${x.shape.at(-1)}, ${outputs})`;
    if (x.shape.at(-1) !== inputs)
      misfit('dense: input', x, `where [..., ${inputs}] is expected; ${fix}`);
    const weighted = matmul(x, weight, { transposeB: true });
    return bias ? add(weighted, bias) : weighted;
  };
  return affine('dense', `dense(${inputs}, ${outputs})`, checked, [outputs, inputs], product);
}

/** Throws for options of a layer that has none. */
function checkNone(layer: string, given: readonly unknown[]): void {
  if (given.length)
    throw new NablaError(
      `nn.${layer}: it takes no options, and ${inCode(given[0])} is given; leave it out`,
    );
}

/** A layer without parameters. */
const ofFunction = (text: string, call: (x: Tensor) => Tensor): Module =>
  printedAs(sequential(call), () => text);

/** [batch, a, b, …] to [batch, a·b·…]. */
export function flatten(...none: readonly []): Module {
  checkNone('flatten', none);
  return ofFunction('flatten()', (x) => {
    const [batch = 1, ...rest] = x.shape;
    return reshapeTensor(x, [batch, sizeOf(rest)]);
  });
}

/** [batch, …] to [batch, ...shape]. */
export function reshape(shape: Shape, ...none: readonly []): Module {
  checkNone('reshape', none);
  const rest = checkShape('nn.reshape', shape);
  return ofFunction(`reshape(${formatShape(rest)})`, (x) => {
    const [batch = 1] = x.shape;
    return reshapeTensor(x, [batch, ...rest]);
  });
}

/**
 * While training, sets each element to 0 with probability `rate` (0.5) and divides the others by 1 − rate; each step and each
 * application of the layer draws anew. Otherwise does nothing. With a seed of its own, all applications in a step draw one mask
 * for equal shapes.
 */
export function dropout(rate = 0.5, options: LayerOptions = {}): Module {
  checkNumbers('dropout', { rate }, 0, 1);
  return makeLayer(
    `dropout(${rate})`,
    layerOptions('dropout', options, ''),
    ({ seed }) =>
      (x, { training }) => {
        if (!training || rate === 0) return x;
        const own = options.seed === undefined ? {} : { seed: seed('mask') };
        const drawn = random.uniform(x.shape, { ...own, fresh: true });
        return mul(x, where(less(drawn, rate), 0, 1 / (1 - rate)));
      },
  );
}

type EmbeddingOptions = LayerOptions & { initializer?: Initializer };
/**
 * Looks up rows of a table [count, size] by index: [...] to [..., size]. Parameter: weight, N(0, 1) unless given.
 * Indices are i32 or u32 in [0, count).
 */
export function embedding(count: number, size: number, options: EmbeddingOptions = {}): Module {
  checkWhole('embedding', { count, size });
  return makeLayer(
    `embedding(${count}, ${size})`,
    layerOptions('embedding', options, 'initializer'),
    ({ parameter }) => {
      const initializer = options.initializer ?? 'standardNormal';
      const fan = { inputs: count, outputs: size };
      const weight = parameter('weight', [count, size], initializer, fan);
      return (indices) => gather(weight, indices);
    },
  );
}

/**
 * (x − mean) / √(variance + ε) · weight + bias over the last axes, which have `shape` (a number for one axis); ε 1e-5.
 * Parameters: weight (ones) and bias (zeros).
 */
export function layerNorm(
  shape: number | Shape,
  options: LayerOptions & { epsilon?: number } = {},
): Module {
  const over = checkShape('layerNorm', typeof shape === 'number' ? [shape] : shape);
  const { epsilon = 1e-5 } = layerOptions('layerNorm', options, 'epsilon');
  checkNumbers('layerNorm', { epsilon });
  return makeLayer(`layerNorm(${formatShape(over)})`, options, ({ parameter }) => {
    const weight = parameter('weight', over, (shape) => ones(shape));
    const bias = parameter('bias', over, 'zeros');
    return (x) => {
      if (!sameShape(x.shape.slice(-over.length), over))
        misfit('layerNorm: input', x, `does not end with ${formatShape(over)}; reshape it`);
      return normalise(x, weight, bias, epsilon);
    };
  });
}

/** Side of a square, or height and width. */
type Size = number | readonly [number, number];
const isPair = (size: Size): size is readonly [number, number] => Array.isArray(size);
export type Conv2dOptions = DenseOptions & ConvolutionSettings;

/**
 * A convolution: [batch, inChannels, H, W] → [batch, outChannels, H′, W′], with stride 1, padding 0, dilation 1 and one group
 * unless given. Parameters: weight [outChannels, inChannels / groups, kh, kw] and bias [outChannels], as PyTorch's `Conv2d`.
 * Throws ShapeError where `groups` does not divide both numbers of channels.
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernel: Size,
  options: Conv2dOptions = {},
): Module {
  const [height, width] = isPair(kernel) ? kernel : [kernel, kernel];
  checkWhole('conv2d', { inChannels, outChannels, 'kernel height': height, 'kernel width': width });
  const checked = layerOptions('conv2d', options, `${DENSE} ${CONVOLUTION_SETTINGS}`);
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = checked;
  checkGroups('conv2d', groups, inChannels, outChannels);
  const text = `conv2d(${inChannels}, ${outChannels}, ${formatShape([height, width])})`;
  const shape = [outChannels, inChannels / groups, height, width] as const;
  return affine('conv2d', text, options, shape, (x, weight, bias) => {
    const settings = { stride, padding, dilation, groups };
    return convolve(x, weight, bias ? { ...settings, bias } : settings);
  });
}

/** The largest element of each window: [batch, channels, H, W] → [batch, channels, H′, W′]. `stride` is `size` unless given. */
export function maxPool2d(size: Size, options: WindowSettings = {}): Module {
  checkOptions('nn.maxPool2d', options, '', WINDOW_SETTINGS);
  return ofFunction(`maxPool2d(${inCode(size)})`, (x) => pool(x, { ...options, size }));
}
