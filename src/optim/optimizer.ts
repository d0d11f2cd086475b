import { grad } from '../autodiff/reverse.js';
import { NablaError, ShapeError } from '../errors.js';
import type { Updates } from '../graph/program.js';
import { Tensor } from '../graph/tensor.js';
import { add, div, minimum, mul, sqrt, square } from '../ops/arithmetic.js';
import { full, parameter, zeros } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { formatShape, sameShape } from '../shape.js';
import type { Schedule } from './schedules.js';

/** Makes a step's updates. It owns one state for each parameter, so every step that it makes shares that state. */
export interface Optimizer {
  /**
   * Next values of the parameters and of the optimizer's own state, from a scalar cost (differentiated here) or from one
   * gradient for each parameter.
   */
  updates(costOrGradients: Tensor | readonly Tensor[], parameters: readonly Tensor[]): Updates;
  /** The state's leaves by name, made where they do not exist yet: what a checkpoint saves. */
  state(parameters: readonly Tensor[]): Map<string, Tensor>;
}

export interface OptimizerOptions {
  /** A number, a scalar tensor (a parameter, say, that you write to), or a schedule. */
  learningRate?: number | Tensor | Schedule;
  /** Added to the gradient, times the parameter. */
  weightDecay?: number;
  /** Scales all gradients down together where their norm is above this: `clipByGlobalNorm`. */
  clipNorm?: number;
}

/** Scalars that all parameters share in one step. */
export interface StepScalars {
  readonly rate: Tensor;
  /** How many steps there have been, this one included. Asking for it makes the optimizer count. */
  readonly count: () => Tensor;
}
/**
 * Next values [parameter, ...state] of one parameter. All parameters get structurally the same pointwise graph of their
 * own value, gradient and state, and of scalars, so the scheduler runs a whole model in one dispatch.
 */
export type Rule = (parameter: Tensor, gradient: Tensor, state: readonly Tensor[]) => readonly Tensor[];

/** gradients · min(1, max / (norm + 10⁻⁶)), where norm is √Σg² over all of them: PyTorch's `clip_grad_norm_`. */
export function clipByGlobalNorm(gradients: readonly Tensor[], max: number): Tensor[] {
  if (!(max > 0)) throw new NablaError(`clipByGlobalNorm: max is ${max}; give a number above 0`);
  if (gradients.length === 0) return [];
  const total = gradients.map((gradient) => sum(square(gradient))).reduce((a, b) => add(a, b));
  const scale = minimum(1, div(max, add(sqrt(total), 1e-6)));
  return gradients.map((gradient) => mul(gradient, scale));
}

/** Throws unless `value` is a number in [low, high). */
export function checkNumber(optimizer: string, what: string, value: number, low = 0, high = Infinity): number {
  if (!(value >= low && value < high))
    throw new NablaError(`${optimizer}: ${what} is ${value}; give a number in [${low}, ${high})`);
  return value;
}

/** An optimizer from the names of a parameter's state tensors and the rule of one step. */
export function makeOptimizer(
  name: string,
  options: OptimizerOptions & { learningRate: NonNullable<OptimizerOptions['learningRate']> },
  slots: readonly string[],
  ruleOf: (scalars: StepScalars) => Rule,
): Optimizer {
  const { learningRate } = options;
  if (typeof learningRate === 'number') checkNumber(name, 'learningRate', learningRate);
  const counter = parameter(0, { name: 'step' });
  const leaves = new Map<Tensor, Tensor[]>();
  const stateOf = (parameters: readonly Tensor[]): Tensor[][] => {
    const fresh = parameters.filter((each) => !leaves.has(each));
    for (const each of fresh) leaves.set(each, []);
    // One kind of state after the other, each in the parameters' order: neighbours in memory.
    for (const slot of slots)
      for (const each of fresh)
        leaves.get(each)!.push(parameter(zeros(each.shape), { name: `${each.name ?? 'parameter'}.${slot}` }));
    return parameters.map((each) => leaves.get(each)!);
  };
  return {
    state(parameters) {
      const names = namesOf(parameters);
      const entries = stateOf(parameters).flatMap((state, i) =>
        state.map((leaf, slot) => [`${names[i]}.${slots[slot]}`, leaf] as const),
      );
      return new Map([['step', counter] as const, ...entries]);
    },
    updates(costOrGradients, parameters) {
      const raw = costOrGradients instanceof Tensor ? grad(costOrGradients, parameters) : costOrGradients;
      checkGradients(name, raw, parameters);
      const gradients = options.clipNorm === undefined ? raw : clipByGlobalNorm(raw, options.clipNorm);
      const state = stateOf(parameters);
      let counts = false;
      const count = (before: boolean): Tensor => {
        counts = true;
        return before ? counter : add(counter, 1);
      };
      const rate =
        typeof learningRate === 'function'
          ? learningRate(count(true))
          : typeof learningRate === 'number'
            ? full([], learningRate)
            : learningRate;
      if (rate.rank !== 0)
        throw new ShapeError(`${name}: learningRate has shape ${formatShape(rate.shape)}; give a scalar`);
      const rule = ruleOf({ rate, count: () => count(false) });
      const next = parameters.map((each, i) => rule(each, gradients[i]!, state[i]!));
      const targets = parameters.map((each, i) => [each, ...state[i]!]);
      const updates = [...slots, ''].flatMap((_, slot) =>
        targets.map((target, i) => [target[slot]!, next[i]![slot]!] as const),
      );
      return counts ? [...updates, [counter, add(counter, 1)]] : updates;
    },
  };
}

/** Names that tell parameters apart: their own where no other has it, else with their number. */
export function namesOf(parameters: readonly Tensor[]): string[] {
  const names = parameters.map((each) => each.name);
  return names.map((name, i) =>
    name === undefined ? `parameter${i}` : names.indexOf(name) === names.lastIndexOf(name) ? name : `${name}#${i}`,
  );
}

function checkGradients(name: string, gradients: readonly Tensor[], parameters: readonly Tensor[]): void {
  if (parameters.length === 0) throw new NablaError(`${name}: there are no parameters to update`);
  if (gradients.length !== parameters.length)
    throw new NablaError(`${name}: ${gradients.length} gradients for ${parameters.length} parameters; give one each`);
  parameters.forEach((each, i) => {
    if (!sameShape(each.shape, gradients[i]!.shape))
      throw new ShapeError(
        `${name}: gradient ${formatShape(gradients[i]!.shape)} for ${each.name ?? `parameter ${i}`} ${formatShape(each.shape)}; they have one shape`,
      );
  });
}
