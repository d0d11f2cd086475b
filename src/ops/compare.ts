import source from '../../shaders/compare.wgsl?raw';
import type { TensorData, TypedArray } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { type PointwiseRecord, pointwise, type ScalarReference } from '../graph/op.js';
import { apply, defineOp, lift, type OpFunction, type Tensor, type TensorLike } from '../graph/tensor.js';
import { broadcastData } from './view.js';

const comparison = (name: string, kernel: string, reference: ScalarReference): OpFunction =>
  defineOp({
    name,
    accepts: 'number',
    dtype: ([a, b]) => {
      if (a!.dtype !== b!.dtype) throw new DTypeError(`${name}: mixed dtypes ${a!.dtype} and ${b!.dtype}; cast one`);
      return 'bool';
    },
    vjp: () => [undefined, undefined],
    reference,
    kernel: pointwise(kernel, source),
    bound: { ulp: 0 },
    // where the errors reach across the gap, either answer is right
    propagate: (inputs, errors, output) => {
      const wide = (x: TensorData, data: TypedArray): TypedArray =>
        broadcastData({ ...x, dtype: 'f64', data }, output.shape).data;
      const [a, b] = inputs.map((x) => wide(x, x.data)) as [TypedArray, TypedArray];
      const [ea, eb] = inputs.map((x, i) => wide(x, errors[i]!)) as [TypedArray, TypedArray];
      return Float64Array.from(output.data, (_, i) => {
        const error = ea[i]! + eb[i]!;
        return error > 0 && Math.abs(a[i]! - b[i]!) <= error ? 1 : 0;
      });
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

const whereOp: PointwiseRecord<Record<string, never>> = {
  name: 'where',
  accepts: 'any',
  dtype: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool')
      throw new DTypeError(`where: the condition is ${condition!.dtype}; compare it to get a bool`);
    if (a!.dtype !== b!.dtype) throw new DTypeError(`where: mixed dtypes ${a!.dtype} and ${b!.dtype}; cast one`);
    if (a!.dtype === 'u8' || a!.dtype === 'bool')
      throw new DTypeError(`where: dtype ${a!.dtype} is not a number; cast it first`);
    return a!.dtype;
  },
  vjp: ({ inputs: [condition], cotangent }) => [
    undefined,
    where(condition!, cotangent, 0),
    where(condition!, 0, cotangent),
  ],
  reference: (condition, a, b) => (condition ? a : b),
  kernel: pointwise('choose', source),
  bound: { ulp: 0 },
};

/** a where the bool `condition` holds, else b; all three broadcast. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return apply(whereOp, [condition, ...lift([a, b])], {});
}
