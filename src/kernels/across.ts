// Kernels of sums over many tensors: a workgroup for each piece, whichever buffer that lies in.
import skeleton from '../../shaders/totals.wgsl?raw';
import type { Tensor } from '../graph/tensor.js';
import { choices } from '../planning/limits.js';
import type { Kernel } from '../wgsl/bindings.js';
import { Writer } from '../wgsl/writer.js';
import type { EmitOptions } from './options.js';

/** What one dispatch sums up: the buffers, by the node that each is bound from, and a table of the pieces in them. */
export interface Pieces {
  readonly ranges: readonly Tensor[];
  /** For each piece where it begins, its length, the number of its range, and where its sum goes: u32 [pieces · 4]. */
  readonly table: Tensor;
  readonly count: number;
}

/** The kernel of a node whose kernel goes across tensors, for some of its pieces. */
export function emitAcross(
  node: Tensor,
  { ranges, table, count }: Pieces,
  options: EmitOptions,
): Kernel {
  const { kernel } = node.op;
  if (kernel.kind !== 'across') throw new RangeError(`${node.op.name} sums up no pieces`);
  const writer = new Writer(() => undefined, 0);
  writer.open();
  const called = writer.vocabulary.take({ name: kernel.name, source: kernel.source });
  const sums = ranges.map((range, number) => {
    const buffer = writer.bind(range, 'read');
    const add = `sum += ${called}(${buffer}[at + k]);`;
    const loop = `for (var k = lane; k < length; k += WIDTH) {\n${add}\n}`;
    return `if (range == ${number}u) {\n${loop}\n}`;
  });
  const parts = {
    ranges: sums.join('\n'),
    table: `let piece = ${writer.bind(table, 'read', true)}[group.x];`,
    store: `${writer.bind(node, 'read_write')}[piece.w] = tree[0];`,
  };
  const constants = { WIDTH: choices[options.adapter].acrossWidth };
  return writer.kernel(skeleton, { parts, constants }, [count, 1, 1]);
}
