// Ops of several outputs. One node computes them all, and has no value of its own; for each output there is a node that
// takes it from there. Only the latter are seen by who calls the op.
import type { Form, One, TensorRecord } from './op.js';
import { apply, type Tensor } from './tensor.js';

export type OutputOptions = { readonly index: number };
const formOf = ([call]: One, { index }: OutputOptions): Form => call.outputs![index]!;
/** Takes one output from the node that computes several. */
const outputOp: TensorRecord<OutputOptions, One> = {
  name: 'output',
  cost: 'free',
  accepts: 'any',
  shape: (inputs, options) => formOf(inputs, options).shape,
  dtype: (inputs, options) => formOf(inputs, options).dtype,
  reference: ([x]) => x,
  propagate: (_, [errors]) => errors,
  kernel: { kind: 'output' },
};

/** The nodes that take the outputs of each: the same whenever they are asked for, so that one can be differentiated by. */
const taken = new WeakMap<Tensor, readonly Tensor[]>();

/** The outputs of a node that computes several, one node for each. */
export function outputsOf(call: Tensor): readonly Tensor[] {
  const known = taken.get(call);
  if (known) return known;
  const outputs = call.outputs!.map((_, index) => apply(outputOp, [call], { index }));
  taken.set(call, outputs);
  return outputs;
}

/** Which output of its input a node takes; undefined of all other nodes. */
export function outputIndex({ op, options }: Tensor): number | undefined {
  return op.kernel.kind === 'output' ? (options as OutputOptions).index : undefined;
}

/** What a value is computed from: an output of several by the inputs of the node that computes them all. */
export function sourcesOf({ inputs }: Tensor): readonly Tensor[] {
  return inputs.flatMap((input) => (input.outputs ? input.inputs : input));
}

/** A list for the outputs of a node, with what one of them has. */
export function onlyAt<T>(call: Tensor, index: number, value: T): (T | undefined)[] {
  return call.outputs!.map((_, i) => (i === index ? value : undefined));
}
