// What fresh draws depend on: the run's seed and count, and their numbers in a step.
import type { Shape } from '../core/shape.js';
import { type Program, programNodes } from '../graph/program.js';
import { apply, type Node, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { add } from './arithmetic.js';
import { runValue } from './leaf.js';

/** `seed` takes the place of a fresh draw's number; a draw that has neither yet is numbered when its step is compiled. */
export type DrawOptions = { readonly shape: Shape; readonly seed?: number };

/** @internal Counts the runs of steps that draw fresh numbers, on the device; each adds 1. */
export const runCount = runValue('runCount');
/** @internal The seed of the run, which `fit` writes: what fresh numbers depend on beside their draw and the run count. */
export const runSeed = runValue('runSeed');

/** Whether a node is a fresh draw: it alone reads both. */
const isFresh = (node: Tensor): node is Node<DrawOptions> =>
  node.inputs[0] === runSeed && node.inputs[1] === runCount;

/** Whether computing these draws fresh numbers. */
export const drawsFresh = (roots: readonly Tensor[]): boolean => topological(roots).some(isFresh);

/**
 * The same graph with its fresh draws numbered, in the order in which the roots reach them, so that a program built again
 * has the same numbers. Those that have a seed keep it, and no other gets its number.
 */
export function numberDraws(roots: readonly Tensor[]): readonly Tensor[] {
  const order = topological(roots);
  const seedOf = (node: Node<DrawOptions>) => node.options.seed;
  const draws = order.filter(isFresh);
  const taken = new Set(draws.map(seedOf));
  if (!taken.has(undefined)) return roots;
  const done = new Map<Tensor, Tensor>();
  let next = 0;
  const nextNumber = (): number => {
    while (taken.has(next)) next++;
    return next++;
  };
  for (const node of order) {
    const inputs = node.inputs.map((input) => done.get(input)!);
    const isOpen = isFresh(node) && seedOf(node) === undefined;
    const isSame = !isOpen && inputs.every((input, i) => input === node.inputs[i]);
    const options = isOpen ? { ...node.options, seed: nextNumber() } : node.options;
    done.set(node, isSame ? node : apply(node.op, inputs, options, node.name));
  }
  return roots.map((root) => done.get(root)!);
}

/** Numbers a program's fresh draws and, where there are any, adds the update that counts runs. */
export function countRuns(program: Program): Program {
  if (!programNodes(program).includes(runCount)) return program;
  const { outputs, updates } = program;
  const roots = numberDraws([...outputs, ...updates.map(([, next]) => next)]);
  const numbered = updates.map(([target], i) => [target, roots[outputs.length + i]!] as const);
  const isCounted = updates.some(([target]) => target === runCount);
  return {
    ...program,
    outputs: roots.slice(0, outputs.length),
    updates: isCounted ? numbered : [...numbered, [runCount, add(runCount, 1)]],
  };
}
