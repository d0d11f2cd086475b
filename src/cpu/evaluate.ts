import { boundErrors } from '../bounds.js';
import { hostArray, hostData, isFloat, type TensorData } from '../dtype.js';
import { mapElements, type ScalarReference, type TensorReference } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { broadcastData } from '../ops/view.js';
import { sizeOf } from '../shape.js';

/** Inputs as a pointwise op sees them, broadcast to its output; those of other ops stay as they are. */
const aligned = ({ op, shape }: Tensor, inputs: readonly TensorData[]): readonly TensorData[] =>
  op.kernel.kind === 'pointwise' ? inputs.map((x) => broadcastData(x, shape)) : inputs;

/**
 * What a rule gives for the roots, from what it gives for their inputs. Each node is asked once, `known` ones not at all;
 * results that nothing needs any more are dropped on the way.
 */
export function evaluateWith<T>(
  roots: readonly Tensor[],
  known: ReadonlyMap<Tensor, T>,
  rule: (node: Tensor, inputs: readonly T[]) => T,
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
  return hostData(shape, dtype, mapElements(op.reference as ScalarReference, values, hostArray(dtype, sizeOf(shape))));
}

/** How far a GPU result of one node may lie from its reference, element by element, given the same inputs. */
export const evaluateBound = (node: Tensor, inputs: readonly TensorData[], output: TensorData): Float64Array =>
  boundErrors(node.op.bound ?? { ulp: 0 }, aligned(node, inputs), output, node.options);

/**
 * Evaluates a graph in float64: the meaning that every GPU number is checked against.
 * `leaf` gives the values of inputs, parameters and constants; `change` may put another value in the place of a node's.
 */
export const evaluate = (
  roots: readonly Tensor[],
  leaf: (node: Tensor) => TensorData,
  change = (_: Tensor, value: TensorData): TensorData => value,
): TensorData[] =>
  evaluateWith<TensorData>(roots, new Map(), (node, inputs) =>
    change(node, node.op.kernel.kind === 'leaf' ? leaf(node) : evaluateNode(node, inputs)),
  );

/** Host form of stored values: floats as float64. */
export const toHost = ({ shape, dtype, data }: TensorData): TensorData =>
  hostData(shape, dtype, isFloat(dtype) && !(data instanceof Float64Array) ? new Float64Array(data) : data);
