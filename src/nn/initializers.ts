// Initial values of parameters, by name or by a function of shape and fan.
import type { Value } from '../core/dtype.js';
import { checkSeed, normalOf, threefry, uniformOf, type Words } from '../core/randomBits.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { laterTensor, zeros } from '../ops/leaf.js';

/** Facts about a parameter for its initializer: fan-in, fan-out and seed. */
export interface Fan {
  /** Fan-in: number of terms in each output's sum; fan-out: number of outputs that each input contributes to. */
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
}
/** Makes the initial values of a parameter. */
export type Initialize = (shape: Shape, fan: Fan) => Tensor | Value;

/** Numbers of a generator, one an element: what `random` gives for the seed, computed on the host when they are needed. */
function drawn(of: (words: Words) => number, shape: Shape, seed: number, [offset, scale]: Line) {
  const from = Math.fround(offset);
  const by = Math.fround(scale);
  const key = checkSeed('initializer', seed);
  return laterTensor(shape, (element) => from + by * of(threefry(key, 0, element, 0)));
}
/** x ↦ offset + scale · x. */
type Line = readonly [offset: number, scale: number];

const uniform = (boundOf: (fan: Fan) => number): Initialize => {
  return (shape, fan) => {
    const bound = boundOf(fan);
    return drawn(uniformOf, shape, fan.seed, [-bound, 2 * bound]);
  };
};
const normal = (deviation: (fan: Fan) => number): Initialize => {
  return (shape, fan) => drawn(normalOf, shape, fan.seed, [0, deviation(fan)]);
};

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
