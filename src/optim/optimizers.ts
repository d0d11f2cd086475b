// Optimizers: sgd, adam, adamW and rmsProp, as updates of parameters and state in the graph.
import { grad } from '../autodiff/reverse.js';
import { NablaError } from '../core/errors.js';
import { checkNumbers, checkOptions } from '../core/options.js';
import { printedAs } from '../core/print.js';
import { sameShape } from '../core/shape.js';
import { programNodes, type Updates } from '../graph/program.js';
import { checkTensors, Tensor } from '../graph/tensor.js';
import { namesOf } from '../nn/state.js';
import { tanh } from '../ops/activation.js';
import { add, div, minimum, mul, sqrt, square, sub } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { full, parameter, zeros } from '../ops/leaf.js';
import { descend, movingAverage, scaledDirection } from '../ops/optimizer.js';
import { sumOfSquares } from '../ops/totals.js';
import { misfit } from '../ops/view.js';
import type { Schedule } from './schedules.js';

/** Makes the updates of a step. It has one state for each parameter, which all steps made with it share. */
export interface Optimizer {
  /**
   * New values of the parameters and of the optimizer's state, from a scalar cost (which is differentiated) or from one
   * gradient for each parameter.
   */
  updates(costOrGradients: Tensor | readonly Tensor[], parameters: readonly Tensor[]): Updates;
  /** The parameters that hold the optimizer's state, by name, for checkpoints; created if they do not exist yet. */
  state(parameters: readonly Tensor[]): Map<string, Tensor>;
}

/** Options of every optimizer. */
export interface OptimizerOptions {
  /** A number, a scalar tensor (such as a parameter that you write to), or a schedule. */
  learningRate?: number | Tensor | Schedule;
  /** Factor of the parameter that is added to its gradient; 0 by default. */
  weightDecay?: number;
  /** Largest norm of all gradients together; see `clipByGlobalNorm`. */
  clipNorm?: number;
}

/**
 * Next values [parameter, ...state] of one parameter. All parameters get structurally the same pointwise graph of their
 * own value, gradient and state, and of scalars, so the scheduler runs a whole model in one dispatch.
 */
type Rule = (
  parameter: Tensor,
  gradient: Tensor,
  ...state: Tensor[]
) => readonly [next: Tensor, ...state: Tensor[]];

/** The names of what every optimizer takes. */
const COMMON = 'learningRate weightDecay clipNorm';

/** gradients · min(1, max / (norm + 10⁻⁶)), where norm is √Σg² over all of them: PyTorch's `clip_grad_norm_`. */
export function clipByGlobalNorm(gradients: readonly Tensor[], max: number): Tensor[] {
  if (!(max > 0)) throw new NablaError(`clipByGlobalNorm: max is ${max}; give a number above 0`);
  if (!Array.isArray(gradients))
    throw new NablaError('clipByGlobalNorm: gradients are a list; pass [gradient]');
  checkTensors('clipByGlobalNorm', ...gradients);
  const [first, ...others] = gradients;
  if (!first) return [];
  const total = sumOfSquares(first, ...others);
  const scale = minimum(1, div(max, add(sqrt(total), 1e-6)));
  return gradients.map((gradient) => mul(gradient, scale));
}

/** Pairs of two lists of one length. */
const zip = <A, B>(a: readonly A[], b: readonly B[]): (readonly [A, B])[] =>
  a.map((each, i) => [each, b[i]!]);

/** The first entries of all rows, then the second ones, and so on. */
function byColumn<T>(rows: readonly (readonly T[])[]): T[] {
  const [first = []] = rows;
  return first.flatMap((_, k) => rows.flatMap((row) => row.slice(k, k + 1)));
}

/** Throws unless there is one gradient for each parameter, of its shape. */
function checkGradients(
  optimizer: string,
  gradients: readonly Tensor[],
  parameters: readonly Tensor[],
): void {
  const count = parameters.length;
  if (count === 0) throw new NablaError(`${optimizer}: there are no parameters to update`);
  if (gradients.length !== count)
    throw new NablaError(
      `${optimizer}: ${gradients.length} gradients for ${count} parameters; give one each`,
    );
  const names = namesOf(parameters);
  for (const [i, [gradient, { shape }]] of zip(gradients, parameters).entries())
    if (!sameShape(gradient.shape, shape))
      misfit(`${optimizer}: gradient`, gradient, `for ${names[i]} [${shape}]; they have one shape`);
}

