import source from '../../shaders/activation.wgsl?raw';
import { pointwise, type ScalarReference } from '../graph/op.js';
import { defineOp, type OpFunction, type Tensor } from '../graph/tensor.js';
import { add, exp, mul, square, sub } from './arithmetic.js';
import { cast } from './cast.js';
import { less, lessEqual, where } from './compare.js';

const sigma: ScalarReference = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
/** Errors `scale · 2⁻²³ · (|output| + |input| · weight)`: for functions that mix their input with an approximation. */
const mixed =
  (scale: number, weight: number) =>
  ([z]: readonly { data: ArrayLike<number> }[], output: { data: ArrayLike<number> }): Float64Array =>
    Float64Array.from(
      output.data,
      (value, i) => scale * 2 ** -23 * (Math.abs(value) + weight * Math.min(1, Math.abs(z!.data[i]!))),
    );
/** An exponential's error grows with its argument: (a + b·min(|z|, 100)) · 2⁻²³ · |output|. */
const exponential =
  (a: number, b: number) =>
  ([z]: readonly { data: ArrayLike<number> }[], output: { data: ArrayLike<number> }): Float64Array =>
    Float64Array.from(
      output.data,
      (value, i) => (a + b * Math.min(Math.abs(z!.data[i]!), 100)) * 2 ** -23 * Math.abs(value),
    );

const sigmoidDerivative: OpFunction = defineOp({
  name: 'sigmoidDerivative',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, sub(1, mul(2, a!)))],
  reference: (a) => a * (1 - a),
  kernel: pointwise('sigmoid_derivative', source),
  bound: { ulp: 4 },
});

/** σ(z) = 1 / (1 + e⁻ᶻ); σ′ = a (1 − a). */
export const sigmoid: OpFunction = defineOp({
  name: 'sigmoid',
  vjp: ({ output: a, cotangent }) => [mul(cotangent, sigmoidDerivative(a))],
  reference: sigma,
  kernel: pointwise('sigmoid', source),
  bound: exponential(12, 2),
});

const tanhDerivative: OpFunction = defineOp({
  name: 'tanhDerivative',
  // tanh″ = −2 tanh tanh′
  vjp: ({ inputs: [z], output, cotangent }) => [mul(cotangent, mul(-2, mul(tanh(z!), output)))],
  reference: (z) => {
    const e = Math.exp(-2 * Math.abs(z));
    return (4 * e) / (1 + e) ** 2;
  },
  kernel: pointwise('tanh_derivative', source),
  bound: ([z], output) =>
    Float64Array.from(
      output.data,
      (value, i) => (16 + 6 * Math.min(Math.abs(z!.data[i]!), 45)) * 2 ** -23 * Math.abs(value) + 1e-34,
    ),
});

/** Hyperbolic tangent; tanh′ = 1 − a². */
export const tanh: OpFunction = defineOp({
  name: 'tanh',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, tanhDerivative(z!))],
  reference: Math.tanh,
  kernel: pointwise('hyperbolic_tangent', source),
  bound: { ulp: 8 },
});

const reluDerivative: OpFunction = defineOp({
  name: 'reluDerivative',
  vjp: () => [undefined],
  reference: (a) => (a > 0 ? 1 : 0),
  kernel: pointwise('relu_derivative', source),
  bound: { ulp: 0 },
});

/** max(z, 0), with derivative 0 at 0. */
export const relu: OpFunction = defineOp({
  name: 'relu',
  vjp: ({ output: a, cotangent }) => [mul(cotangent, reluDerivative(a))],
  reference: (z) => (z < 0 ? 0 : z),
  kernel: pointwise('relu', source),
  bound: { ulp: 0 },
});

const leakyReluDerivative: OpFunction = defineOp({
  name: 'leakyReluDerivative',
  vjp: ({ inputs: [z], cotangent }) => [undefined, mul(cotangent, cast(lessEqual(z!, 0), z!.dtype))],
  reference: (z, slope) => (z > 0 ? 1 : slope!),
  kernel: pointwise('leaky_relu_derivative', source),
  bound: { ulp: 0 },
});
const leakyReluOp: OpFunction = defineOp({
  name: 'leakyRelu',
  vjp: ({ inputs: [z, slope], cotangent }) => [
    mul(cotangent, leakyReluDerivative(z!, slope!)),
    mul(cotangent, mul(z!, cast(less(z!, 0), z!.dtype))),
  ],
  reference: (z, slope) => (z < 0 ? slope! * z : z),
  kernel: pointwise('leaky_relu', source),
  bound: { ulp: 1 },
});
/** z where z ≥ 0, else slope · z (slope 0.01). */
export const leakyRelu = (z: Tensor, options: { slope?: number } = {}): Tensor => leakyReluOp(z, options.slope ?? 0.01);

