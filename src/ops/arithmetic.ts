// Elementwise arithmetic with broadcasting. WGSL: shaders/arithmetic.wgsl, hadamard.wgsl, trigonometry.wgsl.
import source from '../../shaders/arithmetic.wgsl?raw';
import product from '../../shaders/hadamard.wgsl?raw';
import circular from '../../shaders/trigonometry.wgsl?raw';
import { EPSILON, ulp } from '../core/bounds.js';
import { DTypeError } from '../core/errors.js';
import { type Binary, type PointwiseRules, pointwiseIn, type Unary } from '../graph/define.js';
import { errorOf } from '../graph/record.js';
import { Tensor, type TensorLike } from '../graph/tensor.js';
import { equal, greater, greaterEqual, less, where } from './compare.js';

const definePointwise = pointwiseIn(source);
const defineProduct = pointwiseIn(product);
const defineCircular = pointwiseIn(circular);

/** An op that integers have too. */
const defineNumeric = <A extends readonly number[]>(
  name: string,
  kernel: string,
  rules: PointwiseRules<A>,
) => definePointwise<A>(name, kernel, { accepts: 'number', ...rules });

/** a + b, with NumPy broadcasting. */
export const add: Binary = defineNumeric('add', 'add', {
  cost: 'cheap',
  neutral: 0,
  commutes: true,
  vjp: ({ cotangent }) => [cotangent, cotangent],
  reference: (a: number, b: number) => a + b,
  bound: { ulp: 1 },
});

/** a − b, with NumPy broadcasting. */
export const sub: Binary = defineNumeric('sub', 'subtract', {
  cost: 'cheap',
  neutral: 0,
  vjp: ({ cotangent }) => [cotangent, neg(cotangent)],
  reference: (a: number, b: number) => a - b,
  bound: { ulp: 1 },
});

/** The Hadamard product a ⊙ b, with NumPy broadcasting. */
export const mul: Binary = defineProduct('mul', 'hadamard', {
  cost: 'cheap',
  neutral: 1,
  commutes: true,
  accepts: 'number',
  vjp: ({ inputs: [a, b], cotangent }) => [mul(cotangent, b), mul(cotangent, a)],
  reference: (a: number, b: number) => a * b,
  integers: Math.imul,
  bound: { ulp: 1 },
});

/** The Hadamard product a ⊙ b: another name for `mul`. */
export const hadamard: Binary = mul;

/** a / b, with NumPy broadcasting. Integers throw DTypeError: cast first, so that rounding is your choice. */
export const div: Binary = definePointwise('div', 'divide', {
  cost: 'dear',
  neutral: 1,
  vjp: ({ inputs: [, b], output, cotangent }) => {
    const slope = div(output, b);
    return [div(cotangent, b), neg(mul(cotangent, slope))];
  },
  reference: (a: number, b: number) => a / b,
  bound: { ulp: 3 },
});

const negOp: Unary = defineNumeric('neg', 'negate', {
  cost: 'cheap',
  vjp: ({ cotangent }) => [neg(cotangent)],
  reference: (a: number) => -a,
});

/** −a. */
export function neg(a: TensorLike): Tensor {
  if (a instanceof Tensor && a.dtype === 'u32')
    throw new DTypeError('neg: u32 has no sign; cast to i32 or f32 first', a.dtype);
  return negOp(a);
}

/** a². */
export const square: Unary = defineNumeric('square', 'square', {
  cost: 'cheap',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, mul(2, a))],
  reference: (a: number) => a * a,
  integers: (a) => Math.imul(a, a),
  bound: { ulp: 1 },
});

/** √a. */
export const sqrt: Unary = definePointwise('sqrt', 'square_root', {
  cost: 'dear',
  vjp: ({ output, cotangent }) => [div(cotangent, mul(2, output))],
  reference: Math.sqrt,
  bound: { ulp: 4 },
});

/** C99's pow, which differs from JavaScript's: 1 to any power is 1, and so is −1 to an infinite one. */
const powerOf = (a: number, b: number): number =>
  a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;

