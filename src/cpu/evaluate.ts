// Evaluates graphs on the CPU in float64.
import { hostArray, isFloat, type TensorData, type TypedArray } from '../core/dtype.js';
import { FeedError, NablaError } from '../core/errors.js';
import { broadcastData, hostData } from '../core/hostData.js';
import { readValue } from '../core/readValue.js';
import { formatShape, sizeOf } from '../core/shape.js';
import type { Form } from '../graph/op.js';
import { definitionOf, isPointwise, mapElements } from '../graph/record.js';
import { ruleError } from '../graph/rules.js';
import { outputIndex } from '../graph/several.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { describe } from '../ops/leaf.js';

/** Inputs as a pointwise op sees them, broadcast to its output; those of other ops stay as they are. */
export function aligned(
  { op, shape }: Tensor,
  inputs: readonly TensorData[],
): readonly TensorData[] {
  return op.kernel.kind === 'pointwise' ? inputs.map((x) => broadcastData(x, shape)) : inputs;
}

/** What a node computes from its inputs: one value, or one for each output. */
type Rule<T> = (node: Tensor, inputs: readonly T[]) => readonly T[];
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
  const values = new Map<Tensor, readonly T[]>(
    Array.from(known, ([node, value]) => [node, [value]]),
  );
  for (const node of order) {
    const inputs = node.inputs.map((input) => values.get(input)![outputIndex(node) ?? 0]!);
    values.set(node, rule(node, inputs));
    for (const input of node.inputs) if (lastReader.get(input) === node) values.delete(input);
  }
  return roots.map((root) => values.get(root)![0]!);
}

/** One node by its float64 reference; one without by those of the ops that define it. A value for each output. */
export function evaluateNode(node: Tensor, inputs: readonly TensorData[]): readonly TensorData[] {
  const { op, options } = node;
  const define = op.reference ? undefined : definitionOf(op);
  if (define) {
    const known = new Map(node.inputs.map((input, i) => [input, inputs[i]!]));
    return evaluateWith([define(node.inputs, options)].flat(), known, evaluateNode);
  }
  if (!isPointwise(op)) return hosted(op.name, node.outputs ?? [node], referred(node, inputs));
  const values = aligned(node, inputs).map(({ data }) => data);
  const { reference, integers = reference } = op;
  const rule = isFloat(node.dtype) ? reference : integers;
  const out = hostArray(node.dtype, sizeOf(node.shape));
  return [hostData(node.shape, node.dtype, mapElements(rule, values, out))];
}

/** What the reference of an op of whole tensors returned. Throws NablaError for what it throws of its own. */
function referred(
  { op, options, outputs = [], shape, dtype }: Tensor,
  inputs: readonly TensorData[],
) {
  try {
    if (op.outputs) return op.reference?.(inputs, options, outputs);
    return isPointwise(op) ? [] : [op.reference?.(inputs, options, { shape, dtype })];
  } catch (cause) {
    if (cause instanceof NablaError) throw cause;
    throw ruleError(op.name, 'its reference', inputs.length, cause);
  }
}

/** What a reference returned, as values on the host. Throws NablaError where that is not one for each form, of its size. */
function hosted(
  name: string,
  forms: readonly Form[],
  results: readonly (TensorData | TypedArray | undefined)[] | undefined,
): readonly TensorData[] {
  if (!Array.isArray(results) || results.length !== forms.length)
    throw new NablaError(`${name}: its reference returned no list of ${forms.length} values`);
  return forms.map(({ shape, dtype }, i) => {
    const data: TypedArray | undefined = results[i]?.data ?? results[i];
    const size = sizeOf(shape);
    if (data?.length === size) return hostData(shape, dtype, data);
    const fact = `its reference returned ${data?.length ?? 'no'} elements for ${formatShape(shape)}`;
    throw new NablaError(`${name}: ${fact}; return ${size}`);
  });
}

/** The value of a node that has one. */
export const evaluateOne = (node: Tensor, inputs: readonly TensorData[]): TensorData =>
  evaluateNode(node, inputs)[0]!;

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
  return evaluateWith<TensorData>(roots, new Map(), (node, inputs) => {
    const isLeaf = node.op.kernel.kind === 'leaf';
    const values = isLeaf ? [toHost(leaf(node))] : evaluateNode(node, inputs);
    return values.map((value) => change(node, value));
  });
}

/** Host form of stored values: floats as float64. */
export function toHost({ shape, dtype, data }: TensorData): TensorData {
  return hostData(
    shape,
    dtype,
    isFloat(dtype) && !(data instanceof Float64Array) ? new Float64Array(data) : data,
  );
}

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