/** The state of each parameter, a leaf for each slot, made when it is first asked for. */
function makeStates(slots: readonly string[]): (of: Tensor) => readonly Tensor[] {
  const states = new WeakMap<Tensor, readonly Tensor[]>();
  return (of) => {
    const name = of.name ?? 'parameter';
    const leafOf = (slot: string) => parameter(zeros(of.shape), { name: `${name}.${slot}` });
    const state = states.get(of) ?? slots.map(leafOf);
    states.set(of, state);
    return state;
  };
}

/** The rate of a step after so many. */
function rateOf(
  optimizer: string,
  learningRate: number | Tensor | Schedule,
  counter: Tensor,
): Tensor {
  const given = typeof learningRate === 'function' ? learningRate(counter) : learningRate;
  const rate = typeof given === 'number' ? full([], given) : given;
  if (rate.rank !== 0) misfit(`${optimizer}: learningRate`, rate, 'has axes; give a scalar');
  return rate;
}

/** Updates of a parameter and its state, in this order. Of halves too, state and arithmetic are f32. */
function updatesOfOne(
  rule: Rule,
  each: Tensor,
  gradient: Tensor,
  state: readonly Tensor[],
  weightDecay: number,
): Updates {
  const isHalf = each.dtype === 'f16';
  const value = isHalf ? cast(each, 'f32') : each;
  const slope = isHalf ? cast(gradient, 'f32') : gradient;
  const decayed = weightDecay === 0 ? slope : add(slope, mul(weightDecay, value));
  const [next, ...nextState] = rule(value, decayed, ...state);
  return [[each, isHalf ? cast(next, 'f16') : next], ...zip(state, nextState)];
}

/** An optimizer from the rule of one step, which it makes from the step's scalars: `count` includes this step. */
function makeOptimizer(
  name: string,
  { learningRate = 1e-3, weightDecay = 0, clipNorm }: OptimizerOptions,
  slots: readonly string[],
  ruleOf: (rate: Tensor, count: Tensor) => Rule,
): Optimizer {
  const isScheduled = typeof learningRate === 'function';
  const isNumber = !isScheduled && !(learningRate instanceof Tensor);
  checkNumbers(name, { weightDecay, ...(isNumber && { learningRate }) });
  const counter = parameter(0, { name: 'step' });
  const stateOf = makeStates(slots);
  const updatesOf = (raw: readonly Tensor[], parameters: readonly Tensor[]): Updates => {
    checkGradients(name, raw, parameters);
    const clipped = clipNorm === undefined ? raw : clipByGlobalNorm(raw, clipNorm);
    const counted = add(counter, 1);
    const rule = ruleOf(rateOf(name, learningRate, counter), counted);
    const rows = zip(parameters, clipped).map(([each, gradient]) =>
      updatesOfOne(rule, each, gradient, stateOf(each), weightDecay),
    );
    // all parameters, then one kind of state after the other
    const updates = byColumn(rows);
    // a schedule that takes no notice of the step may be followed by one that does
    const isCounted = isScheduled || programNodes({ outputs: [], updates }).includes(counter);
    return isCounted ? [...updates, [counter, counted]] : updates;
  };
  const optimizer: Optimizer = {
    state(parameters) {
      const rows = zip(namesOf(parameters), parameters).map(([name, each]) => {
        const names = slots.map((slot) => `${name}.${slot}`);
        return zip(names, stateOf(each));
      });
      return new Map([['step', counter], ...byColumn(rows)]);
    },
    updates: (given, parameters) =>
      updatesOf(given instanceof Tensor ? grad(given, parameters) : given, parameters),
  };
  const rate = isScheduled ? 'by a schedule' : String(learningRate);
  return printedAs(optimizer, () => `Optimizer: ${name}, learningRate ${rate}`);
}

/** 1 − βᵗ without cancellation: 2u / (1 + u), where u = tanh(−t ln β / 2). */
function biasCorrection(beta: number, count: Tensor): Tensor {
  if (beta === 0) return full([], 1);
  const u = tanh(mul(-Math.log(beta) / 2, count));
  return div(mul(2, u), add(1, u));
}

/**
 * Stochastic gradient descent, PyTorch's `SGD`: g ← g + weightDecay · p; v ← momentum · v + g; p ← p − rate · v, or with
 * `nesterov` p ← p − rate · (g + momentum · v). Learning rate 0.001, no momentum and no decay unless given.
 */
