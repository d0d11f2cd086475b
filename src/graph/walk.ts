import { NablaError } from '../errors.js';
import { Tensor, type Tree } from './tensor.js';

/** All nodes that the roots need, inputs before users. Iterative: deep graphs do not overflow the stack. */
export function topological(
  roots: readonly Tensor[],
  inputsOf: (node: Tensor) => readonly Tensor[] = (node) => node.inputs,
): Tensor[] {
  const order: Tensor[] = [];
  const state = new Map<Tensor, 'open' | 'done'>();
  const stack: Tensor[] = [...roots].reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!;
    if (state.has(node)) {
      stack.pop();
      if (state.get(node) === 'open') {
        state.set(node, 'done');
        order.push(node);
      }
      continue;
    }
    state.set(node, 'open');
    const inputs = inputsOf(node);
    for (let i = inputs.length - 1; i >= 0; i--) {
      const input = inputs[i]!;
      if (state.get(input) === 'open') throw new NablaError(`${node.op.name}: the graph has a cycle through this node`);
      if (!state.has(input)) stack.push(input);
    }
  }
  return order;
}

/** The nodes of `order` (inputs first) that depend on one of `sources`, sources included. */
export function dependents(order: readonly Tensor[], sources: ReadonlySet<Tensor>): Set<Tensor> {
  const reached = new Set<Tensor>();
  for (const node of order) if (sources.has(node) || node.inputs.some((input) => reached.has(input))) reached.add(node);
  return reached;
}

/** The tensors of a tree, in a fixed order, each with its path (for messages and results). */
export function flattenTree(tree: Tree, path = '', above: readonly Tree[] = []): { path: string; tensor: Tensor }[] {
  if (tree instanceof Tensor) return [{ path: path || 'output', tensor: tree }];
  if (above.includes(tree))
    throw new NablaError(`${path}: the tree holds itself; give tensors in a tree without circles`);
  const within = [...above, tree];
  if (Array.isArray(tree)) return tree.flatMap((branch, i) => flattenTree(branch, `${path}[${i}]`, within));
  if (tree && typeof tree === 'object')
    return Object.entries(tree).flatMap(([key, branch]) => flattenTree(branch, path ? `${path}.${key}` : key, within));
  throw new NablaError(`${path || 'tree'}: ${String(tree)} is not a tensor, nor an array or object of tensors`);
}

/** The same tree with each tensor replaced. */
export function mapTree<T>(tree: Tree, replace: (tensor: Tensor) => T): unknown {
  if (tree instanceof Tensor) return replace(tree);
  if (Array.isArray(tree)) return tree.map((branch) => mapTree(branch, replace));
  return Object.fromEntries(Object.entries(tree).map(([key, branch]) => [key, mapTree(branch, replace)]));
}
