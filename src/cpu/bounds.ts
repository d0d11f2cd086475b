// The error bounds that GPU results must keep, from the records of ops.
import { type Bound, ulp } from '../core/bounds.js';
import { isFloat, type TensorData } from '../core/dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { aligned } from './evaluate.js';

/** How far GPU results of one node may lie from its reference, element by element of each output, given the same inputs. */
export function evaluateBounds(
  node: Tensor,
  inputs: readonly TensorData[],
  values: readonly TensorData[],
): readonly Float64Array[] {
  const { op, options } = node;
  if (!op.outputs) return values.map((value) => errorsWithin(op.bound, node, inputs, value));
  const { bound } = op;
  if (typeof bound === 'function') return bound(inputs, values, options);
  return values.map((value, i) => {
    const own = bound && 'ulp' in bound ? bound : bound?.[i];
    return errorsWithin(own, node, inputs, value);
  });
}

/** Exact where there is no bound. */
function errorsWithin(
  bound: Bound = { ulp: 0 },
  node: Tensor,
  inputs: readonly TensorData[],
  value: TensorData,
): Float64Array {
  if (typeof bound === 'function') return bound(aligned(node, inputs), value, node.options);
  const unit = isFloat(value.dtype) ? bound.ulp : 0;
  return Float64Array.from(value.data, (each) => unit && unit * ulp(each));
}
