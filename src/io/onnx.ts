// Exports trained models as ONNX, opset 20. Operators: https://onnx.ai/onnx/operators/; fields: onnx.proto.
import { FeedError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Engine } from '../engine/engine.js';
import { isInput, isParameter } from '../graph/program.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { makeGraph, types } from './onnx.graph.js';
import { type Translation, translate } from './onnx.nodes.js';
import { type Fields, int, join, message, text } from './protobuf.js';

const IR_VERSION = 9;
const OPSET = 20;

/** Inputs and outputs to export, under their names in the file. */
export type Exported = Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, Tensor>>>>;

/** A ValueInfoProto: name, element type and shape of an input (field 11 of a GraphProto) or an output (field 12). */
function valueInfo(field: number, name: string, { dtype, shape }: Tensor): Fields {
  const sizes = shape.map((size) => message(1, [int(1, size)]));
  const type = message(1, [int(1, types[dtype]), message(2, sizes)]);
  return message(field, [text(1, name), message(2, [type])]);
}

/** Checks inputs and outputs; returns the inputs' names. */
function namesOf({ inputs, outputs }: Exported): Map<Tensor, string> {
  checkTensors('onnx', ...Object.values(inputs), ...Object.values(outputs));
  const names = new Map(Object.entries(inputs).map(([name, node]) => [node, name]));
  for (const [name, node] of Object.entries(inputs)) {
    if (!isInput(node))
      throw new FeedError(`onnx: inputs.${name} is no input; make it with input(shape)`);
    if (Object.hasOwn(outputs, name) || names.get(node) !== name)
      throw new FeedError(
        `onnx: inputs.${name} has a second name, or its name is an output's too; give each one name`,
      );
  }
  return names;
}

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
  const names = namesOf(exported);
  const translations = new Map<Tensor, Translation>();
  const order = topological(Object.values(outputs), (node) => {
    if (!names.has(node)) translations.set(node, translate(node));
    return translations.get(node)?.inputs ?? [];
  });
  const graph = makeGraph([...Object.keys(inputs), ...Object.keys(outputs)]);
  const nameOf = (node: Tensor): string => names.get(node)!;
  for (const node of order) {
    const translation = translations.get(node);
    if (!translation) continue; // an input
    const operands = translation.inputs.map(nameOf);
    const name = isParameter(node)
      ? graph.value(node.dtype, await engine.read(node), node.name)
      : translation.rule(graph, node, ...operands);
    names.set(node, name);
  }
  for (const [name, node] of Object.entries(outputs))
    graph.node('Identity', [nameOf(node)], {}, name);
  const given = Object.entries(inputs).map(([name, node]) => valueInfo(11, name, node));
  const wanted = Object.entries(outputs).map(([name, node]) => valueInfo(12, name, node));
  const body = message(7, [text(2, 'nabla'), ...graph.parts, ...given, ...wanted]);
  const opset = message(8, [text(1, ''), int(2, OPSET)]);
  return join([int(1, IR_VERSION), text(2, 'nabla'), opset, body]);
}
