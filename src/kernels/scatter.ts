// The gradient of a gather, row by row: each walks the index list in order and adds to itself what it owns.
import gatherSource from '../../shaders/gather.wgsl?raw';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { foldedBy, type Group } from '../planning/groups.js';
import { type AdapterClass, choices } from '../planning/limits.js';
import { isScatter } from '../planning/nodes.js';
import type { Writer } from '../wgsl/writer.js';
import { overColumns } from './results.js';

/** Whether one invocation had better make a whole row: it reads an index once for all of the row. */
export function scattersRows({ members }: Group, adapter: AdapterClass): boolean {
  const [head, ...others] = members;
  if (others.length > 0 || !isScatter(head) || head.dtype !== 'f32') return false;
  const [, indices] = head.inputs;
  const comparisons = sizeOf(head.shape) * (indices?.shape[0] ?? 0);
  return comparisons > choices[adapter].manyComparisons;
}

/** A loop over the elements of a slot's row. */
const alongRow = (body: string): string => {
  const head = 'for (var j = 0u; j < INNER + zero; j++)';
  return `${head} {\nlet row = slot * INNER + j;\n${body}\n}`;
};

/** Writes the rows of a scatter, [outer · slots, inner]. */
export function foldRows(
  writer: Writer,
  { space }: Group,
  scatter: Tensor,
  target: (node: Tensor) => Tensor,
): void {
  const [index, added] = foldedBy(scatter, space);
  if (!index || !added) throw new RangeError('a scatter has indices and values');
  writer.open('column');
  const found = `u32(${writer.value(...index)})`;
  writer.open('row');
  const value = writer.value(...added);
  const inside = writer.close();
  const around = writer.close();
  const own = `${writer.bind(target(scatter), 'read_write')}[row]`;
  const slot = `slot % ${scatter.shape[1]}u`;
  const add = writer.vocabulary.take({ name: 'scatter_add', source: gatherSource });
  const sum = alongRow(`${inside}\n${own} = ${add}(${own}, ${value}, ${found}, ${slot});`);
  const matching = `if (${found} == ${slot}) {\n${sum}\n}`;
  const columns = overColumns(`${around}\n${matching}`);
  const statements = ['let slot = row;', alongRow(`${own} = 0.0;`), columns];
  writer.push(statements.join('\n'));
}
