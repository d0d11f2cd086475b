import type { Value } from '../dtype.js';
import { NablaError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { zeros } from '../ops/leaf.js';
import { random } from '../ops/random.js';
import type { Shape } from '../shape.js';

export interface Fan {
  /** How many numbers each output sums, and how many outputs each input reaches. */
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
}
/** Makes the first values of a weight. */
export type Initialize = (shape: Shape, fan: Fan) => Tensor | Value;

function uniform(bound: (fan: Fan) => number): Initialize {
  return (shape, fan) => random.uniform(shape, { seed: fan.seed, low: -bound(fan), high: bound(fan) });
}
function normal(deviation: (fan: Fan) => number): Initialize {
  return (shape, fan) => random.normal(shape, { seed: fan.seed, deviation: deviation(fan) });
}

/** Named initialisers of weights, with n inputs and m outputs. */
export const initializers = {
  /** PyTorch's default for linear layers: uniform within ±1/√n. */
  pytorch: uniform(({ inputs }) => 1 / Math.sqrt(inputs)),
  /** N(0, 2/n), for the ReLU family (He et al. 2015). */
  heNormal: normal(({ inputs }) => Math.sqrt(2 / inputs)),
  /** Uniform within ±√(6/n). */
  heUniform: uniform(({ inputs }) => Math.sqrt(6 / inputs)),
  /** N(0, 2/(n + m)), for sigmoid and tanh (Glorot & Bengio 2010). */
  glorotNormal: normal(({ inputs, outputs }) => Math.sqrt(2 / (inputs + outputs))),
  /** Uniform within ±√(6/(n + m)). */
  glorotUniform: uniform(({ inputs, outputs }) => Math.sqrt(6 / (inputs + outputs))),
  /** N(0, 1/n). */
  lecunNormal: normal(({ inputs }) => 1 / Math.sqrt(inputs)),
  /** N(0, 1). */
  standardNormal: normal(() => 1),
  zeros: ((shape) => zeros(shape)) as Initialize,
} as const;
export type Initializer = keyof typeof initializers | Initialize;

export function initialize(initializer: Initializer, shape: Shape, fan: Fan): Tensor | Value {
  const make = typeof initializer === 'function' ? initializer : initializers[initializer];
  if (!make)
    throw new NablaError(`initializer: there is no '${initializer}'; use ${Object.keys(initializers).join(', ')}`);
  // Without inputs there are no numbers to scale.
  return make(shape, { ...fan, inputs: Math.max(1, fan.inputs) });
}
