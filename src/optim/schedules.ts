// Learning rate schedules as functions of the step number.
import { NablaError } from '../core/errors.js';
import { checkNumbers, checkOptions } from '../core/options.js';
import type { Tensor } from '../graph/tensor.js';
import { add, cos, div, maximum, minimum, mul, pow } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';

/**
 * A learning rate as a function of the number of steps done before this one (a scalar f32), part of the step's graph.
 * You can write your own: `(step) => mul(1e-3, minimum(1, div(add(step, 1), 500)))` increases for 500 steps.
 */
export type Schedule = (step: Tensor) => Tensor;

/** Throws unless steps are above 0; they may be broken, as epochs · examples / batch is. */
function checkSpan(schedule: string, what: string, value: number): void {
  if (!(value > 0 && value < Infinity))
    throw new NablaError(`schedules.${schedule}: ${what} is ${value}; give a number above 0`);
}

/** rate · factor^⌊step / every⌋; factor 0.1. PyTorch's `StepLR`. */
export function step(rate: number, options: { every: number; factor?: number }): Schedule {
  const { every, factor = 0.1 } = checkOptions('schedules.step', options, 'every', 'factor');
  checkSpan('step', 'every', every);
  checkNumbers('schedules.step', { rate, factor });
  return (count) => mul(rate, pow(factor, cast(cast(div(add(count, 0.5), every), 'i32'), 'f32')));
}

/** From rate to `minimum` (0) over `steps` along half a cosine, and `minimum` from there on. PyTorch's `CosineAnnealingLR`. */
export function cosine(rate: number, options: { steps: number; minimum?: number }): Schedule {
  const { steps, minimum: end = 0 } = checkOptions('schedules.cosine', options, 'steps', 'minimum');
  checkSpan('cosine', 'steps', steps);
  checkNumbers('schedules.cosine', { rate, minimum: end });
  return (count) => {
    const angle = mul(Math.PI / steps, minimum(count, steps));
    // WGSL's cosine is good to 2⁻¹¹ only: the rate must not fall below its end.
    return maximum(end, add(end, mul((rate - end) / 2, add(1, cos(angle)))));
  };
}
