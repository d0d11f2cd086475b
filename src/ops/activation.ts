// Activation functions: sigmoid, tanh, relu, leakyRelu, elu, gelu, silu, softplus. WGSL: shaders/activation.wgsl.
import source from '../../shaders/activation.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { checkOptions } from '../core/options.js';
import { type Binary, pointwiseIn, type Unary } from '../graph/define.js';
import type { ScalarReference } from '../graph/op.js';
import { errorOf } from '../graph/record.js';
import type { Tensor } from '../graph/tensor.js';
import { abs, add, div, exp, minimum, mul, neg, square, sub } from './arithmetic.js';
import { greater, lessEqual, where } from './compare.js';

const definePointwise = pointwiseIn(source);

const sigma: ScalarReference = (z) =>
  z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
/** An exponential's error grows with its argument: (a + b·min(|z|, 100)) · 2⁻²³ · |output|. */
const exponential = (a: number, b: number) =>
  errorOf((value, z) => (a + b * Math.min(Math.abs(z), 100)) * EPSILON * Math.abs(value));

const sigmoidDerivative: Unary = definePointwise('sigmoidDerivative', 'sigmoid_derivative', {
  cost: 'cheap',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, sub(1, mul(2, a)))],
  reference: (a: number) => a * (1 - a),
  bound: { ulp: 4 },
});
/** σ(z) = 1 / (1 + e⁻ᶻ); σ′ = a (1 − a). */
export const sigmoid: Unary = definePointwise('sigmoid', 'sigmoid', {
  cost: 'dear',
  vjp: ({ output: a, cotangent }) => [mul(cotangent, sigmoidDerivative(a))],
  reference: sigma,
  bound: exponential(12, 2),
});

const tanhDerivative: Unary = definePointwise('tanhDerivative', 'tanh_derivative', {
  cost: 'dear',
  // tanh″ = −2 tanh tanh′
  vjp: ({ inputs: [z], output, cotangent }) => {
    const curvature = mul(-2, mul(tanh(z), output));
    return [mul(cotangent, curvature)];
  },
  // 4 e⁻²|ᶻ| / (1 + e⁻²|ᶻ|)²
  reference: (z: number) => 4 * sigma(2 * z) * sigma(-2 * z),
  bound: errorOf((value, z) => {
    const relative = 16 + 6 * Math.min(Math.abs(z), 45);
    return relative * EPSILON * Math.abs(value);
  }),
});
/** Hyperbolic tangent; tanh′ = 1 − a². */
export const tanh: Unary = definePointwise('tanh', 'hyperbolic_tangent', {
  cost: 'dear',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, tanhDerivative(z))],
  reference: Math.tanh,
  bound: { ulp: 8 },
});

const reluDerivative: Unary = definePointwise('reluDerivative', 'relu_derivative', {
  cost: 'cheap',
  vjp: () => [undefined],
  reference: (a: number) => (a > 0 ? 1 : 0),
});
/** max(z, 0), with derivative 0 at 0. */
export const relu: Unary = definePointwise('relu', 'relu', {
  cost: 'cheap',
  vjp: ({ output: a, cotangent }) => [mul(cotangent, reluDerivative(a))],
  reference: (z: number) => (z < 0 ? 0 : z),
});

const leakyReluOp: Binary = definePointwise('leakyRelu', 'leaky_relu', {
  cost: 'cheap',
  vjp: ({ inputs: [z, slope], cotangent }) => {
    const steepness = where(greater(z, 0), 1, slope);
    return [mul(cotangent, steepness), mul(cotangent, minimum(z, 0))];
  },
  reference: (z: number, slope: number) => (z < 0 ? slope * z : z),
  bound: { ulp: 1 },
});
/** z where z ≥ 0, else slope · z (slope 0.01). */
export const leakyRelu = (z: Tensor, options: { slope?: number } = {}): Tensor =>
  leakyReluOp(z, checkOptions('leakyRelu', options, '', 'slope').slope ?? 0.01);

