import type { TensorData } from '../dtype.js';
import { FeedError } from '../errors.js';
import { isConstant, isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { describe } from '../ops/leaf.js';
import { evaluate, toHost } from './evaluate.js';

/** A parameter's first value, rounded to what a GPU stores, so that all engines start from the same bits. */
export function initialValue(parameter: Tensor): TensorData {
  const { initial } = parameter.options as { initial: TensorData | Tensor };
  const value = 'data' in initial ? initial : evaluate([initial], constantValue)[0]!;
  const data = parameter.dtype === 'f32' ? Float32Array.from(value.data) : value.data.slice();
  return { ...value, dtype: parameter.dtype, data };
}

/** The value of a constant; anything else has none before a run. */
export function constantValue(node: Tensor): TensorData {
  if (isConstant(node)) return toHost((node.options as { value: TensorData }).value);
  throw new FeedError(`${describe(node)}: has no value here; only constants do`);
}

/** What a parameter or a constant holds before any run. */
export const ownValue = (node: Tensor): TensorData =>
  isParameter(node) ? toHost(initialValue(node)) : constantValue(node);
