// How each op is written as ONNX operators: https://onnx.ai/onnx/operators/.
//
// Ops are found by their names, not by their functions: a table of functions would bring every op into a bundle.
import { isFloat } from '../core/dtype.js';
import type { Node, Tensor } from '../graph/tensor.js';
import { ranges } from '../ops/cast.js';
import type { MatmulOptions } from '../ops/matmul.js';
import type { ResizeOptions } from '../ops/slice.js';
import { type Attributes, type Graph, INT64, types } from './onnx.graph.js';

type Reduced = { readonly axes: readonly number[]; readonly keepDims: boolean };

/** Writes a node, given the names of its inputs' values; returns the name of its own. */
export type Rule = {
  write(graph: Graph, node: Tensor, ...inputs: readonly string[]): string;
}['write'];

/** One operator; its attributes are the op's options unless given, where those have ONNX's names. */
export function operator(
  type: string,
  attributes: (node: Node<Attributes>) => Attributes = ({ options }) => options,
): Rule {
  return (graph, node: Node<Attributes>, ...inputs) => graph.node(type, inputs, attributes(node));
}

/** An operator that takes the axes it reduces as an operand. */
function reduction(type: string): Rule {
  return (graph, { options: { axes, keepDims } }: Node<Reduced>, x) => {
    return graph.node(type, [x, graph.ints(axes)], { keepdims: Number(keepDims) });
  };
}

/** alpha · elu(z) where z < 0, else z; Elu's own alpha is an attribute, and here it is an operand. */
function writeElu(graph: Graph, { dtype }: Tensor, z: string, alpha: string): string {
  const below = graph.node('Mul', [alpha, graph.node('Elu', [z])]);
  const isBelow = graph.node('Less', [z, graph.number(0, dtype)]);
  return graph.node('Where', [isBelow, below, z]);
}

/** Floats are clamped to the range of an integer; NaN becomes 0. */
function writeCast(graph: Graph, { dtype, inputs: [from] }: Tensor, x: string): string {
  const range = from && isFloat(from.dtype) ? ranges[dtype] : undefined;
  if (!range) return graph.node('Cast', [x], { to: types[dtype] });
  const wide = graph.node('Cast', [x], { to: types.f32 });
  const zero = graph.number(0, 'f32');
  const limits = range.map((limit) => graph.number(limit, 'f32'));
  const known = graph.node('Where', [graph.node('IsNaN', [wide]), zero, wide]);
  const clamped = graph.node('Clip', [known, ...limits]);
  return graph.node('Cast', [clamped], { to: types[dtype] });
}

function writeNotFinite(graph: Graph, _: Tensor, x: string): string {
  const tests = [graph.node('IsNaN', [x]), graph.node('IsInf', [x])];
  return graph.node('Cast', [graph.node('Or', tests)], { to: types.f32 });
}

type ArgReduced = Reduced & { readonly axes: readonly [axis: number] };

function writeArgMax(graph: Graph, { options }: Node<ArgReduced>, x: string): string {
  const [axis] = options.axes;
  const place = graph.node('ArgMax', [x], { axis, keepdims: Number(options.keepDims) });
  return graph.node('Cast', [place], { to: types.i32 });
}

/** Gemm of two matrices; else MatMul, which has no flags: operands are transposed before it. */
function writeMatmul(graph: Graph, node: Node<MatmulOptions>, a: string, b: string): string {
  const { transposeA, transposeB } = node.options;
  const ranks = node.inputs.map(({ rank }) => rank);
  if (ranks.every((rank) => rank === 2))
    return graph.node('Gemm', [a, b], { transA: Number(transposeA), transB: Number(transposeB) });
  const operand = (name: string, isTransposed: boolean, rank = 2): string => {
    const lead = new Array(rank - 2).keys();
    const perm = [...lead, rank - 1, rank - 2];
    return isTransposed ? graph.node('Transpose', [name], { perm }) : name;
  };
  const left = operand(a, transposeA, ranks[0]);
  return graph.node('MatMul', [left, operand(b, transposeB, ranks[1])]);
}