const eluOp: Binary = definePointwise('elu', 'elu', {
  cost: 'dear',
  // elu′ = alpha eᶻ below 0, where eᶻ is finite, and 1 above
  vjp: ({ inputs: [z, alpha], cotangent }) => {
    const below = lessEqual(z, 0);
    const e = exp(where(below, z, 0));
    return [mul(cotangent, where(below, mul(alpha, e), 1)), mul(cotangent, sub(e, 1))];
  },
  reference: (z: number, alpha: number) => (z < 0 ? alpha * Math.expm1(z) : z),
  bound: errorOf((value, z) => {
    const size = Math.abs(value) + 0.5 * Math.min(1, Math.abs(z));
    return 16 * EPSILON * size;
  }),
});
/** z where z ≥ 0, else alpha · (eᶻ − 1) (alpha 1). */
export const elu = (z: Tensor, options: { alpha?: number } = {}): Tensor =>
  eluOp(z, checkOptions('elu', options, '', 'alpha').alpha ?? 1);

/** ln(1 + eᶻ); its derivative is the sigmoid. */
export const softplus: Unary = definePointwise('softplus', 'softplus', {
  cost: 'dear',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, sigmoid(z))],
  reference: (z: number) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  // ln(1 + e) may be 2⁻²¹ off where it is not a series; far below zero the exponential's error counts
  bound: errorOf((value, z) => {
    const absolute = Math.exp(-Math.abs(z)) < 0.031 ? 0 : 2 ** -20;
    return absolute + (8 + 2 * Math.min(Math.abs(z), 100)) * EPSILON * Math.abs(value);
  }),
});

/** erf to float64 accuracy: 2/√π e^(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)‼, whose terms have one sign. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let total = 0;
  let term = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    total += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
const normalCdf = (z: number): number => 0.5 * (1 + erf(z * Math.SQRT1_2));
const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
/** Φ is good to 2⁻²¹ absolute, so z Φ(z) to |z| times that. */
const cdfBound = errorOf(
  (value, z) => (1 + Math.min(6, Math.abs(z))) * 2 ** -20 + 4 * EPSILON * Math.abs(value),
);

const geluDerivative: Unary = definePointwise('geluDerivative', 'gelu_derivative', {
  cost: 'dear',
  // gelu″ = φ(z) (2 − z²), z² not by itself: it may be infinite where φ is 0
  vjp: ({ inputs: [z], cotangent }) => {
    const density = mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, square(z))));
    return [mul(cotangent, sub(mul(2, density), mul(mul(density, z), z)))];
  },
  reference: (z: number) => normalCdf(z) + z * normalDensity(z),
  bound: cdfBound,
});
/** z Φ(z), with the exact normal distribution Φ (not the tanh approximation). */
export const gelu: Unary = definePointwise('gelu', 'gelu', {
  cost: 'dear',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, geluDerivative(z))],
  reference: (z: number) => z * normalCdf(z),
  bound: cdfBound,
});

const siluDerivative: Unary = definePointwise('siluDerivative', 'silu_derivative', {
  cost: 'dear',
  // silu″ = h (h (2 + z (1 − 2σ))) with h² = σ (1 − σ), h = e^(−|z|/2) / (1 + e^−|z|): h² alone may be lost
  vjp: ({ inputs: [z], cotangent }) => {
    const h = div(exp(mul(-0.5, abs(z))), add(1, exp(neg(abs(z)))));
    const curvature = add(2, mul(z, sub(1, mul(2, sigmoid(z)))));
    return [mul(mul(mul(cotangent, curvature), h), h)];
  },
  reference: (z: number) => sigma(z) * (1 + z * sigma(-z)),
  // the sum may cancel: its error is that of σ (1 + |z|)
  bound: errorOf((_, z) => {
    const relative = (16 + 2 * Math.min(Math.abs(z), 100)) * EPSILON;
    return relative * sigma(z) * (1 + Math.abs(z) * sigma(-z));
  }),
});
/** z σ(z). */
export const silu: Unary = definePointwise('silu', 'silu', {
  cost: 'dear',
  vjp: ({ inputs: [z], cotangent }) => [mul(cotangent, siluDerivative(z))],
  reference: (z: number) => z * sigma(z),
  bound: exponential(14, 2),
});

const identity = (z: Tensor): Tensor => z;
/** The activations that a layer may name. */
export const activations = {
  sigmoid,
  tanh,
  relu,
  leakyRelu,
  elu,
  gelu,
  silu,
  softplus,
  identity,
} as const;
/** The name of an activation. */
export type Activation = keyof typeof activations;
