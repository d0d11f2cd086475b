// What an element of a pointwise or index node is made of. One walk serves what writes WGSL and what asks which elements it
// would read.
import { NablaError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import type { IndexContext, IndexKernel } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { countOf, digit, flat, type Index, project, split } from './indices.js';

/** How a walk stands for what it meets. */
export interface Terms {
  /** A name for an expression. */
  readonly name: (expression: string) => string;
  /** A name or a number for an element of a node. */
  readonly value: (node: Tensor, index: Index) => string;
}

/** The operands of one element of a pointwise node. */
export const operandsAt = (node: Tensor, index: Index, { name, value }: Terms): string[] =>
  node.inputs.map((input) => value(input, project(index, node.shape, input.shape, name)));

/** The expression of one element of a node with an index kernel. */
export function elementAt(
  node: Tensor,
  { write }: IndexKernel,
  index: Index,
  terms: Terms,
): string {
  // remembers which digits an expression stands for, so that views of views stay symbolic
  const digits = new Map<string, Index>([['0u', []]]);
  const remember = (part: Index): string => {
    const text = flat(part);
    digits.set(text, part);
    return text;
  };
  const asIndex = (expression: string, extent: number): Index => {
    const known = digits.get(expression);
    if (known && countOf(known) === extent) return known;
    return extent === 1 ? [] : digit(terms.name(expression), extent);
  };
  const context: IndexContext = {
    inputs: node.inputs,
    output: node,
    options: node.options,
    get coordinates() {
      return split(index, node.shape, terms.name).map(remember);
    },
    flat: remember(index),
    read: (input, at) => {
      const source = node.inputs[input];
      if (!source) throw misread(node, `input ${input} of ${node.inputs.length}`, 'pass as many');
      const places = typeof at === 'string' ? [at] : at;
      const extents = typeof at === 'string' ? [sizeOf(source.shape)] : source.shape;
      if (places.length !== extents.length) {
        const fact = `${formatShape(source.shape)} at ${at.length} coordinates`;
        throw misread(node, fact, 'give one an axis, also where a stacked cotangent has more');
      }
      const digits = extents.flatMap((extent, axis) => asIndex(places[axis]!, extent));
      return terms.value(source, digits);
    },
    let: (_, expression) => terms.name(expression),
  };
  return write(context);
}

const misread = ({ op }: Tensor, fact: string, fix: string): NablaError =>
  new NablaError(`${op.name}: its WGSL reads ${fact}; ${fix}`);
