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
  const inputsOf = (node: Tensor): readonly Tensor[] => (known.has(node) ? [] : node.inputs);
  const order = topological(roots, inputsOf);
  const uses = new Map<Tensor, number>();
  for (const node of [...roots, ...order.flatMap(inputsOf)]) uses.set(node, (uses.get(node) ?? 0) + 1);
  const values = new Map(known);
  for (const node of order.filter((each) => !known.has(each))) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    values.set(node, rule(node, inputs));
    for (const input of node.inputs) {
      uses.set(input, uses.get(input)! - 1);
      if (uses.get(input) === 0) values.delete(input);
    }
  }
  return roots.map((root) => values.get(root)!);
}

/** One node by its float64 reference; a composed one by those of the ops that define it. */
export function evaluateNode(node: Tensor, inputs: readonly TensorData[]): TensorData {
  const { op, shape, dtype, options } = node;
  if (op.kernel.kind === 'composed') {
    const known = new Map(node.inputs.map((input, i) => [input, inputs[i]!]));
    const root = op.kernel.compose(node.inputs, options);
    return evaluateWith([root], known, evaluateNode)[0]!;
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
 * `leaf` gives the values of inputs, parameters and constants; `shifts` are added to the values of some nodes, for finite differences.
 */
export function evaluate(
  roots: readonly Tensor[],
  leaf: (node: Tensor) => TensorData,
  onNode?: (node: Tensor, value: TensorData) => void,
  shifts?: ReadonlyMap<Tensor, Float64Array>,
): TensorData[] {
  return evaluateWith<TensorData>(roots, new Map(), (node, inputs) => {
    let value = node.op.kernel.kind === 'leaf' ? leaf(node) : evaluateNode(node, inputs);
    const shift = shifts?.get(node);
    if (shift) value = { ...value, data: Float64Array.from(value.data, (x, i) => x + shift[i]!) };
    onNode?.(node, value);
    return value;
  });
}

/** Host form of stored values: floats as float64. */
export const toHost = ({ shape, dtype, data }: TensorData): TensorData =>
  hostData(shape, dtype, isFloat(dtype) && !(data instanceof Float64Array) ? new Float64Array(data) : data);
