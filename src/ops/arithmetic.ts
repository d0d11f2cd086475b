import source from '../../shaders/arithmetic.wgsl?raw';
import product from '../../shaders/hadamard.wgsl?raw';
import { EPSILON } from '../bounds.js';
import { isFloat } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { pointwise } from '../graph/op.js';
import { defineOp, lift, type OpFunction, Tensor, type TensorLike } from '../graph/tensor.js';
import { cast } from './cast.js';
import { equal, greater, less, where } from './compare.js';

/** a + b, with NumPy broadcasting. */
export const add: OpFunction = defineOp({
  name: 'add',
  accepts: 'number',
  vjp: ({ cotangent }) => [cotangent, cotangent],
  reference: (a, b) => a + b,
  kernel: pointwise('add', source),
  bound: { ulp: 1 },
});

/** a − b, with NumPy broadcasting. */
export const sub: OpFunction = defineOp({
  name: 'sub',
  accepts: 'number',
  vjp: ({ cotangent }) => [cotangent, neg(cotangent)],
  reference: (a, b) => a - b,
  kernel: pointwise('subtract', source),
  bound: { ulp: 1 },
});

/** The Hadamard product a ⊙ b, with NumPy broadcasting. */
export const mul: OpFunction = defineOp({
  name: 'mul',
  accepts: 'number',
  vjp: ({ inputs: [a, b], cotangent }) => [mul(cotangent, b!), mul(cotangent, a!)],
  reference: (a, b) => a * b,
  kernel: pointwise('hadamard', product),
  bound: { ulp: 1 },
});

/** The Hadamard product a ⊙ b: another name for `mul`. */
export const hadamard: (a: TensorLike, b: TensorLike) => Tensor = mul;

const divOp: OpFunction = defineOp({
  name: 'div',
  vjp: ({ inputs: [, b], output, cotangent }) => [div(cotangent, b!), neg(mul(cotangent, div(output, b!)))],
  reference: (a, b) => a / b,
  kernel: pointwise('divide', source),
  bound: { ulp: 3 },
});

/** a / b, with NumPy broadcasting. Integers throw DTypeError: cast first, so that rounding is your choice. */
export function div(a: TensorLike, b: TensorLike): Tensor {
  const inputs = lift([a, b]);
  const whole = inputs.find((x) => !isFloat(x.dtype));
  if (whole) throw new DTypeError(`div: integer division of ${whole.dtype} is not offered; cast(x, 'f32') first`);
  return divOp(...inputs);
}

const negOp: OpFunction = defineOp({
  name: 'neg',
  accepts: 'number',
  vjp: ({ cotangent }) => [neg(cotangent)],
  reference: (a) => -a,
  kernel: pointwise('negate', source),
  bound: { ulp: 0 },
});

/** −a. */
export function neg(a: TensorLike): Tensor {
  if (a instanceof Tensor && a.dtype === 'u32') throw new DTypeError('neg: u32 has no sign; cast to i32 or f32 first');
  return negOp(a);
}

/** a². */
export const square: OpFunction = defineOp({
  name: 'square',
  accepts: 'number',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, mul(2, a!))],
  reference: (a) => a * a,
  kernel: pointwise('square', source),
  bound: { ulp: 1 },
});

/** √a. */
export const sqrt: OpFunction = defineOp({
  name: 'sqrt',
  vjp: ({ output, cotangent }) => [div(cotangent, mul(2, output))],
  reference: Math.sqrt,
  kernel: pointwise('square_root', source),
  bound: { ulp: 4 },
});

/** aᵇ. A negative base with a whole exponent works; with any other it gives NaN. */
export const pow: OpFunction = defineOp({
  name: 'pow',
  vjp: ({ inputs: [a, b], output, cotangent }) => {
    // d/da = b aᵇ⁻¹, 0 where b = 0; d/db = aᵇ ln a, 0 where a = 0
    const isZero = equal(a!, 0);
    const base = where(equal(b!, 0), where(isZero, 1, a!), a!);
    return [mul(cotangent, mul(b!, pow(base, sub(b!, 1)))), mul(cotangent, mul(output, log(where(isZero, 1, a!))))];
  },
  reference: (a, b) => a ** b,
  kernel: pointwise('power', source),
  // pow is exp2(b · log2 a): the error of the logarithm is multiplied by b, then by the exponential
  bound: ([a, b], output) =>
    Float64Array.from(output.data, (value, i) => {
      const exponent = Math.abs(b!.data[i]!);
      const log2 = Math.abs(Math.log2(Math.abs(a!.data[i]!) || 1));
      return Math.abs(value) * EPSILON * (8 + exponent * (4 + 5 * log2));
    }),
});

