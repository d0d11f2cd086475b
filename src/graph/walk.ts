// Graph walks in topological order, without recursion, and trees of tensors.
import type { TensorData } from '../core/dtype.js';
import { NablaError } from '../core/errors.js';
import { Tensor, type Tree } from './tensor.js';

/** All nodes that the roots need, inputs before users. Iterative: deep graphs do not overflow the stack. */
export function topological(
  roots: readonly Tensor[],
  inputsOf = ({ inputs }: Tensor) => inputs,
): Tensor[] {
  const order = new Set<Tensor>();
  const open = new Set<Tensor>();
  const stack = [...roots].reverse();
  for (let node = stack.at(-1); node; node = stack.at(-1)) {
    if (open.has(node) || order.has(node)) {
      order.add(node);
      open.delete(node);
      stack.pop();
      continue;
    }
    open.add(node);
    for (const input of [...inputsOf(node)].reverse()) {
      if (open.has(input))
        throw new NablaError(`${node.op.name}: the graph has a cycle through this node`);
      stack.push(input);
    }
  }
  return [...order];
}

/** The nodes of `order` (inputs first) that depend on one of `sources`, sources included. */
export function dependents(order: readonly Tensor[], sources: Iterable<Tensor>): Set<Tensor> {
  const reached = new Set(sources);
  for (const node of order) if (node.inputs.some((input) => reached.has(input))) reached.add(node);
  return reached;
}

type Replace = (tensor: Tensor) => unknown;
/** The same tree with each tensor replaced, in a fixed order. `path` and `above` say where in the whole it stands. */
export function mapTree(
  tree: Tree,
  replace: Replace,
  path = '',
  above: readonly Tree[] = [],
): unknown {
  if (tree instanceof Tensor) return replace(tree);
  if (above.includes(tree))
    throw new NablaError(`${path}: the tree holds itself; give a tree without circles`);
  if (!tree || typeof tree !== 'object')
    throw new NablaError(
      `${path || 'tree'}: ${String(tree)} is not a tensor, nor an array or object of tensors`,
    );
  const at = (place: string, branch: Tree): unknown =>
    mapTree(branch, replace, path + place, [...above, tree]);
  if (Array.isArray(tree)) return tree.map((branch, i) => at(`[${i}]`, branch));
  const dot = path ? '.' : '';
  const branches = Object.entries(tree).map(([key, branch]) => [key, at(dot + key, branch)]);
  return Object.fromEntries(branches);
}

/** The tensors of a tree, in the same order. */
export function tensorsOf(tree: Tree): Tensor[] {
  const tensors: Tensor[] = [];
  mapTree(tree, (tensor) => tensors.push(tensor));
  return tensors;
}

/** The tree with each tensor replaced by its value; unknown for a tree of unknown form. */
export type Evaluated<T> = [Tree] extends [T]
  ? unknown
  : T extends Tensor
    ? TensorData
    : { readonly [K in keyof T]: Evaluated<T[K]> };

/** A value as its receiver may have it: nodes keep shapes that nobody can write to, this one has its own. */
export const ownShape = (value: TensorData): TensorData => ({ ...value, shape: [...value.shape] });

/** A tree with its tensors replaced by their values, which stand in its order. */
export function inPlaceOf(tree: Tree, values: readonly TensorData[]): unknown {
  let next = 0;
  return mapTree(tree, () => ownShape(values[next++]!));
}