/** A size of 0 would stand for the input's, unless `allowzero` is set. */
function writeReshape(graph: Graph, { shape }: Tensor, x: string): string {
  const attributes = shape.includes(0) ? { allowzero: 1 } : {};
  return graph.node('Reshape', [x, graph.ints(shape)], attributes);
}

function writeSlice(graph: Graph, { shape, options }: Node<ResizeOptions>, x: string): string {
  const { widths } = options;
  const begins = widths.map(([before]) => 0 - before);
  const ends = shape.map((size, axis) => size + begins[axis]!);
  return graph.node('Slice', [x, graph.ints(begins), graph.ints(ends)]);
}

function writePad(graph: Graph, { dtype, options }: Node<ResizeOptions>, x: string): string {
  const { widths, value } = options;
  const before = widths.map(([width]) => width);
  const after = widths.map(([, width]) => width);
  return graph.node('Pad', [x, graph.ints([...before, ...after]), graph.number(value, dtype)]);
}

/** Indices must be signed; bytes become u32, as `gather` unpacks them. */
function writeGather(graph: Graph, node: Node<Attributes>, x: string, indices: string): string {
  const [values, at] = node.inputs;
  const where = at?.dtype === 'u32' ? graph.node('Cast', [indices], { to: INT64 }) : indices;
  const rows = graph.node('Gather', [x, where], node.options);
  return values?.dtype === 'u8' ? graph.node('Cast', [rows], { to: types.u32 }) : rows;
}

function writeOneHot(
  graph: Graph,
  { options }: Node<{ classes: number }>,
  indices: string,
): string {
  const { classes } = options;
  const offAndOn = graph.value('f32', { shape: [2], data: Float32Array.of(0, 1) });
  const where = graph.node('Cast', [indices], { to: INT64 });
  return graph.node('OneHot', [where, graph.ints([classes]), offAndOn]);
}

/** An op that leaves its first input as it is. */
const identity: Rule = (graph, _, x) => graph.node('Identity', [x]);

/** How ops are written, by their names. */
export const rules: Readonly<Record<string, Rule>> = {
  abs: operator('Abs'),
  add: operator('Add'),
  argMax: writeArgMax,
  broadcastTo: (graph, { shape }, x) => graph.node('Expand', [x, graph.ints(shape)]),
  cast: writeCast,
  concat: operator('Concat'),
  copy: identity,
  cos: operator('Cos'),
  div: operator('Div'),
  elu: writeElu,
  equal: operator('Equal'),
  exp: operator('Exp'),
  gather: writeGather,
  gelu: operator('Gelu'),
  gradient: identity,
  greater: operator('Greater'),
  greaterEqual: operator('GreaterOrEqual'),
  leakyRelu: operator('PRelu'),
  less: operator('Less'),
  lessEqual: operator('LessOrEqual'),
  log: operator('Log'),
  matmul: writeMatmul,
  max: reduction('ReduceMax'),
  maximum: operator('Max'),
  min: reduction('ReduceMin'),
  minimum: operator('Min'),
  mul: operator('Mul'),
  neg: operator('Neg'),
  notEqual: (graph, _, ...inputs) => graph.node('Not', [graph.node('Equal', inputs)]),
  notFinite: writeNotFinite,
  oneHot: writeOneHot,
  outer: operator('Mul'),
  pad: writePad,
  pow: operator('Pow'),
  relu: operator('Relu'),
  reshape: writeReshape,
  shiftedExp: (graph, _, ...inputs) => graph.node('Exp', [graph.node('Sub', inputs)]),
  sigmoid: operator('Sigmoid'),
  silu: (graph, _, z) => graph.node('Mul', [z, graph.node('Sigmoid', [z])]),
  sin: operator('Sin'),
  slice: writeSlice,
  softmax: operator('Softmax'),
  softplus: operator('Softplus'),
  sqrt: operator('Sqrt'),
  square: (graph, _, x) => graph.node('Mul', [x, x]),
  seed: identity,
  stopGradient: identity,
  sub: operator('Sub'),
  sum: reduction('ReduceSum'),
  tanh: operator('Tanh'),
  transpose: (graph, { options }: Node<Pick<Reduced, 'axes'>>, x) =>
    graph.node('Transpose', [x], { perm: options.axes }),
  where: operator('Where'),
};
