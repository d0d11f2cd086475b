// Mixed precision (Micikevicius et al. 2018): what matrix products read lies in f16; they add in f32, and parameters, the
// optimizer's state and all else stay f32. Small gradients would vanish in f16, so the cost is scaled up before it is
// differentiated and the gradients down after.

import { checkChoice } from '../core/options.js';
import { isParameter, type Program, type Updates } from '../graph/program.js';
import { apply, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { add, div, maximum, minimum, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { equal, less, notFinite, where } from '../ops/compare.js';
import { parameter } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { grad, total } from './reverse.js';

/** The scale at first and at most, and the steps without an overflow after which it doubles; an overflow halves it. */
const [FIRST, LARGEST, INTERVAL] = [2 ** 16, 2 ** 24, 2000];

/** Makes the updates that a cost's gradients give. */
interface Recipe {
  readonly cost: Tensor;
  readonly parameters: readonly Tensor[];
  readonly updates: (gradients: readonly Tensor[], parameters: readonly Tensor[]) => Updates;
}
const recipes = new WeakMap<Updates[number], Recipe>();

/** The updates of a recipe. `inPrecision` makes them again from a scaled cost. */
export function follow(recipe: Recipe): Updates {
  const updates = recipe.updates(grad(recipe.cost, recipe.parameters), recipe.parameters);
  for (const update of updates) recipes.set(update, recipe);
  return updates;
}

const scales = new WeakMap<Tensor, { scale: Tensor; steps: Tensor }>();

/** The loss scale and the steps since it changed, which all steps of a model share. */
function scaleOf([first]: readonly Tensor[]): { scale: Tensor; steps: Tensor } {
  const known = scales.get(first!) ?? {
    scale: parameter(FIRST, { name: 'loss scale' }),
    steps: parameter(0),
  };
  scales.set(first!, known);
  return known;
}

/** The same, for checkpoints: nothing where no step has a scale, unless it is wanted all the same. */
export const scalingOf = (
  parameters: readonly Tensor[],
  wanted: boolean,
): Record<string, Tensor> =>
  wanted || (parameters[0] && scales.has(parameters[0])) ? scaleOf(parameters) : {};

/** A step with an infinity or a NaN among its gradients updates nothing but the scale. */
function scaleCost({ cost, parameters, updates }: Recipe): Updates {
  const { scale, steps } = scaleOf(parameters);
  const gradients = grad(mul(cost, scale), parameters).map((gradient) => div(gradient, scale));
  const isSound = equal(total(gradients.map((gradient) => sum(notFinite(gradient)))), 0);
  const isYoung = less(steps, INTERVAL - 1);
  const grown = where(isYoung, scale, minimum(mul(scale, 2), LARGEST));
  return [
    ...updates(gradients, parameters).map(
      ([target, next]) => [target, where(isSound, next, target)] as const,
    ),
    [scale, where(isSound, grown, maximum(div(scale, 2), 1))],
    [steps, where(isSound, where(isYoung, add(steps, 1), 0), 0)],
  ];
}

const half = (x: Tensor): Tensor => (x.dtype === 'f32' ? cast(cast(x, 'f16'), 'f32') : x);

/** What a product reads as it lies. */
function underViews(node: Tensor): Tensor {
  let at = node;
  while (at.op.view === 'reshape' || at.op.view === 'permute') at = at.inputs[0]!;
  return at;
}

/** What matrix products read: single or half. */
export type Precision = 'f32' | 'f16';

/** A program in a precision: what products read is rounded for all of its readers, but for parameters. */
export function inPrecision(program: Program, precision: Precision = 'f32'): Program {
  if (checkChoice('compile', 'precision', precision, ['f32', 'f16']) === 'f32') return program;
  const scaled = new Set(program.updates.flatMap((update) => recipes.get(update) ?? []));
  const others = program.updates.filter((update) => !recipes.has(update));
  const updates = [...others, ...[...scaled].flatMap(scaleCost)];
  const order = topological([...program.outputs, ...updates.map(([, next]) => next)]);
  const isProduct = ({ op }: Tensor): boolean => op.kernel.kind === 'matmul';
  const read = new Set(order.filter(isProduct).flatMap(({ inputs }) => inputs.map(underViews)));
  const done = new Map<Tensor, Tensor>();
  for (const node of order) {
    const inputs = node.inputs.map((input) => {
      const mapped = done.get(input)!;
      return isProduct(node) && isParameter(underViews(input)) ? half(mapped) : mapped;
    });
    const same = inputs.every((input, i) => input === node.inputs[i]);
    const own = same ? node : apply(node.op, inputs, node.options, node.name);
    done.set(node, read.has(node) && !isParameter(node) ? half(own) : own);
  }
  return {
    ...program,
    outputs: program.outputs.map((node) => done.get(node)!),
    updates: updates.map(([target, next]) => [target, done.get(next)!]),
  };
}
