// Initial values of parameters, by name or by a function of shape and fan.
import type { Value } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { zeros } from '../ops/leaf.js';
import { random } from '../ops/random.js';

/** Facts about a parameter for its initializer: fan-in, fan-out and seed. */
export interface Fan {
  /** Fan-in: number of terms in each output's sum; fan-out: number of outputs that each input contributes to. */
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
}
/** Makes the initial values of a parameter. */
export type Initialize = (shape: Shape, fan: Fan) => Tensor | Value;

function uniform(boundOf: (fan: Fan) => number): Initialize {
  return (shape, fan) => {
    const bound = boundOf(fan);
    return random.uniform(shape, { seed: fan.seed, low: -bound, high: bound });
  };
}
function normal(deviation: (fan: Fan) => number): Initialize {
  return (shape, fan) => random.normal(shape, { seed: fan.seed, deviation: deviation(fan) });
}

const zero: Initialize = (shape) => zeros(shape);

/** Named initializers of weights, with n inputs and m outputs. */
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
  zeros: zero,
} as const;
/** Initial values of a parameter: a name, or a function of its shape and fan. */
export type Initializer = keyof typeof initializers | Initialize;
