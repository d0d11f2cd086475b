import { grad } from '../autodiff/reverse.js';
import { NablaError, ShapeError } from '../errors.js';
import type { Updates } from '../graph/program.js';
import { checkTensors, Tensor } from '../graph/tensor.js';
import { add, div, minimum, mul, sqrt, square } from '../ops/arithmetic.js';
import { full, parameter, zeros } from '../ops/leaf.js';
import { sum } from '../ops/reduce.js';
import { checkOptions } from '../options.js';
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
  /** Added to the gradient, times the parameter; 0. */
  weightDecay?: number;
  /** Scales all gradients down together where their norm is above this: `clipByGlobalNorm`. */
  clipNorm?: number;
}

/**
 * Next values [parameter, ...state] of one parameter. All parameters get structurally the same pointwise graph of their
 * own value, gradient and state, and of scalars, so the scheduler runs a whole model in one dispatch.
 */
type Rule = (parameter: Tensor, gradient: Tensor, state: readonly Tensor[]) => readonly Tensor[];

type RuleOf = (rate: Tensor, count: Tensor) => Rule;

interface OptimizerDefinition {
  readonly name: string;
  readonly options: OptimizerOptions;
  /** What it takes beside the options that all take, as `checkOptions` wants it. */
  readonly known: string;
  /** Where the options give none. */
  readonly learningRate: number;
  /** The names of a parameter's state tensors. */
  readonly slots: readonly string[];
  /** Whether the rule looks at how many steps there have been. */
  readonly counts?: boolean;
}

/** gradients · min(1, max / (norm + 10⁻⁶)), where norm is √Σg² over all of them: PyTorch's `clip_grad_norm_`. */
export function clipByGlobalNorm(gradients: readonly Tensor[], max: number): Tensor[] {
  if (!(max > 0)) throw new NablaError(`clipByGlobalNorm: max is ${max}; give a number above 0`);
  if (!Array.isArray(gradients)) throw new NablaError('clipByGlobalNorm: gradients are a list; pass [gradient]');
  checkTensors('clipByGlobalNorm', ...gradients);
  if (gradients.length === 0) return [];
  const total = gradients.map((gradient) => sum(square(gradient))).reduce((a, b) => add(a, b));
  const scale = minimum(1, div(max, add(sqrt(total), 1e-6)));
  return gradients.map((gradient) => mul(gradient, scale));
}

/** Throws unless all values are numbers in [0, high). */
export function checkNumbers(optimizer: string, values: Readonly<Record<string, number>>, high = Infinity): void {
  for (const [what, value] of Object.entries(values))
    if (!(value >= 0 && value < high))
      throw new NablaError(`${optimizer}: ${what} is ${value}; give a number in [0, ${high})`);
}

/** An optimizer from the rule of one step, which it makes from the step's scalars: `count` includes this step. */
export function makeOptimizer({ name, options, slots, ...rest }: OptimizerDefinition, ruleOf: RuleOf): Optimizer {
  checkOptions(name, options, '', `learningRate weightDecay clipNorm ${rest.known}`);
  const { learningRate = rest.learningRate, weightDecay = 0, clipNorm } = options;
  checkNumbers(name, { ...(typeof learningRate === 'number' && { learningRate }), weightDecay });
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
      const clipped = clipNorm === undefined ? raw : clipByGlobalNorm(raw, clipNorm);
      const scheduled = typeof learningRate === 'function' ? learningRate(counter) : learningRate;
      const rate = typeof scheduled === 'number' ? full([], scheduled) : scheduled;
      if (rate.rank !== 0)
        throw new ShapeError(`${name}: learningRate has shape ${formatShape(rate.shape)}; give a scalar`);
      const counted = add(counter, 1);
      const rule = ruleOf(rate, counted);
      const state = stateOf(parameters);
      const next = parameters.map((each, i) => {
        const gradient = weightDecay === 0 ? clipped[i]! : add(clipped[i]!, mul(weightDecay, each));
        return rule(each, gradient, state[i]!);
      });
      // One kind of update after the other
      const updates = [-1, ...slots.keys()].flatMap((slot) =>
        parameters.map((each, i) => [state[i]![slot] ?? each, next[i]![slot + 1]!] as const),
      );
      return rest.counts || typeof learningRate === 'function' ? [...updates, [counter, counted]] : updates;
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
  for (const [i, { shape, name: own = `parameter ${i}` }] of parameters.entries())
    if (!sameShape(shape, gradients[i]!.shape))
      throw new ShapeError(
        `${name}: gradient ${formatShape(gradients[i]!.shape)} for ${own} ${formatShape(shape)}; they have one shape`,
      );
}
