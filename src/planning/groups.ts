// Fusion groups: what one kernel computes and in which index space, as immutable values.
import { sizeOf } from '../core/shape.js';
import { outputIndex } from '../graph/several.js';
import type { Tensor } from '../graph/tensor.js';
import { countOf, digit, type Index, sameIndex, split } from '../wgsl/indices.js';
import { foldedAxes, isVirtual } from './nodes.js';

/** The indices of what a kernel computes, in the variables that its text declares. */
export interface Space {
  /** Of an element of the result; of a fold, of what one row folds to. */
  readonly row: Index;
  /** The same; of a fold, of an element of what it folds. */
  readonly element: Index;
}

/** What a kernel computes, whatever it reads. */
export interface Computation {
  /** Elementwise results alone, folds of the columns of rows × columns, one matrix product, or an op with a kernel of its own. */
  readonly kind: 'map' | 'reduce' | 'matmul' | 'written';
  /** What it computes, in the order in which that joined: heavy ops, and elementwise results on top while those are in registers. */
  readonly members: readonly [Tensor, ...Tensor[]];
  readonly space: Space;
}

/** One kernel to be. */
export interface Group extends Computation {
  /** The nodes that it reads from buffers, and whether it reads each at its own element alone. */
  readonly reads: ReadonlyMap<Tensor, boolean>;
  /** The values behind these: what other kernels write there. */
  readonly needs: ReadonlySet<Tensor>;
  /** The members that others need. */
  readonly stores: readonly Tensor[];
}

const alone = (kind: Computation['kind'], node: Tensor, space: Space): Computation => ({
  kind,
  members: [node],
  space,
});

/** The node that computes a value: of an output of several, the one that computes them all. */
export const callOf = (node: Tensor): Tensor =>
  outputIndex(node) === undefined ? node : (node.inputs[0] ?? node);

/** What a kernel for one node computes. `outputs` are all that the node's op computes with it, in order. */
export function computationOf(
  node: Tensor,
  outputs: readonly [Tensor, ...Tensor[]] = [node],
): Computation {
  const { kernel } = node.op;
  switch (kernel.kind) {
    case 'pointwise':
    case 'index': {
      const index = digit('i', sizeOf(node.shape));
      return alone('map', node, { row: index, element: index });
    }
    case 'matmul':
      return alone('matmul', node, productSpace(node));
    case 'reduce': {
      const [x] = node.inputs;
      return alone('reduce', node, foldSpace(x?.shape ?? [], foldedAxes(node)));
    }
    case 'scatter': {
      // it folds the positions for each element of its result
      const positions = positionsOf(node);
      return alone('reduce', node, foldSpace([...node.shape, positions], [node.rank]));
    }
    case 'across':
    case 'written':
    case 'output':
      return { ...alone('written', node, { row: [], element: [] }), members: outputs };
    case 'leaf':
    case 'composed':
      throw new RangeError(`${node.op.name} has no kernel of its own`);
    default:
      return kernel satisfies never;
  }
}

/** [batch, m, n] */
function productSpace({ shape }: Tensor): Space {
  const [m = 1, n = 1] = shape.slice(-2);
  const batch = digit('batch', sizeOf(shape.slice(0, -2)));
  const index = [...batch, ...digit('m', m), ...digit('n', n)];
  return { row: index, element: index };
}

/** Rows are what is left of a shape, columns what is folded. */
function foldSpace(shape: readonly number[], axes: readonly number[]): Space {
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const folded = axes.map((axis) => shape[axis] ?? 1);
  const row = digit('row', sizeOf(kept));
  const rows = split(row, kept, String);
  const columns = split(digit('column', sizeOf(folded)), folded, String);
  const element = shape.flatMap((_, axis) => (axes.includes(axis) ? columns : rows).shift() ?? []);
  return { row, element };
}

/** How many positions of a list a scatter looks through: values are [outer, positions, inner]. */
const positionsOf = ({ inputs: [values] }: Tensor): number => values?.shape[1] ?? 1;

/** A computation with one more member. */
export const withMember = <T extends Computation>(computation: T, member: Tensor): T => ({
  ...computation,
  members: [...computation.members, member],
});

/** Its members that are no elementwise results: what those are computed on top of. */
export const headsOf = ({ members }: Computation): Tensor[] =>
  members.filter((member) => !isVirtual(member));

/** Whether two folds run over the same rows and columns, in the same order. */
export const sameSpace = ({ space: a }: Computation, { space: b }: Computation): boolean =>
  countOf(a.row) === countOf(b.row) && sameIndex(a.element, b.element);

/** The index at which a kernel computes a member; undefined where its size does not fit the space. */
export function indexOf({ space }: Computation, member: Tensor): Index | undefined {
  const size = sizeOf(member.shape);
  return [space.row, space.element].find((index) => countOf(index) === size);
}

/** An element of a node. */
export type Element = readonly [node: Tensor, index: Index];

/** What a fold reads for one element of its space: an operand, or the index and the value that a scatter adds there. */
export function foldedBy(head: Tensor, { row, element }: Space): Element[] {
  if (head.op.kernel.kind !== 'scatter') return head.inputs.map((x) => [x, element] as const);
  const [outer = [], , inner = []] = split(row, head.shape, String);
  const position = digit('column', positionsOf(head));
  const [values, indices] = head.inputs;
  return [
    ...(indices ? [[indices, position] as const] : []),
    ...(values ? [[values, [...outer, ...position, ...inner]] as const] : []),
  ];
}

/** Whether four neighbouring results of a product read four neighbours here, at their own index or along n alone. */
export function isAlongResults({ space }: Computation, index: Index): boolean {
  const n = space.row.at(-1);
  const [only, ...others] = index;
  // an element that n counts out, of this many or more
  const isN = n?.base === 'n' && only?.base === 'n' && only.divisor === 1;
  const isAlongN = isN && others.length === 0 && only.extent >= n.extent;
  return isAlongN || sameIndex(index, space.row);
}