/** aᵇ, special values as C99's pow has them. A negative base with a whole exponent works; with any other it gives NaN. */
export const pow: Binary = definePointwise('pow', 'power', {
  cost: 'dear',
  vjp: ({ inputs: [a, b], output, cotangent }) => {
    // d/da = b aᵇ⁻¹, 0 where b = 0; d/db = aᵇ ln a, 0 where a = 0 and b ≥ 0: a base of 1 gives both zeros
    const kept = where(equal(where(greaterEqual(b, 0), a, 1), 0), 1, a);
    const base = where(equal(b, 0), kept, a);
    return [mul(cotangent, mul(b, pow(base, sub(b, 1)))), mul(cotangent, mul(output, log(kept)))];
  },
  reference: powerOf,
  // pow is exp2(b · log2 a): the error of the logarithm is multiplied by b, then by the exponential
  bound: errorOf((value, a, b) => {
    const log2 = Math.abs(Math.log2(Math.abs(a) || 1));
    return Math.abs(value) * EPSILON * (8 + Math.abs(b) * (4 + 5 * log2));
  }),
});

/** eᵃ. */
export const exp: Unary = definePointwise('exp', 'exponential', {
  cost: 'dear',
  vjp: ({ output, cotangent }) => [mul(cotangent, output)],
  reference: Math.exp,
  bound: errorOf((value, a) => (3 + 2 * Math.abs(a)) * EPSILON * value),
});

/** Natural logarithm; −∞ at 0, NaN below. */
export const log: Unary = definePointwise('log', 'logarithm', {
  cost: 'dear',
  vjp: ({ inputs: [a], cotangent }) => [div(cotangent, a)],
  reference: Math.log,
  // WGSL promises 2⁻²¹ absolute on [½, 2] and 3 ULP elsewhere
  bound: errorOf((value) => {
    const size = Math.abs(value);
    return size < 0.7 ? 2 ** -21 : 3 * EPSILON * size;
  }),
});

/** |a|, with derivative 0 at 0. */
export const abs: Unary = defineNumeric('abs', 'magnitude', {
  cost: 'cheap',
  vjp: ({ inputs: [a], cotangent }) => {
    const below = where(less(a, 0), neg(cotangent), 0);
    return [where(greater(a, 0), cotangent, below)];
  },
  reference: Math.abs,
});

/**
 * To |a| = 2¹⁶ 2 ulp, and 2⁻³³ absolute where |result| is below 2⁻¹⁰; to 2²² as if a were rounded to the next f32 but one;
 * beyond, any number in [−1, 1].
 */
const circularBound = errorOf((value, a) => {
  if (Math.abs(a) < 2 ** 16) return Math.max(2 * ulp(value), 2 ** -33);
  return Math.abs(a) < 2 ** 22 ? Math.abs(a) * 2 ** -22 : 2;
});

/**
 * sin a, in radians: within 2 ulp, below 2⁻¹⁰ within 2⁻³³, to |a| = 2¹⁶. From there to 2²² within |a| 2⁻²², an f32 number's own
 * width; beyond a GPU gives some number in [−1, 1]. NaN of ±∞.
 */
export const sin: Unary = defineCircular('sin', 'sine', {
  cost: 'dear',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, cos(a))],
  reference: Math.sin,
  bound: circularBound,
});

/** cos a, in radians; as accurate as `sin`. */
export const cos: Unary = defineCircular('cos', 'cosine', {
  cost: 'dear',
  vjp: ({ inputs: [a], cotangent }) => [neg(mul(cotangent, sin(a)))],
  reference: Math.cos,
  bound: circularBound,
});

/** One of two values; the cotangent goes to the one that `beats` the other, half to each at a tie. */
const choice = (
  name: string,
  kernel: string,
  beats: Binary,
  reference: (a: number, b: number) => number,
): Binary =>
  defineNumeric(name, kernel, {
    cost: 'cheap',
    vjp: ({ inputs: [a, b], cotangent }) => {
      const ofTie = where(equal(a, b), mul(0.5, cotangent), 0);
      return [where(beats(a, b), cotangent, ofTie), where(beats(b, a), cotangent, ofTie)];
    },
    reference,
  });

/** The larger of a and b, with NumPy broadcasting; ties share the gradient equally. NaN wins. */
export const maximum: Binary = choice('maximum', 'larger', (a, b) => greater(a, b), Math.max);
/** The smaller of a and b, with NumPy broadcasting; ties share the gradient equally. NaN wins. */
export const minimum: Binary = choice('minimum', 'smaller', (a, b) => less(a, b), Math.min);
