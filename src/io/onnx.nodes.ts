// What an exported node becomes: one ONNX operator for conv2d and the subgraph of maxPool2d, else what its op says.
import type { TensorData } from '../core/dtype.js';
import { FeedError, NablaError } from '../core/errors.js';
import { evaluateOne } from '../cpu/evaluate.js';
import { isConstant, isInput } from '../graph/program.js';
import { builtIn, definitionOf } from '../graph/record.js';
import { outputIndex } from '../graph/several.js';
import { isOf, type Node, nameOf, type Tensor } from '../graph/tensor.js';
import { convolutionOf as convolution } from '../ops/convolution.js';
import { describe } from '../ops/leaf.js';
import { takenOf } from '../ops/pooling.js';
import { type Axes, windowsOf } from '../ops/windows.js';
import { operator, type Rule, rules } from './onnx.operators.js';

/** How a node is written, and the nodes whose values that takes: its inputs, or those of the subgraph it stands for. */
export interface Translation {
  readonly inputs: readonly Tensor[];
  readonly rule: Rule;
}

/** Returns a node's inputs if it is of this op, else none. */
const inputsOf = (node: Tensor | undefined, op: string): readonly Tensor[] =>
  node && builtIn(node) === op ? node.inputs : [];

/** Attributes of an operator over windows, where their taps can lie as these do. */
function windowAttributes(axes: Axes) {
  if (axes.some(({ gap, tap, offset }) => gap > 1 || tap < 1 || offset > 0)) return undefined;
  return {
    kernel_shape: axes.map(({ taps }) => taps),
    strides: axes.map(({ step }) => step),
    dilations: axes.map(({ tap }) => tap),
    pads: [...axes, ...axes].map(({ offset }) => 0 - offset),
  };
}

/** A convolution of a batch of images. */
function convolutionOf(node: Tensor): Translation | undefined {
  if (!isOf(node, convolution) || node.rank !== 4) return undefined;
  const { axes, groups } = node.options;
  const attributes = windowAttributes(axes);
  if (!attributes || node.inputs.some(({ rank }) => rank !== 4)) return undefined;
  const group = groups > 1 ? { group: groups } : {};
  return { inputs: node.inputs, rule: operator('Conv', () => ({ ...attributes, ...group })) };
}

/** Recognises what the largest tap of each window holds, which maxPool2d builds. */
function poolingOf(node: Tensor): Translation | undefined {
  if (!isOf(node, takenOf)) return undefined;
  const [images, taken] = node.inputs;
  const [x] = inputsOf(images, 'reshape');
  // at least the first tap within the input, where there is padding
  const [largest = taken] = inputsOf(taken, 'maximum');
  const [each] = inputsOf(largest, 'argMax');
  const [view] = inputsOf(each, 'reshape');
  const attributes = windowAttributes(node.options.axes);
  const isLargest = view && isOf(view, windowsOf) && view.inputs[0] === images;
  if (x?.rank !== 4 || !isLargest || !attributes) return undefined;
  return { inputs: [x], rule: operator('MaxPool', () => attributes) };
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