/** eᵃ. */
export const exp: OpFunction = defineOp({
  name: 'exp',
  vjp: ({ output, cotangent }) => [mul(cotangent, output)],
  reference: Math.exp,
  kernel: pointwise('exponential', source),
  bound: ([a], output) =>
    Float64Array.from(output.data, (value, i) => (3 + 2 * Math.abs(a!.data[i]!)) * EPSILON * value),
});

/** Natural logarithm; −∞ at 0, NaN below. */
export const log: OpFunction = defineOp({
  name: 'log',
  vjp: ({ inputs: [a], cotangent }) => [div(cotangent, a!)],
  reference: Math.log,
  kernel: pointwise('logarithm', source),
  // WGSL promises 2⁻²¹ absolute on [½, 2] and 3 ULP elsewhere
  bound: (_, output) =>
    Float64Array.from(output.data, (value) => (Math.abs(value) < 0.7 ? 2 ** -21 : 3 * EPSILON * Math.abs(value))),
});

/** |a|, with derivative 0 at 0. */
export const abs: OpFunction = defineOp({
  name: 'abs',
  accepts: 'number',
  vjp: ({ inputs: [a], cotangent }) => [
    mul(cotangent, sub(cast(greater(a!, 0), a!.dtype), cast(less(a!, 0), a!.dtype))),
  ],
  reference: Math.abs,
  kernel: pointwise('magnitude', source),
  bound: { ulp: 0 },
});

const trigonometricBound = ([a]: readonly { data: ArrayLike<number> }[]): Float64Array =>
  // WGSL promises 2⁻¹¹ absolute on [−π, π]; beyond, the argument's reduction adds |a| roundings
  Float64Array.from(a!.data, (value) => 2 ** -11 + Math.abs(value) * 2 ** -21);

/** sin a, in radians. WGSL promises 2⁻¹¹ absolute on [−π, π] only; reduce large angles first. */
export const sin: OpFunction = defineOp({
  name: 'sin',
  vjp: ({ inputs: [a], cotangent }) => [mul(cotangent, cos(a!))],
  reference: Math.sin,
  kernel: pointwise('sine', source),
  bound: trigonometricBound,
});

/** cos a, in radians; as accurate as `sin`. */
export const cos: OpFunction = defineOp({
  name: 'cos',
  vjp: ({ inputs: [a], cotangent }) => [neg(mul(cotangent, sin(a!)))],
  reference: Math.cos,
  kernel: pointwise('cosine', source),
  bound: trigonometricBound,
});

/** Share of the cotangent that goes to `a` where `a` wins: 1, or ½ at a tie. */
const share = (wins: Tensor, ties: Tensor, dtype: Tensor['dtype']): Tensor =>
  add(cast(wins, dtype), mul(0.5, cast(ties, dtype)));

/** The larger of a and b, with NumPy broadcasting; ties share the gradient equally. NaN wins. */
export const maximum: OpFunction = defineOp({
  name: 'maximum',
  accepts: 'number',
  vjp: ({ inputs: [a, b], cotangent }) => [
    mul(cotangent, share(greater(a!, b!), equal(a!, b!), a!.dtype)),
    mul(cotangent, share(less(a!, b!), equal(a!, b!), a!.dtype)),
  ],
  reference: (a, b) => Math.max(a, b),
  kernel: pointwise('larger', source),
  bound: { ulp: 0 },
});

/** The smaller of a and b, with NumPy broadcasting; ties share the gradient equally. NaN wins. */
export const minimum: OpFunction = defineOp({
  name: 'minimum',
  accepts: 'number',
  vjp: ({ inputs: [a, b], cotangent }) => [
    mul(cotangent, share(less(a!, b!), equal(a!, b!), a!.dtype)),
    mul(cotangent, share(greater(a!, b!), equal(a!, b!), a!.dtype)),
  ],
  reference: (a, b) => Math.min(a, b),
  kernel: pointwise('smaller', source),
  bound: { ulp: 0 },
});
