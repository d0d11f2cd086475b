import { NablaError, ShapeError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { type Activation, activations } from '../ops/activation.js';
import { add, div, mul, sqrt, square, sub } from '../ops/arithmetic.js';
import { less, where } from '../ops/compare.js';
import { gather } from '../ops/indexing.js';
import { ones, parameter, zeros } from '../ops/leaf.js';
import { matmul } from '../ops/matmul.js';
import { random } from '../ops/random.js';
import { mean } from '../ops/reduce.js';
import { reshape as reshapeTensor } from '../ops/view.js';
import { formatShape, type Shape, sizeOf } from '../shape.js';
import { type Initializer, initialize } from './initializers.js';
import { type Layer, type LayerOptions, makeLayer, type Scope } from './layer.js';

export interface DenseOptions extends LayerOptions {
  activation?: Activation | ((z: Tensor) => Tensor);
  /** true unless given. */
  bias?: boolean;
  /** Of the weight: `heUniform` before the ReLU family, `glorotUniform` before sigmoid and tanh, else `pytorch`. */
  initializer?: Initializer;
  /** Of the bias: zeros, but PyTorch's uniform ±1/√inputs where the weight has `pytorch`. */
  biasInitializer?: Initializer;
}

const rectifiers: readonly unknown[] = ['relu', 'leakyRelu', 'elu', 'gelu', 'silu', 'softplus'];
const defaultInitializer = (activation: DenseOptions['activation']): Initializer =>
  rectifiers.includes(activation)
    ? 'heUniform'
    : activation === 'sigmoid' || activation === 'tanh'
      ? 'glorotUniform'
      : 'pytorch';

export function checkCount(layer: string, what: string, value: number): number {
  if (!Number.isInteger(value) || value < 1)
    throw new ShapeError(`${layer}: ${what} is ${value}; give a whole number ≥ 1`);
  return value;
}

interface Affine {
  readonly activate: (z: Tensor) => Tensor;
  /** Weight of `shape` and bias of its first extent; each output sums `inputs` numbers, each input reaches `outputs`. */
  make(scope: Scope, shape: Shape, fan: { inputs: number; outputs: number }): { weight: Tensor; bias?: Tensor };
}

/** What a layer y = g(w ∗ x + b) makes of its options. */
export function affine(
  layer: string,
  { activation = 'identity', bias: hasBias = true, ...options }: DenseOptions,
): Affine {
  const activate = typeof activation === 'function' ? activation : activations[activation];
  if (!activate)
    throw new NablaError(
      `${layer}: there is no activation '${activation}'; use ${Object.keys(activations).join(', ')}`,
    );
  const initializer = options.initializer ?? defaultInitializer(activation);
  const biasInitializer = options.biasInitializer ?? (initializer === 'pytorch' ? 'pytorch' : 'zeros');
  return {
    activate,
    make(scope, shape, fan) {
      const make = (local: string, size: Shape, init: Initializer): Tensor =>
        parameter(initialize(init, size, { ...fan, seed: scope.seed(local) }), { name: scope.name(local) });
      const weight = make('weight', shape, initializer);
      return hasBias ? { weight, bias: make('bias', shape.slice(0, 1), biasInitializer) } : { weight };
    },
  };
}

/**
 * A fully connected layer: y = g(x Wᵀ + b) for x of shape [..., inputs]. Parameters: weight [outputs, inputs] and bias
 * [outputs], as PyTorch's `Linear`. Throws ShapeError when x has another number of features.
 */
export function dense(inputs: number, outputs: number, options: DenseOptions = {}): Layer {
  checkCount('dense', 'inputs', inputs);
  checkCount('dense', 'outputs', outputs);
  const { activate, make } = affine('dense', options);
  return makeLayer(options, (scope) => {
    const { weight, bias } = make(scope, [outputs, inputs], { inputs, outputs });
    return {
      parameters: bias ? [weight, bias] : [weight],
      apply(x) {
        if (x.shape.at(-1) !== inputs)
          throw new ShapeError(
            `dense: input ${formatShape(x.shape)} where [..., ${inputs}] is expected; flatten it, or build dense(${x.shape.at(-1)}, ${outputs})`,
          );
        const product = matmul(x, weight, { transposeB: true });
        return activate(bias ? add(product, bias) : product);
      },
    };
  });
}

/** A layer without parameters, from a function. */
export const stateless = (apply: (x: Tensor) => Tensor): Layer => ({ parameters: [], apply: (x) => apply(x) });

/** [batch, a, b, …] to [batch, a·b·…]. */
export const flatten = (): Layer => stateless((x) => reshapeTensor(x, [x.shape[0] ?? 1, sizeOf(x.shape.slice(1))]));

/** [batch, …] to [batch, ...shape]. */
export const reshape = (shape: Shape): Layer => stateless((x) => reshapeTensor(x, [x.shape[0] ?? 1, ...shape]));

/**
 * While training, sets each element to 0 with probability `rate` (0.5) and divides the others by 1 − rate; each step
 * draws anew. Otherwise does nothing. One layer applied twice in a graph uses one mask for equal shapes.
 */
export function dropout(rate = 0.5, options: LayerOptions = {}): Layer {
  if (!(rate >= 0 && rate < 1)) throw new NablaError(`dropout: rate ${rate} is outside [0, 1)`);
  return makeLayer(options, (scope) => ({
    parameters: [],
    apply(x, training) {
      if (!training || rate === 0) return x;
      const drawn = random.uniform(x.shape, { seed: scope.seed('mask'), fresh: true });
      return mul(x, where(less(drawn, rate), 0, 1 / (1 - rate)));
    },
  }));
}

/**
 * Rows of a table [count, size] by whole numbers: [...] to [..., size]. Parameter: weight, N(0, 1) unless given.
 * Indices are i32 or u32 in [0, count).
 */
export function embedding(
  count: number,
  size: number,
  options: LayerOptions & { initializer?: Initializer } = {},
): Layer {
  checkCount('embedding', 'count', count);
  checkCount('embedding', 'size', size);
  return makeLayer(options, (scope) => {
    const fan = { inputs: count, outputs: size, seed: scope.seed('weight') };
    const init = initialize(options.initializer ?? 'standardNormal', [count, size], fan);
    const weight = parameter(init, { name: scope.name('weight') });
    return { parameters: [weight], apply: (indices) => gather(weight, indices) };
  });
}

/**
 * (x − mean) / √(variance + ε) · weight + bias over the last axes, which have `shape` (a number for one axis); ε 1e-5.
 * Parameters: weight (ones) and bias (zeros).
 */
export function layerNorm(shape: number | Shape, options: LayerOptions & { epsilon?: number } = {}): Layer {
  const over = typeof shape === 'number' ? [shape] : shape;
  return makeLayer(options, (scope) => {
    const weight = parameter(ones(over), { name: scope.name('weight') });
    const bias = parameter(zeros(over), { name: scope.name('bias') });
    return {
      parameters: [weight, bias],
      apply(x) {
        if (formatShape(x.shape.slice(-over.length)) !== formatShape(over))
          throw new ShapeError(`layerNorm: input ${formatShape(x.shape)} does not end in ${formatShape(over)}`);
        const axis = over.map((_, i) => i - over.length);
        const centred = sub(x, mean(x, { axis, keepDims: true }));
        const variance = mean(square(centred), { axis, keepDims: true });
        return add(mul(div(centred, sqrt(add(variance, options.epsilon ?? 1e-5))), weight), bias);
      },
    };
  });
}
