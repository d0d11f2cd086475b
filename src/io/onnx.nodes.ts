// What an exported node becomes: one ONNX operator for the subgraphs of conv2d and maxPool2d, else what its op says.
import type { TensorData } from '../core/dtype.js';
import { FeedError, NablaError } from '../core/errors.js';
import { sameShape } from '../core/shape.js';
import { evaluateOne } from '../cpu/evaluate.js';
import { isConstant, isInput } from '../graph/program.js';
import { builtIn, definitionOf } from '../graph/record.js';
import { outputIndex } from '../graph/several.js';
import { isOf, type Node, nameOf, type Tensor } from '../graph/tensor.js';
import { windowsOf } from '../ops/convolution.js';
import { describe } from '../ops/leaf.js';
import { matmulOf } from '../ops/matmul.js';
import { operator, type Rule, rules } from './onnx.operators.js';

/** How a node is written, and the nodes whose values that takes: its inputs, or those of the subgraph it stands for. */
export interface Translation {
  readonly inputs: readonly Tensor[];
  readonly rule: Rule;
}

/** Returns a node's inputs if it is of this op, else none. */
const inputsOf = (node: Tensor | undefined, op: string): readonly Tensor[] =>
  node && builtIn(node) === op ? node.inputs : [];

/**
 * Translates a view of windows on an image [N, C, H, W] to Conv or MaxPool, where their taps can lie as the view's do.
 * `filled` is what the operator reads outside the image.
 */
function onWindows(
  type: string,
  view: Tensor | undefined,
  filled: number,
): Translation | undefined {
  if (!view || !isOf(view, windowsOf)) return undefined;
  const [x] = inputsOf(view.inputs[0], 'reshape');
  if (x?.rank !== 4) return undefined;
  const { axes, fill } = view.options;
  if (fill !== filled || axes.some(({ gap, tap, offset }) => gap > 1 || tap < 1 || offset > 0))
    return undefined;
  const strides = axes.map(({ step }) => step);
  const dilations = axes.map(({ tap }) => tap);
  const pads = [...axes, ...axes].map(({ offset }) => 0 - offset);
  const kernel_shape = axes.map(({ taps }) => taps);
  return { inputs: [x], rule: operator(type, () => ({ kernel_shape, strides, dilations, pads })) };
}

/** Recognises reshape(w as a matrix · windows of x as matrices), which conv2d builds. */
function convolutionOf(node: Tensor): Translation | undefined {
  const [product] = inputsOf(node, 'reshape');
  if (!product || !isOf(product, matmulOf)) return undefined;
  const [matrix, columns] = product.inputs;
  const [w] = inputsOf(matrix, 'reshape');
  const [view] = inputsOf(columns, 'reshape');
  const found = onWindows('Conv', view, 0);
  if (!view || !w || !found) return undefined;
  const { transposeA, transposeB } = product.options;
  // the view is [batch, channels, taps, taps, height, width]
  const batch = view.shape.slice(0, 1);
  const channels = w.shape.slice(0, 1);
  const size = [...batch, ...channels, ...view.shape.slice(-2)];
  const fits = sameShape(w.shape.slice(1), view.shape.slice(1, 4)) && sameShape(node.shape, size);
  if (!fits || transposeA || transposeB) return undefined;
  return { ...found, inputs: [...found.inputs, w] };
}

/** Recognises the sum of each window where it is its largest element first, which maxPool2d builds. */
function poolingOf(node: Tensor): Translation | undefined {
  const [chosen] = inputsOf(node, 'sum');
  const [first, each] = inputsOf(chosen, 'where');
  const [index] = inputsOf(first, 'equal');
  // at least the first tap within the input, where there is padding
  const [padded = index] = inputsOf(index, 'maximum');
  const [largest] = inputsOf(padded, 'argMax');
  const [view] = inputsOf(each, 'reshape');
  return largest === each ? onWindows('MaxPool', view, Number.NEGATIVE_INFINITY) : undefined;
}

/** A node in other ops, where its op is defined so; an output of several as that of the node that computes them. */
function definedOf(node: Tensor): Tensor | undefined {
  const index = outputIndex(node);
  const [call = node] = index === undefined ? [] : node.inputs;
  const define = definitionOf(call.op);
  return define && [define(call.inputs, call.options)].flat()[index ?? 0];
}

/** Translates a node. Throws FeedError for an input that was not declared, NablaError for an op without an operator. */
export function translate(node: Tensor): Translation {
  const { inputs, dtype } = node;
  const whole = convolutionOf(node) ?? poolingOf(node);
  if (whole) return whole;
  const rule = Object.hasOwn(rules, builtIn(node)) ? rules[builtIn(node)] : undefined;
  if (rule) return { inputs, rule };
  const defined = definedOf(node);
  if (defined) return { inputs: [defined], rule: (_graph, _node, name) => name };
  if (isInput(node))
    throw new FeedError(`onnx: ${describe(node)} is needed and not declared; add it to inputs`);
  if (isConstant(node)) {
    const rule: Rule = (graph, { options: { value } }: Node<{ value: TensorData }>) =>
      graph.value(dtype, value);
    return { inputs, rule };
  }
  if (inputs.length === 0)
    return { inputs, rule: (graph) => graph.value(dtype, evaluateOne(node, [])) };
  throw new NablaError(
    `onnx: ${nameOf(node)} has no ONNX operator here; export the model in inference, without gradients, and write ops of your own in terms of Nabla's`,
  );
}
