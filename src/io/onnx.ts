// Exports trained models as ONNX, opset 20. Operators: https://onnx.ai/onnx/operators/; fields: onnx.proto.

import { type DType, isFloat, type TensorData } from '../core/dtype.js';
import { FeedError, NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { type Shape, sameShape } from '../core/shape.js';
import { evaluateOne } from '../cpu/evaluate.js';
import type { Engine } from '../engine/engine.js';
import { builtIn, type ComposedKernel } from '../graph/op.js';
import { isConstant, isInput, isParameter } from '../graph/program.js';
import { checkTensors, isOf, type Node, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { ranges } from '../ops/cast.js';
import { windowsOf } from '../ops/convolution.js';
import { describe } from '../ops/leaf.js';
import { type MatmulOptions, matmulOf } from '../ops/matmul.js';
import type { ResizeOptions } from '../ops/slice.js';
import { bytesOf, type Fields, int, join, message, text } from './protobuf.js';
import { stored } from './safetensors.formats.js';

const [IR_VERSION, OPSET] = [9, 20];
/** TensorProto.DataType */
const types: Readonly<Record<DType, number>> = { f32: 1, u8: 2, i32: 6, bool: 9, f16: 10, u32: 12 };
const INT64 = 7;

/** Whole numbers or lists of them. */
type Attributes = Readonly<Record<string, number | readonly number[]>>;
function attribute([name, value]: readonly [string, number | readonly number[]]): Fields {
  const [field, type] = typeof value === 'number' ? [3, 2] : [8, 7];
  return message(5, [
    text(1, name),
    ...[value].flat().map((each) => int(field, each)),
    int(20, type),
  ]);
}

type Graph = ReturnType<typeof makeGraph>;
/** Nodes and values of a graph under way, each known by the name of what it gives. */
function makeGraph(reserved: readonly string[]) {
  const parts: Fields[] = [];
  const taken = new Set(reserved);
  const unique = (wanted: string): string => {
    let name = wanted || 'value';
    while (taken.has(name)) name = `${name}_${parts.length}`;
    taken.add(name);
    return name;
  };
  const tensor = (wanted: string, type: number, shape: Shape, bytes: Uint8Array): string => {
    const name = unique(wanted);
    parts.push(
      message(5, [
        ...shape.map((size) => int(1, size)),
        int(2, type),
        text(8, name),
        message(9, [[bytes]]),
      ]),
    );
    return name;
  };
  const value = (
    dtype: DType,
    { shape, data }: Omit<TensorData, 'dtype'>,
    name = 'value',
  ): string => tensor(name, types[dtype], shape, stored({ shape, dtype, data }).bytes);
  return {
    parts,
    value,
    node(
      type: string,
      inputs: readonly string[],
      attributes: Attributes = {},
      output = unique(type),
    ): string {
      const names = [...inputs.map((name) => text(1, name)), text(2, output), text(3, output)];
      parts.push(
        message(1, [...names, text(4, type), ...Object.entries(attributes).map(attribute)]),
      );
      return output;
    },
    number: (number: number, dtype: DType): string =>
      value(dtype, { shape: [], data: Float64Array.of(number) }),
    /** A list of int64. */
    ints: (values: readonly number[]): string =>
      tensor('shape', INT64, [values.length], bytesOf(BigInt64Array.from(values, BigInt))),
  };
}

/** Writes a node from the names of its inputs and gives the name of its value. */
type Rule = { write(graph: Graph, inputs: readonly string[], node: Tensor): string }['write'];

/** An operator with attributes, to begin with those of an op: its options where they have ONNX's names. */
function operator(
  type: string,
  attributes: (node: Node<Attributes>) => Attributes = ({ options }) => options,
): Rule {
  return (graph, inputs, node: Node<Attributes>) => graph.node(type, inputs, attributes(node));
}
/** Ops that one operator does: of the same name, but for the capital, or of the one after the colon. */
const named =
  `abs add concat cos div equal exp gelu greater less log mul neg pow relu sigmoid sin softmax softplus sqrt sub
  tanh where maximum:Max minimum:Min lessEqual:LessOrEqual greaterEqual:GreaterOrEqual outer:Mul
  leakyRelu:PRelu`.split(/\s+/);
const capital = (op: string): string => op.replace(/^./, (first) => first.toUpperCase());
/** An operator that takes the axes it reduces as an operand. */
const reduction =
  (type: string): Rule =>
  (graph, [x], { options: { axes, keepDims } }: Node<ReduceSettings>) => {
    return graph.node(type, [x!, graph.ints(axes)], { keepdims: Number(keepDims) });
  };
type ReduceSettings = { axes: readonly number[]; keepDims: boolean };

/** Of an op that leaves its first input as it is. */
const identity: Rule = (graph, [x]) => graph.node('Identity', [x!]);

/** How ops are written, by their names. */
const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    named.map((each) => each.split(':')).map(([op, type]) => [op, operator(type ?? capital(op!))]),
  ),
  ...{ stopGradient: identity, seed: identity, gradient: identity },
  // Elu's own alpha is no operand
  elu: (graph, [z, alpha], { dtype }) => {
    const below = graph.node('Mul', [alpha!, graph.node('Elu', [z!])]);
    return graph.node('Where', [graph.node('Less', [z!, graph.number(0, dtype)]), below, z!]);
  },
  transpose: (graph, inputs, { options: { axes } }: Node<{ axes: readonly number[] }>) =>
    graph.node('Transpose', inputs, { perm: axes }),
  sum: reduction('ReduceSum'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  notEqual: (graph, inputs) => graph.node('Not', [graph.node('Equal', inputs)]),
  square: (graph, [x]) => graph.node('Mul', [x!, x!]),
  silu: (graph, [z]) => graph.node('Mul', [z!, graph.node('Sigmoid', [z!])]),
  shiftedExp: (graph, inputs) => graph.node('Exp', [graph.node('Sub', inputs)]),
  notFinite: (graph, [x]) => {
    const either = graph.node('Or', [graph.node('IsNaN', [x!]), graph.node('IsInf', [x!])]);
    return graph.node('Cast', [either], { to: types.f32 });
  },
  cast: (graph, [x], { dtype, inputs: [from] }) => {
    const range = isFloat(from!.dtype) && ranges[dtype];
    if (!range) return graph.node('Cast', [x!], { to: types[dtype] });
    const wide = graph.node('Cast', [x!], { to: types.f32 });
    const [zero, low, high] = [0, ...range].map((limit) => graph.number(limit, 'f32')) as [
      string,
      string,
      string,
    ];
    const known = graph.node('Where', [graph.node('IsNaN', [wide]), zero, wide]);
    return graph.node('Cast', [graph.node('Clip', [known, low, high])], { to: types[dtype] });
  },
  argMax: (graph, inputs, { options: { axes, keepDims } }: Node<ReduceSettings>) => {
    const place = graph.node('ArgMax', inputs, { axis: axes[0]!, keepdims: Number(keepDims) });
    return graph.node('Cast', [place], { to: types.i32 });
  },
  matmul: (graph, inputs, node: Node<MatmulOptions>) => {
    const { transposeA, transposeB } = node.options;
    if (node.inputs.every(({ rank }) => rank === 2))
      return graph.node('Gemm', inputs, { transA: Number(transposeA), transB: Number(transposeB) });
    const operands = [transposeA, transposeB].map((flip, i) => {
      const [columns, rows, ...lead] = [...node.inputs[i]!.shape.keys()].reverse();
      return flip
        ? graph.node('Transpose', [inputs[i]!], { perm: [...lead.reverse(), columns!, rows!] })
        : inputs[i]!;
    });
    return graph.node('MatMul', operands);
  },
  // a 0 in the shape would stand for the input's size
  reshape: (graph, [x], { shape }) =>
    graph.node('Reshape', [x!, graph.ints(shape)], shape.includes(0) ? { allowzero: 1 } : {}),
  broadcastTo: (graph, [x], { shape }) => graph.node('Expand', [x!, graph.ints(shape)]),
  slice: (graph, [x], { inputs, options: { widths } }: Node<ResizeOptions>) => {
    const ends = widths.map(([, after], i) => inputs[0]!.shape[i]! + after);
    return graph.node('Slice', [
      x!,
      graph.ints(widths.map(([before]) => 0 - before)),
      graph.ints(ends),
    ]);
  },
  pad: (graph, [x], { dtype, options: { widths, value } }: Node<ResizeOptions>) => {
    const pads = [0, 1].flatMap((side) => widths.map((width) => width[side]!));
    return graph.node('Pad', [x!, graph.ints(pads), graph.number(value, dtype)]);
  },
  gather: (graph, [x, indices], { inputs: [values, at], options }: Node<{ axis: number }>) => {
    const where = at!.dtype === 'u32' ? graph.node('Cast', [indices!], { to: INT64 }) : indices!;
    const rows = graph.node('Gather', [x!, where], options);
    return values!.dtype === 'u8' ? graph.node('Cast', [rows], { to: types.u32 }) : rows;
  },
  oneHot: (graph, [indices], { options: { classes } }: Node<{ classes: number }>) => {
    const values = graph.value('f32', { shape: [2], data: Float32Array.of(0, 1) });
    return graph.node('OneHot', [
      graph.node('Cast', [indices!], { to: INT64 }),
      graph.ints([classes]),
      values,
    ]);
  },
};

/** What a node is written from, and how; one operator may stand for several nodes. */
type Way = Readonly<{ inputs: readonly Tensor[]; rule: Rule }>;
/** A node's inputs, if it is of this op. */
const inputsOf = (node: Tensor | undefined, op: string): readonly Tensor[] =>
  node && builtIn(node) === op ? node.inputs : [];

/** An operator on the x that a view of windows is of, where that is [N, C, H, W] and its taps lie as in Conv and MaxPool. */
function onWindows(type: string, view: Tensor | undefined, filled: number): Way | undefined {
  if (!view || !isOf(view, windowsOf)) return undefined;
  const [x] = inputsOf(view.inputs[0], 'reshape');
  if (x?.rank !== 4) return undefined;
  const { axes, fill } = view.options;
  if (fill !== filled || axes.some(({ gap, tap, offset }) => gap > 1 || tap < 1 || offset > 0))
    return undefined;
  const [strides, dilations] = [axes.map(({ step }) => step), axes.map(({ tap }) => tap)];
  const pads = [...axes, ...axes].map(({ offset }) => 0 - offset);
  const kernel_shape = axes.map(({ taps }) => taps);
  return { inputs: [x], rule: operator(type, () => ({ kernel_shape, strides, dilations, pads })) };
}

/** reshape(w as a matrix · windows of x as matrices), as conv2d writes it. */
function convolutionOf(node: Tensor): Way | undefined {
  const [product] = inputsOf(node, 'reshape');
  if (!product || !isOf(product, matmulOf)) return undefined;
  const [matrix, columns] = product.inputs;
  const [w] = inputsOf(matrix, 'reshape');
  const [view] = inputsOf(columns, 'reshape');
  const way = onWindows('Conv', view, 0);
  if (!w || !way) return undefined;
  const { transposeA, transposeB } = product.options;
  const size = [view!.shape[0]!, w.shape[0]!, ...view!.shape.slice(-2)];
  const fits = sameShape(w.shape.slice(1), view!.shape.slice(1, 4)) && sameShape(node.shape, size);
  return fits && !transposeA && !transposeB ? { ...way, inputs: [...way.inputs, w] } : undefined;
}

/** The sum of each window where it is its largest element first, as maxPool2d writes it. */
function poolingOf(node: Tensor): Way | undefined {
  const [chosen] = inputsOf(node, 'sum');
  const [first, each] = inputsOf(chosen, 'where');
  const [index] = inputsOf(first, 'equal');
  // at least the first tap within the input, where there is padding
  const [padded = index] = inputsOf(index, 'maximum');
  const [largest] = inputsOf(padded, 'argMax');
  const [view] = inputsOf(each, 'reshape');
  return largest === each ? onWindows('MaxPool', view, Number.NEGATIVE_INFINITY) : undefined;
}

function wayOf(node: Tensor): Way {
  const { op, inputs, options, dtype } = node;
  const rule = Object.hasOwn(rules, builtIn(node)) ? rules[builtIn(node)] : undefined;
  const whole = convolutionOf(node) ?? poolingOf(node) ?? (rule && { inputs, rule });
  if (whole) return whole;
  if (op.kernel.kind === 'composed')
    return {
      inputs: [(op.kernel as ComposedKernel).compose(inputs, options)],
      rule: (_, [name]) => name!,
    };
  if (isInput(node))
    throw new FeedError(`onnx: ${describe(node)} is needed and not declared; add it to inputs`);
  if (isConstant(node))
    return {
      inputs,
      rule: (graph) => graph.value(dtype, (options as { value: TensorData }).value),
    };
  if (inputs.length === 0)
    return { inputs, rule: (graph) => graph.value(dtype, evaluateOne(node, [])) };
  throw new NablaError(
    `onnx: ${op.name} has no ONNX operator here; export the model in inference, without gradients, and write ops of your own in terms of Nabla's`,
  );
}

/** Inputs and outputs to export, under their names in the file. */
export type Exported = Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, Tensor>>>>;

/** A ValueInfoProto. */
const typed = (field: number, name: string, { dtype, shape }: Tensor): Fields => {
  const sizes = shape.map((size) => message(1, [int(1, size)]));
  return message(field, [
    text(1, name),
    message(2, [message(1, [int(1, types[dtype]), message(2, sizes)])]),
  ]);
};

/**
 * Encodes a graph as an ONNX file (opset 20), with the parameters' current values on the engine. Supports what layers,
 * losses and the exported functions build for inference. Shapes are fixed, the batch size included. conv2d and
 * maxPool2d become Conv and MaxPool, a matrix product Gemm. Throws NablaError for an op without an ONNX operator
 * (random, gradient or custom ops) and FeedError for an input that is needed and not declared.
 *
 *     const images = input([1, 784]);
 *     const file = await onnx.encode(engine, { inputs: { images }, outputs: { logits: model.apply(images) } });
 */
export async function encode(engine: Engine, exported: Exported): Promise<Uint8Array> {
  const { inputs, outputs } = checkOptions('onnx', exported, 'inputs outputs', '');
  const [given, wanted] = [Object.entries(inputs), Object.entries(outputs)];
  checkTensors('onnx', ...Object.values(inputs), ...Object.values(outputs));
  const names = new Map(given.map(([name, node]) => [node, name]));
  for (const [name, node] of given) {
    if (!isInput(node))
      throw new FeedError(`onnx: inputs.${name} is no input; make it with input(shape)`);
    if (Object.hasOwn(outputs, name) || names.get(node) !== name)
      throw new FeedError(
        `onnx: inputs.${name} has a second name, or its name is an output's too; give each one name`,
      );
  }
  const ways = new Map<Tensor, Way>();
  const order = topological(Object.values(outputs), (node) => {
    if (!names.has(node)) ways.set(node, wayOf(node));
    return ways.get(node)?.inputs ?? [];
  });
  const graph = makeGraph([...Object.keys(inputs), ...Object.keys(outputs)]);
  for (const node of order) {
    const way = ways.get(node);
    const from = way?.inputs.map((input) => names.get(input)!) ?? [];
    if (isParameter(node))
      names.set(node, graph.value(node.dtype, await engine.read(node), node.name));
    else if (way) names.set(node, way.rule(graph, from, node));
  }
  for (const [name, node] of wanted) graph.node('Identity', [names.get(node)!], {}, name);
  for (const [name, node] of given) graph.parts.push(typed(11, name, node));
  for (const [name, node] of wanted) graph.parts.push(typed(12, name, node));
  const body = message(7, [text(2, 'nabla'), ...graph.parts]);
  return join([
    int(1, IR_VERSION),
    text(2, 'nabla'),
    message(8, [text(1, ''), int(2, OPSET)]),
    body,
  ]);
}
