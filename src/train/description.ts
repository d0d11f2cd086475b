// What a run trains, in a few words that a checkpoint keeps: so that another model, loss or data set is named, not trained on.

import { codesOf, fnv1a } from '../core/hash.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Dataset } from '../data/dataset.js';
import { isScaled } from '../data/dataset.js';
import { isParameter, programNodes } from '../graph/program.js';
import { isData, optionsText } from '../graph/structure.js';
import type { Tensor } from '../graph/tensor.js';
import { input } from '../ops/leaf.js';
import type { FitOptions } from './options.js';

/** A part of a training step: how often each op occurs in it, and a hash of ops, options, shapes and wiring. */
interface Part {
  readonly ops: Readonly<Record<string, number>>;
  readonly hash: string;
}

/** What decides where a run goes, beside its numbers. */
export interface Description {
  readonly model: Part;
  readonly loss: Part;
  readonly optimizer: Part;
  readonly data: string;
  readonly shuffle: boolean;
  readonly precision: string;
}

/** 64 bits of hash: two of different beginnings. */
const hashOf = (numbers: Iterable<number>): string =>
  [fnv1a(numbers), fnv1a(numbers, 0x9dc5811c)]
    .map((each) => each.toString(16).padStart(8, '0'))
    .join('');

/** The nodes that `outputs` need and `before` does not have. */
function partOf(outputs: readonly Tensor[], before: Set<Tensor>): Part {
  const nodes = programNodes({ outputs, updates: [] });
  const places = new Map(nodes.map((node, i) => [node, i]));
  const ops: Record<string, number> = {};
  const lines = nodes.map((node) => {
    const { op, options, dtype, shape, inputs } = node;
    if (!before.has(node)) ops[op.name] = (ops[op.name] ?? 0) + 1;
    before.add(node);
    const wiring = inputs.map((each) => places.get(each)).join();
    // of parameters and constants the values are no part of what is trained
    const settings = isParameter(node) || isData(node) ? '' : optionsText(options);
    return `${op.name}${settings}${dtype}[${shape.join()}](${wiring})`;
  });
  return { ops, hash: hashOf(codesOf(lines.join(';'))) };
}

/** Numbers of a data set that its hash is made of, at most: evenly spread, so that it takes no time. */
const SAMPLE = 2 ** 20;

/** Examples and a hash of values: "60000 of [784] u8, 3f2c…". */
function describeData({ values, rows }: Dataset): string {
  const parts = [values.inputs, values.labels].map((leaf) => {
    const { data } = ownValue(leaf);
    const words = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const stride = Math.max(1, Math.floor(words.length / SAMPLE));
    const picked = new Uint8Array(Math.ceil(words.length / stride));
    for (let i = 0; i < picked.length; i++) picked[i] = words[i * stride] ?? 0;
    return `[${leaf.shape.slice(1)}] ${leaf.dtype} ${hashOf(picked)}`;
  });
  return `${rows.length} examples of ${parts.join(' and ')} in order ${hashOf(rows)}`;
}

/** Describes a run by the graph of a step of one batch. */
export function describeRun(options: FitOptions): Description {
  const { model, loss, optimizer, data, batchSize, shuffle = true, precision = 'f32' } = options;
  const { inputs, labels } = data.values;
  const examples = Math.min(batchSize, data.length);
  const like = ({ shape, dtype }: Tensor, kind = dtype): Tensor =>
    input([examples, ...shape.slice(1)], { dtype: kind });
  const x = like(inputs, isScaled(inputs.dtype) ? 'f32' : inputs.dtype);
  const output = model.apply(x, { training: true, updates: [] });
  const cost = loss(output, like(labels));
  const updates = optimizer.updates(cost, model.parameters).map(([, next]) => next);
  const seen = new Set<Tensor>();
  return {
    model: partOf([output], seen),
    loss: partOf([cost], seen),
    optimizer: partOf(updates, seen),
    data: describeData(data),
    shuffle,
    precision,
  };
}

/** "2 tanh here and none there", for the ops that occur more often on one side. */
function opsThatDiffer(here: Part, there: Part): string[] {
  const names = [...new Set([...Object.keys(here.ops), ...Object.keys(there.ops)])];
  return names.flatMap((name) => {
    const { [name]: own = 0 } = here.ops;
    const { [name]: other = 0 } = there.ops;
    return own === other ? [] : [`${own} × ${name} here and ${other} × in the checkpoint`];
  });
}

/** How a run differs from what a checkpoint says of its own: a phrase for each part. */
export function differences(here: Description, there: Description): string[] {
  const found: string[] = [];
  for (const part of ['model', 'loss', 'optimizer'] as const) {
    const own = here[part];
    const other = there[part];
    if (own.hash === other.hash) continue;
    const ops = opsThatDiffer(own, other);
    found.push(`${part}: ${ops.slice(0, 4).join(', ') || 'other numbers, shapes or order'}`);
  }
  for (const what of ['data', 'shuffle', 'precision'] as const)
    if (here[what] !== there[what])
      found.push(`${what}: ${here[what]} here and ${there[what]} in the checkpoint`);
  return found;
}
