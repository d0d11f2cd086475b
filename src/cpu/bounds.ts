// The error bounds that GPU results must keep, from the records of ops.
import { type Bound, ulp } from '../core/bounds.js';
import { isFloat, type TensorData } from '../core/dtype.js';
import { NablaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { aligned } from './evaluate.js';

/**
 * How far GPU results of one node may lie from its reference, element by element of each output, given the same inputs. Throws
 * NablaError where a bound gives another number of errors.
 */
export function evaluateBounds(
  node: Tensor,
  inputs: readonly TensorData[],
  values: readonly TensorData[],
): readonly Float64Array[] {
  const { op, options } = node;
  if (!op.outputs) return values.map((value) => errorsWithin(op.bound, node, inputs, value));
  const { bound } = op;
  if (typeof bound === 'function') {
    const errors = bound(inputs, values, options);
    checkCount(op.name, errors, values.length, 'outputs');
    return values.map(({ data }, i) => checkCount(op.name, errors[i], data.length, 'elements'));
  }
  const own = bound && 'ulp' in bound ? values.map(() => bound) : bound;
  if (own) checkCount(op.name, own, values.length, 'outputs');
  return values.map((value, i) => errorsWithin(own?.[i], node, inputs, value));
}

/** Exact where there is no bound. */
function errorsWithin(
  bound: Bound = { ulp: 0 },
  node: Tensor,
  inputs: readonly TensorData[],
  value: TensorData,
): Float64Array {
  const { data } = value;
  if (typeof bound === 'function') {
    const errors = bound(aligned(node, inputs), value, node.options);
    return checkCount(node.op.name, errors, data.length, 'elements');
  }
  const unit = isFloat(value.dtype) ? bound.ulp : 0;
  return Float64Array.from(data, (each) => unit && unit * ulp(each));
}

/** What a bound gave; throws NablaError unless it is one for each of so many. */
function checkCount<T extends { readonly length: number }>(
  op: string,
  given: T | undefined,
  count: number,
  what: string,
): T {
  if (given?.length === count) return given;
  const fact = `its bound gave ${given?.length ?? 'no'} errors for ${count} ${what}`;
  throw new NablaError(`${op}: ${fact}; give one for each`);
}
