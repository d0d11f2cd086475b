// Sums over many tensors as dispatches: what they read is laid side by side where it may be, and bound by the buffer.
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { emitAcross, type Pieces } from '../kernels/across.js';
import type { EmitOptions } from '../kernels/options.js';
import { tensor } from '../ops/leaf.js';
import { piecesOf } from '../ops/totals.js';
import type { Place } from '../planning/context.js';
import type { Group } from '../planning/groups.js';
import type { Launch } from './launch.js';
import { placeInRow, wholeVectors } from './memory.js';

/** Whether a kernel sums up many tensors. */
export const isAcross = ({ members: [node] }: Group): boolean => node.op.kernel.kind === 'across';

/** Where a tensor lies: so many elements behind the first of the node that its buffer is bound from. */
interface Part {
  readonly range: Tensor;
  readonly offset: number;
}

/** Pieces of one buffer each: where they begin, how long they are, and where their sums go. */
interface Bound extends Part {
  readonly length: number;
  readonly sum: number;
}

function partOf(node: Tensor, places: ReadonlyMap<Tensor, Place>): Part {
  const place = places.get(node);
  const [first] = place?.buffer.nodes ?? [];
  return place && first ? { range: first, offset: place.offset / 4 } : { range: node, offset: 0 };
}

/** Ranges of so many at a time, with their pieces. */
function inTurns(bound: readonly Bound[], most: number): Pieces[] {
  const ranges = [...new Set(bound.map(({ range }) => range))];
  const turns: Pieces[] = [];
  for (let at = 0; at < ranges.length; at += most) {
    const some = ranges.slice(at, at + most);
    const own = bound.filter(({ range }) => some.includes(range));
    const rows = own.map(({ range, offset, length, sum }) => {
      return [offset, length, some.indexOf(range), sum];
    });
    const table = tensor(Uint32Array.from(rows.flat()), [4 * own.length], { dtype: 'u32' });
    turns.push({ ranges: some, table, count: own.length });
  }
  return turns;
}

/** The dispatches of a sum over many tensors: one, but for what lies in more buffers than one can bind. */
export function acrossLaunches(
  group: Group,
  options: EmitOptions,
  places: Map<Tensor, Place>,
): Launch[] {
  const { shared, limits } = options;
  const [node] = group.members;
  const inputs = node.inputs.map(base);
  const pieces = piecesOf(inputs.map(({ shape }) => shape));
  const bound = pieces.flatMap(({ input, start, length }, sum) =>
    inputs.slice(input, input + 1).map((each): Bound => {
      const { range, offset } = partOf(each, places);
      return { range, offset: offset + start, length, sum };
    }),
  );
  // two are for the table and the sums
  const turns = inTurns(bound, limits.storageBuffers - 2);
  // its sums are made by all of these
  placeInRow('slot', [node], places, limits.bindingBytes);
  return turns.map((turn, at): Launch => {
    placeInRow('constant', [turn.table], shared, limits.bindingBytes);
    const place = shared.get(turn.table);
    if (place) places.set(turn.table, place);
    const spans = turn.ranges.flatMap((range) => {
      const buffer = places.get(range)?.buffer;
      return buffer ? [[range, wholeVectors(buffer.bytes)] as const] : [];
    });
    // they are whole after the last
    const own = at < turns.length - 1 ? { ...group, stores: [] } : group;
    return { groups: [own], kernel: emitAcross(node, turn, options), spans: new Map(spans) };
  });
}
