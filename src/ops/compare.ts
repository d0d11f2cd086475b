// Comparisons, where, and the test for values that are not finite. WGSL: shaders/compare.wgsl.
import source from '../../shaders/compare.wgsl?raw';
import { DTypeError } from '../core/errors.js';
import { broadcastData, hostData } from '../core/hostData.js';
import { type Binary, pointwiseIn } from '../graph/define.js';
import { mapElements } from '../graph/record.js';
import { commonDType, filled, lift, type Tensor, type TensorLike } from '../graph/tensor.js';

const definePointwise = pointwiseIn(source);

const comparison = (
  name: string,
  kernel: string,
  reference: (a: number, b: number) => number,
): Binary =>
  definePointwise(name, kernel, {
    cost: 'cheap',
    comparesBits: name === 'equal',
    accepts: 'number',
    dtype: (inputs) => commonDType(name, inputs) && 'bool',
    vjp: () => [undefined, undefined],
    reference,
    // where the errors reach across the gap, either answer is right
    propagate: ([a, b], [ea, eb], { shape, data }) => {
      const errors = [hostData(a.shape, 'f64', ea), hostData(b.shape, 'f64', eb)];
      const wide = [a, b, ...errors].map((x) => broadcastData(x, shape).data);
      const touch = (x: number, y: number, ex: number, ey: number): number =>
        Number(ex + ey > 0 && Math.abs(x - y) <= ex + ey);
      return mapElements(touch, wide, new Float64Array(data.length));
    },
  });

/** a = b, as bool. */
export const equal = comparison('equal', 'is_equal', (a, b) => Number(a === b));
/** a ≠ b, as bool. */
export const notEqual = comparison('notEqual', 'is_unequal', (a, b) => Number(a !== b));
/** a < b, as bool. */
export const less = comparison('less', 'is_less', (a, b) => Number(a < b));
/** a ≤ b, as bool. */
export const lessEqual = comparison('lessEqual', 'is_at_most', (a, b) => Number(a <= b));
/** a > b, as bool. */
export const greater = comparison('greater', 'is_greater', (a, b) => Number(a > b));
/** a ≥ b, as bool. */
export const greaterEqual = comparison('greaterEqual', 'is_at_least', (a, b) => Number(a >= b));

const choose = definePointwise('where', 'choose', {
  cost: 'cheap',
  accepts: 'any',
  dtype: ([condition, ...branches]) => {
    if (condition.dtype !== 'bool')
      throw new DTypeError(
        `where: the condition is ${condition.dtype}; compare it to get a bool`,
        condition.dtype,
      );
    const dtype = commonDType('where', branches);
    if (dtype === 'u8' || dtype === 'bool')
      throw new DTypeError(`where: dtype ${dtype} is not a number; cast it first`, dtype);
    return dtype;
  },
  vjp: ({ inputs: [condition], cotangent: u }) => [
    undefined,
    where(condition, u, 0),
    where(condition, 0, u),
  ],
  reference: (condition: number, a: number, b: number) => (condition ? a : b),
});

/**
 * a where the bool `condition` (a tensor, or true or false) holds, else b; all three broadcast. A NaN or an infinity in
 * the branch not selected still reaches the gradient: its derivative times 0 is NaN. Apply `where` to the argument too,
 * as in √x for x > 0 and 0 elsewhere: `where(positive, sqrt(where(positive, x, 1)), 0)` with `positive = greater(x,
 * 0)`.
 */
export const where = (condition: Tensor | boolean, a: TensorLike, b: TensorLike): Tensor =>
  choose(
    typeof condition === 'boolean' ? filled(Number(condition), [], 'bool') : condition,
    ...lift('where', [a, b]),
  );

/** 1 for NaN and ±∞, else 0. */
export const notFinite = definePointwise('notFinite', 'not_finite', {
  cost: 'dear',
  vjp: () => [undefined],
  reference: (x: number) => (Number.isFinite(x) ? 0 : 1),
});
