// Looks through views: nodes whose elements are those of another, under another shape, repeated, reordered or converted.
import type { Tensor } from './tensor.js';
import type { View } from './traits.js';

/** The first node that is not such a view, on the way along first inputs. */
function under(node: Tensor, isView: (node: Tensor) => boolean): Tensor {
  let at = node;
  for (let [viewed] = at.inputs; viewed && isView(at); [viewed] = at.inputs) at = viewed;
  return at;
}

const isViewOf = ({ op }: Tensor, kinds: readonly View[]): boolean =>
  op.view !== undefined && kinds.includes(op.view);

/** What is under views of these kinds. */
export function underViews(node: Tensor, kinds: readonly View[]): Tensor {
  return under(node, (at) => isViewOf(at, kinds));
}

/** What is under reshapes, which share memory with what they reshape. */
export const base = (node: Tensor): Tensor => under(node, ({ op }) => op.view === 'reshape');

/** The halves that a node of a lowered graph widens to f32, if it does nothing else: only a cast reads f16 there. */
export function halvesOf(node: Tensor): Tensor | undefined {
  const at = base(node);
  const [x] = at.inputs;
  return at.dtype === 'f32' && x?.dtype === 'f16' ? base(x) : undefined;
}

/** What a repeated, reordered or widened value of a lowered graph is computed as. */
export function origin(node: Tensor): Tensor {
  const kinds: readonly View[] = ['reshape', 'repeat', 'permute'];
  return under(node, (at) => isViewOf(at, kinds) || halvesOf(at) !== undefined);
}

/** Where whole numbers come from: what is under views that keep all elements, and under casts. */
export function originOfIntegers(node: Tensor): Tensor {
  return under(
    node,
    ({ op }) => op.passesIntegers === true || (op.view !== undefined && op.view !== 'block'),
  );
}

/** The axes of its input that the axes of a permuting view are. */
export const permutationOf = ({ options }: Tensor): readonly number[] =>
  (options as { axes: readonly number[] }).axes;

/** The matrices that a node is the transposes of, if it is a view of nothing else. */
export function transposedMatrices(node: Tensor): Tensor | undefined {
  if (node.op.view !== 'permute') return undefined;
  const last = node.rank - 1;
  const swapped = (axis: number): number => (axis < last - 1 ? axis : 2 * last - 1 - axis);
  return permutationOf(node).every((axis, i) => axis === swapped(i)) ? node.inputs[0] : undefined;
}
