import { boundErrors } from '../bounds.js';
import { hostArray, hostData, isFloat, type TensorData, type TypedArray } from '../dtype.js';
import type { PointwiseRecord, ScalarReference, TensorReference } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { broadcastData } from '../ops/view.js';
import { sizeOf } from '../shape.js';

/** A scalar function over all elements; inputs already have the output's shape. */
export function mapElements(reference: ScalarReference, inputs: readonly TypedArray[], out: TypedArray): void {
  const [a, b, c] = inputs;
  const n = out.length;
  if (inputs.length === 1) for (let i = 0; i < n; i++) out[i] = reference(a![i]!);
  else if (inputs.length === 2) for (let i = 0; i < n; i++) out[i] = reference(a![i]!, b![i]!);
  else if (inputs.length === 3) for (let i = 0; i < n; i++) out[i] = reference(a![i]!, b![i]!, c![i]!);
  else for (let i = 0; i < n; i++) out[i] = reference(...inputs.map((x) => x[i]!));
}

export const isPointwise = (node: Tensor): boolean => node.op.kernel.kind === 'pointwise';

/** Inputs as a pointwise op sees them, broadcast to its output; those of other ops stay as they are. */
const aligned = (node: Tensor, inputs: readonly TensorData[]): readonly TensorData[] =>
  isPointwise(node) ? inputs.map((x) => broadcastData(x, node.shape)) : inputs;

/** One node by its float64 reference. */
export function evaluateNode(node: Tensor, inputs: readonly TensorData[]): TensorData {
  const { op, shape, dtype, options } = node;
  if (!isPointwise(node)) {
    const { data } = (op.reference as TensorReference<never>)(inputs, options, { shape, dtype });
    return hostData(shape, dtype, data);
  }
  const out = hostArray(dtype, sizeOf(shape));
  const values = aligned(node, inputs).map(({ data }) => data);
  mapElements((op as PointwiseRecord).reference, values, out);
  return hostData(shape, dtype, out);
}

/** How far a GPU result of one node may lie from its reference, element by element, given the same inputs. */
export const evaluateBound = (node: Tensor, inputs: readonly TensorData[], output: TensorData): Float64Array =>
  boundErrors(node.op.bound, aligned(node, inputs), output, node.options);

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
  for (const root of roots) uses.set(root, (uses.get(root) ?? 0) + 1);
  for (const node of order) for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
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
export function toHost({ shape, dtype, data }: TensorData): TensorData {
  return isFloat(dtype) && !(data instanceof Float64Array)
    ? { shape, dtype: 'f64', data: new Float64Array(data) }
    : hostData(shape, dtype, data);
}
