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

/** What a rule gives for each node that the roots need, inputs first; `known` nodes are not asked. */
export function evaluateWith<T>(
  roots: readonly Tensor[],
  known: ReadonlyMap<Tensor, T>,
  rule: (node: Tensor, inputs: readonly T[]) => T,
): Map<Tensor, T> {
  const values = new Map(known);
  for (const node of topological(roots, (each) => (known.has(each) ? [] : each.inputs))) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    if (!known.has(node)) values.set(node, rule(node, inputs));
  }
  return values;
}

/** One node by its float64 reference; a composed one by those of the ops that define it. */
export function evaluateNode(node: Tensor, inputs: readonly TensorData[]): TensorData {
  const { op, shape, dtype, options } = node;
  if (op.kernel.kind === 'composed') {
    const known = new Map(node.inputs.map((input, i) => [input, inputs[i]!]));
    const root = op.kernel.compose(node.inputs, options);
    return evaluateWith([root], known, evaluateNode).get(root)!;
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
 * `leaf` gives the values of inputs, parameters and constants. Each node is evaluated once; values that
 * nothing needs any more are dropped on the way. `shifts` are added to the values of some nodes, for finite differences.
 */
export function evaluate(
  roots: readonly Tensor[],
  leaf: (node: Tensor) => TensorData,
  onNode?: (node: Tensor, value: TensorData) => void,
  shifts?: ReadonlyMap<Tensor, Float64Array>,
): TensorData[] {
  const order = topological(roots);
  const uses = new Map<Tensor, number>();
  for (const node of [...roots, ...order.flatMap(({ inputs }) => inputs)]) uses.set(node, (uses.get(node) ?? 0) + 1);
  const values = new Map<Tensor, TensorData>();
  for (const node of order) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    let value = node.op.kernel.kind === 'leaf' ? leaf(node) : evaluateNode(node, inputs);
    const shift = shifts?.get(node);
    if (shift) value = { ...value, data: Float64Array.from(value.data, (x, i) => x + shift[i]!) };
    values.set(node, value);
    onNode?.(node, value);
    for (const input of node.inputs) {
      const left = uses.get(input)! - 1;
      uses.set(input, left);
      if (left === 0) values.delete(input);
    }
  }
  return roots.map((root) => values.get(root)!);
}

/** Host form of stored values: floats as float64. */
export const toHost = ({ shape, dtype, data }: TensorData): TensorData =>
  hostData(shape, dtype, isFloat(dtype) && !(data instanceof Float64Array) ? new Float64Array(data) : data);