export function sgd(
  options: OptimizerOptions & { momentum?: number; nesterov?: boolean } = {},
): Optimizer {
  const { momentum = 0, nesterov = false } = checkOptions(
    'sgd',
    options,
    '',
    `${COMMON} momentum nesterov`,
  );
  checkNumbers('sgd', { momentum });
  if (nesterov && momentum === 0)
    throw new NablaError('sgd: nesterov needs momentum; give momentum above 0');
  const ruleOf =
    (rate: Tensor): Rule =>
    (p, g, v?: Tensor) => {
      if (!v) return [descend(p, rate, g)];
      const velocity = add(mul(momentum, v), g);
      const direction = nesterov ? add(g, mul(momentum, velocity)) : velocity;
      return [descend(p, rate, direction), velocity];
    };
  return makeOptimizer('sgd', options, momentum ? ['momentum'] : [], ruleOf);
}

/** Options of `adam` and `adamW`. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the averages of the gradient (0.9) and of its square (0.999). */
  betas?: readonly [number, number];
  /** Added to the square root in the denominator; 10⁻⁸ by default. */
  epsilon?: number;
}

/**
 * Adam (Kingma & Ba 2015), PyTorch's formula: m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
 * p ← p − rate · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε). Learning rate 0.001; `weightDecay` (0) joins the gradient.
 */
export const adam = (options: AdamOptions = {}): Optimizer => makeAdam('adam', options, false);

/** Adam with decay apart from the gradient (Loshchilov & Hutter 2019): p ← p (1 − rate · weightDecay) first; decay 0.01. */
export const adamW = (options: AdamOptions = {}): Optimizer => makeAdam('adamW', options, true);

function makeAdam(name: string, options: AdamOptions, isApart: boolean): Optimizer {
  const known = `${COMMON} betas epsilon`;
  const {
    betas = [0.9, 0.999],
    epsilon = 1e-8,
    weightDecay = 0.01,
  } = checkOptions(name, options, '', known);
  const [beta1, beta2] = betas;
  checkNumbers(name, { epsilon, weightDecay });
  checkNumbers(name, { 'betas[0]': beta1, 'betas[1]': beta2 }, 0, 1);
  const settings = isApart ? { ...options, weightDecay: 0 } : options;
  return makeOptimizer(name, settings, ['m', 'v'], (rate, count) => {
    // (m / c₁) / (√(v / c₂) + ε) = (√c₂ / c₁) m / (√v + ε √c₂): two scalars, one division an element
    const root = sqrt(biasCorrection(beta2, count));
    const size = div(mul(rate, root), biasCorrection(beta1, count));
    const floor = mul(epsilon, root);
    const kept = isApart && weightDecay > 0 ? sub(1, mul(rate, weightDecay)) : undefined;
    return (p, g, m, v) => {
      const first = movingAverage(beta1, m, g);
      const second = movingAverage(beta2, v, square(g));
      return [
        descend(kept ? mul(p, kept) : p, size, scaledDirection(first, second, floor)),
        first,
        second,
      ];
    };
  });
}

type RmsPropOptions = OptimizerOptions & { alpha?: number; epsilon?: number; momentum?: number };

/**
 * PyTorch's `RMSprop`: v ← αv + (1−α)g²; p ← p − rate · g / (√v + ε), through a momentum buffer where `momentum` is
 * given. Learning rate 0.01, α 0.99, ε 10⁻⁸.
 */
export function rmsProp(options: RmsPropOptions = {}): Optimizer {
  const known = `${COMMON} alpha epsilon momentum`;
  const {
    alpha = 0.99,
    epsilon = 1e-8,
    momentum = 0,
  } = checkOptions('rmsProp', options, '', known);
  checkNumbers('rmsProp', { epsilon, momentum });
  checkNumbers('rmsProp', { alpha }, 0, 1);
  const settings = { ...options, learningRate: options.learningRate ?? 1e-2 };
  const ruleOf =
    (rate: Tensor): Rule =>
    (p, g, v, m?: Tensor) => {
      const next = movingAverage(alpha, v, square(g));
      const direction = scaledDirection(g, next, epsilon);
      if (!m) return [descend(p, rate, direction), next];
      const velocity = add(mul(momentum, m), direction);
      return [descend(p, rate, velocity), next, velocity];
    };
  return makeOptimizer('rmsProp', settings, momentum ? ['v', 'momentum'] : ['v'], ruleOf);
}
