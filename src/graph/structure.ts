// Text that is equal for graphs of equal structure; compiled programs are found by it.
import type { Op, Options } from './op.js';
import { isConstant, isInput, isParameter } from './program.js';
import type { Tensor } from './tensor.js';

const ids = new WeakMap<Op, number>();
let next = 0;

/** A number for each op record, so that ops of one name are told apart. */
export function opId(op: Op): number {
  if (!ids.has(op)) ids.set(op, next++);
  return ids.get(op)!;
}

/** Options as a text that tells apart all numbers, −0 and the infinities too. */
export const optionsText = (options: Options): string => {
  const text = (value: unknown) =>
    typeof value === 'number' ? (Object.is(value, -0) ? '-0' : `${value}`) : value;
  return JSON.stringify(options, (_, value) => text(value));
};

/** Inputs and constants: the leaves whose values are data. */
export const isData = (node: Tensor): boolean => isInput(node) || isConstant(node);

/**
 * A text that is equal for graphs that compute the same thing from other data: ops, options, shapes and wiring count, and
 * which parameters; values of inputs and constants do not, nor names. `nodes` are in topological order.
 */
export function structureOf(nodes: readonly Tensor[], outputs: readonly Tensor[]): string {
  const places = new Map(nodes.map((node, i) => [node, i]));
  const placesOf = (some: readonly Tensor[]): string => some.map((node) => places.get(node)).join();
  const lines = nodes.map((node) => {
    if (isParameter(node)) return `p${node.id}`;
    if (isData(node)) return `${node.op.name} ${node.dtype}[${node.shape.join()}]`;
    return `${opId(node.op)}${optionsText(node.options)}(${placesOf(node.inputs)})`;
  });
  return `${lines.join(';')}>${placesOf(outputs)}`;
}