const eluDerivative: OpFunction = defineOp({
  name: 'eluDerivative',
  vjp: ({ inputs: [z, alpha], cotangent }) => [
    mul(cotangent, where(less(z!, 0), mul(alpha!, exp(where(less(z!, 0), z!, 0))), 0)),
    mul(cotangent, where(lessEqual(z!, 0), exp(where(lessEqual(z!, 0), z!, 0)), 0)),
  ],
  reference: (z, alpha) => (z <= 0 ? alpha! * Math.exp(z) : 1),
  kernel: pointwise('elu_derivative', source),
  bound: exponential(8, 3),
});
const eluOp: OpFunction = defineOp({
  name: 'elu',
  vjp: ({ inputs: [z, alpha], cotangent }) => [
    mul(cotangent, eluDerivative(z!, alpha!)),
    mul(cotangent, where(less(z!, 0), sub(exp(where(less(z!, 0), z!, 0)), 1), 0)),
  ],
  reference: (z, alpha) => (z < 0 ? alpha! * Math.expm1(z) : z),
  kernel: pointwise('elu', source),
  bound: mixed(16, 0.5),
});
/** z where z ≥ 0, else alpha · (eᶻ − 1) (alpha 1). */
export const elu = (z: Tensor, options: { alpha?: number } = {}): Tensor => eluOp(z, options.alpha ?? 1);

/** ln(1 + eᶻ); its derivative is the sigmoid. */
export const softplus: OpFunction = defineOp({
  name: 'softplus',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, sigmoid(z!))],
  reference: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  kernel: pointwise('softplus', source),
  // ln(1 + e) may be 2⁻²¹ off where it is not a series; far below zero the exponential's error counts
  bound: ([z], output) =>
    Float64Array.from(output.data, (value, i) => {
      const input = z!.data[i]!;
      const absolute = Math.exp(-Math.abs(input)) < 0.031 ? 0 : 2 ** -20;
      return absolute + (8 + 2 * Math.min(Math.abs(input), 100)) * 2 ** -23 * Math.abs(value);
    }),
});

/** erf to float64 accuracy: Maclaurin series below 3, continued fraction of erfc above. */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude > 6) return Math.sign(x);
  if (magnitude < 3) {
    let term = x;
    let total = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total) && n < 200; n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (magnitude + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (magnitude + fraction)));
}
const normalCdf = (z: number): number => 0.5 * (1 + erf(z * Math.SQRT1_2));
const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
/** Φ is good to 2⁻²¹ absolute, so z Φ(z) to |z| times that. */
const cdfBound = ([z]: readonly { data: ArrayLike<number> }[], output: { data: ArrayLike<number> }): Float64Array =>
  Float64Array.from(
    output.data,
    (value, i) => (1 + Math.min(6, Math.abs(z!.data[i]!))) * 2 ** -20 + 4 * 2 ** -23 * Math.abs(value),
  );

const geluDerivative: OpFunction = defineOp({
  name: 'geluDerivative',
  // gelu″ = φ(z) (2 − z²)
  vjp: ({ inputs: [z], cotangent }) => [
    mul(cotangent, mul(mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, square(z!)))), sub(2, square(z!)))),
  ],
  reference: (z) => normalCdf(z) + z * normalDensity(z),
  kernel: pointwise('gelu_derivative', source),
  bound: cdfBound,
});
/** z Φ(z), with the exact normal distribution Φ (not the tanh approximation). */
export const gelu: OpFunction = defineOp({
  name: 'gelu',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, geluDerivative(z!))],
  reference: (z) => z * normalCdf(z),
  kernel: pointwise('gelu', source),
  bound: cdfBound,
});

const siluDerivative: OpFunction = defineOp({
  name: 'siluDerivative',
  // silu″ = σ′ (2 + z (1 − 2σ))
  vjp: ({ inputs: [z], cotangent }) => {
    const a = sigmoid(z!);
    return [mul(cotangent, mul(sigmoidDerivative(a), add(2, mul(z!, sub(1, mul(2, a))))))];
  },
  reference: (z) => sigma(z) * (1 + z * (1 - sigma(z))),
  kernel: pointwise('silu_derivative', source),
  bound: ([z]) =>
    Float64Array.from(
      z!.data,
      (value) => (20 + 2 * Math.min(Math.abs(value), 100)) * 2 ** -23 * (1 + Math.abs(value)) * sigma(value),
    ),
});
/** z σ(z). */
export const silu: OpFunction = defineOp({
  name: 'silu',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, siluDerivative(z!))],
  reference: (z) => z * sigma(z),
  kernel: pointwise('silu', source),
  bound: exponential(14, 2),
});

/** The activations that a layer may name. */
export const activations = {
  sigmoid,
  tanh,
  relu,
  leakyRelu: (z: Tensor): Tensor => leakyRelu(z),
  elu: (z: Tensor): Tensor => elu(z),
  gelu,
  silu,
  softplus,
  identity: (z: Tensor): Tensor => z,
} as const;
export type Activation = keyof typeof activations;
