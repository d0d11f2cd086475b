// Evaluates graphs on the CPU in float64, and the error bounds that GPU results must keep.
import { ulp } from '../core/bounds.js';
import { hostArray, isFloat, type TensorData } from '../core/dtype.js';
import { FeedError } from '../core/errors.js';
import { broadcastData, hostData } from '../core/hostData.js';
import { readValue } from '../core/readValue.js';
import { sizeOf } from '../core/shape.js';
import { mapElements, type PointwiseRecord, type TensorReference } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { describe } from '../ops/leaf.js';

/** Inputs as a pointwise op sees them, broadcast to its output; those of other ops stay as they are. */
const aligned = ({ op, shape }: Tensor, inputs: readonly TensorData[]): readonly TensorData[] =>
  op.kernel.kind === 'pointwise' ? inputs.map((x) => broadcastData(x, shape)) : inputs;

type Rule<T> = (node: Tensor, inputs: readonly T[]) => T;
/**
 * What a rule gives for the roots, from what it gives for their inputs. Each node is asked once, `known` ones not at all;
 * results that nothing needs any more are dropped on the way.
 */
export function evaluateWith<T>(
  roots: readonly Tensor[],
  known: ReadonlyMap<Tensor, T>,
  rule: Rule<T>,
): T[] {
  const isNew = (node: Tensor): boolean => !known.has(node);
  const order = topological(roots, (node) => (isNew(node) ? node.inputs : [])).filter(isNew);
  const lastReader = new Map(order.flatMap((node) => node.inputs.map((input) => [input, node])));
  for (const root of roots) lastReader.delete(root);
  const values = new Map(known);
  for (const node of order) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    values.set(node, rule(node, inputs));
    for (const input of node.inputs) if (lastReader.get(input) === node) values.delete(input);
  }
  return roots.map((root) => values.get(root)!);
}

/** One node by its float64 reference; a composed one by those of the ops that define it. */
export function evaluateNode(node: Tensor, inputs: readonly TensorData[]): TensorData {
  const { op, shape, dtype, options } = node;
  if (op.kernel.kind === 'composed') {
    const known = new Map(node.inputs.map((input, i) => [input, inputs[i]!]));
    return evaluateWith([op.kernel.compose(node.inputs, options)], known, evaluateNode)[0]!;
  }
  if (op.kernel.kind !== 'pointwise') {
    const result = (op.reference as TensorReference<never>)(inputs, options, { shape, dtype });
    return hostData(shape, dtype, 'data' in result ? result.data : result);
  }
  const values = aligned(node, inputs).map(({ data }) => data);
  const { reference, integers = reference } = op as PointwiseRecord;
  const rule = isFloat(dtype) ? reference : integers;
  return hostData(shape, dtype, mapElements(rule, values, hostArray(dtype, sizeOf(shape))));
}

/** How far a GPU result of one node may lie from its reference, element by element, given the same inputs. */
export function evaluateBound(
  node: Tensor,
  inputs: readonly TensorData[],
  output: TensorData,
): Float64Array {
  const { bound = { ulp: 0 } } = node.op;
  if (typeof bound === 'function') return bound(aligned(node, inputs), output, node.options);
  const unit = isFloat(output.dtype) ? bound.ulp : 0;
  return Float64Array.from(output.data, (value) => unit && unit * ulp(value));
}

type Leaf = (node: Tensor) => TensorData;
type Change = (node: Tensor, value: TensorData) => TensorData;
/**
 * Evaluates a graph in float64, the meaning that every GPU number is checked against, from the values of its leaves.
 * `change` may put another value in the place of a node's.
 */
export function evaluate(
  roots: readonly Tensor[],
  leaf: Leaf,
  change: Change = (_, value) => value,
): TensorData[] {
  return evaluateWith<TensorData>(roots, new Map(), (node, inputs) =>
    change(node, node.op.kernel.kind === 'leaf' ? toHost(leaf(node)) : evaluateNode(node, inputs)),
  );
}

/** Host form of stored values: floats as float64. */
export const toHost = ({ shape, dtype, data }: TensorData): TensorData =>
  hostData(
    shape,
    dtype,
    isFloat(dtype) && !(data instanceof Float64Array) ? new Float64Array(data) : data,
  );

/**
 * What a constant holds, or a parameter before any run: rounded to what a GPU stores, so that all engines start from the
 * same bits. Throws FeedError for anything else.
 */
export function ownValue(node: Tensor): TensorData {
  const { value, initial = value } = node.options as {
    value?: TensorData;
    initial?: TensorData | Tensor;
  };
  if (!initial)
    throw new FeedError(`${describe(node)}: has no value here; only constants and parameters do`);
  return 'data' in initial
    ? initial
    : readValue(describe(node), evaluate([initial], ownValue)[0]!, node);
}
