import { NablaError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { tanh } from '../ops/activation.js';
import { add, div, maximum, mul, sqrt, square, sub } from '../ops/arithmetic.js';
import { full } from '../ops/leaf.js';
import { descend, movingAverage, scaledDirection } from '../ops/optimizer.js';
import { checkNumbers, makeOptimizer, type Optimizer, type OptimizerOptions } from './optimizer.js';

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
export function sgd(options: OptimizerOptions & { momentum?: number; nesterov?: boolean } = {}): Optimizer {
  const { momentum = 0, nesterov = false } = options;
  checkNumbers('sgd', { momentum });
  if (nesterov && momentum === 0) throw new NablaError('sgd: nesterov needs momentum; give momentum above 0');
  const slots = momentum ? ['momentum'] : [];
  const settings = { name: 'sgd', options, known: 'momentum nesterov', learningRate: 1e-3, slots };
  return makeOptimizer(settings, (rate) => (p, g, [v]) => {
    if (!v) return [descend(p, rate, g)];
    const velocity = add(mul(momentum, v), g);
    return [descend(p, rate, nesterov ? add(g, mul(momentum, velocity)) : velocity), velocity];
  });
}

export interface AdamOptions extends OptimizerOptions {
  /** How much of each average a step keeps: of the gradient (0.9) and of its square (0.999). */
  betas?: readonly [number, number];
  /** Added to the root in the denominator: 10⁻⁸. */
  epsilon?: number;
}

/**
 * Adam (Kingma & Ba 2015), PyTorch's formula: m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
 * p ← p − rate · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε). Learning rate 0.001; `weightDecay` (0) joins the gradient.
 */
export const adam = (options: AdamOptions = {}): Optimizer => makeAdam('adam', options, 0);

/** Adam with decay apart from the gradient (Loshchilov & Hutter 2019): p ← p (1 − rate · weightDecay) first; decay 0.01. */
export function adamW({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimizer {
  checkNumbers('adamW', { weightDecay });
  return makeAdam('adamW', options, weightDecay);
}

function makeAdam(name: string, options: AdamOptions, apartDecay: number): Optimizer {
  const { betas = [0.9, 0.999], epsilon = 1e-8 } = options;
  const [beta1, beta2] = betas;
  checkNumbers(name, { 'betas[0]': beta1, 'betas[1]': beta2 }, 1);
  checkNumbers(name, { epsilon });
  const settings = { name, options, known: 'betas epsilon', learningRate: 1e-3, slots: ['m', 'v'], counts: true };
  return makeOptimizer(settings, (rate, count) => {
    // (m / c₁) / (√(v / c₂) + ε) = (√c₂ / c₁) m / (√v + ε √c₂): two scalars, one division an element
    const root = sqrt(biasCorrection(beta2, count));
    const size = div(mul(rate, root), biasCorrection(beta1, count));
    const floor = mul(epsilon, root);
    const kept = apartDecay === 0 ? undefined : sub(1, mul(rate, apartDecay));
    return (p, g, [m, v]) => {
      const first = movingAverage(beta1, m!, g);
      const second = movingAverage(beta2, v!, square(g));
      return [descend(kept ? mul(p, kept) : p, size, scaledDirection(first, second, floor)), first, second];
    };
  });
}

type RmsPropOptions = OptimizerOptions & { alpha?: number; epsilon?: number; momentum?: number; centered?: boolean };

/**
 * PyTorch's `RMSprop`: v ← αv + (1−α)g²; p ← p − rate · g / (√v + ε), through a momentum buffer where `momentum` is
 * given, and with the variance in place of v where `centered`. Learning rate 0.01, α 0.99, ε 10⁻⁸.
 */
export function rmsProp(options: RmsPropOptions = {}): Optimizer {
  const { alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false } = options;
  checkNumbers('rmsProp', { alpha }, 1);
  checkNumbers('rmsProp', { epsilon, momentum });
  const slots = ['v', ...(centered ? ['mean'] : []), ...(momentum ? ['momentum'] : [])];
  const settings = { name: 'rmsProp', options, known: 'alpha epsilon momentum centered', learningRate: 1e-2, slots };
  return makeOptimizer(settings, (rate) => (p, g, state) => {
    const next = [movingAverage(alpha, state[0]!, square(g))];
    if (centered) next.push(movingAverage(alpha, state[1]!, g));
    // Rounding may take a variance below 0, where a root has no value.
    const variance = centered ? maximum(0, sub(next[0]!, square(next[1]!))) : next[0]!;
    const direction = scaledDirection(g, variance, epsilon);
    if (momentum === 0) return [descend(p, rate, direction), ...next];
    const velocity = add(mul(momentum, state[next.length]!), direction);
    return [descend(p, rate, velocity), ...next, velocity];
  });
}
