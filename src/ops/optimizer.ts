// Ops that optimizers share: moving average and descent. WGSL: shaders/optimizer.wgsl.
import source from '../../shaders/optimizer.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { definePointwise, type OpFunction } from '../graph/define.js';
import { errorOf, pointwise } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, div, mul, neg, sqrt } from './arithmetic.js';

const averageOp: OpFunction = definePointwise(
  'movingAverage',
  pointwise('moving_average', source),
  {
    cost: 'cheap',
    vjp: ({ inputs: [keep, old, take, next], cotangent }) =>
      [old, keep, next, take].map((partner) => mul(cotangent, partner)),
    reference: (keep: number, old: number, take: number, next: number) => keep * old + take * next,
    bound: errorOf(
      (_, keep, old, take, next) => 2 * EPSILON * (Math.abs(keep * old) + Math.abs(take * next)),
    ),
  },
);

/** β · old + (1 − β) · next: an average that forgets. */
export const movingAverage = (beta: number, old: Tensor, next: Tensor): Tensor =>
  averageOp(beta, old, 1 - beta, next);

/** m / (√v + floor): the direction of Adam and RMSprop. */
export const scaledDirection = (m: Tensor, v: Tensor, floor: TensorLike): Tensor =>
  div(m, add(sqrt(v), floor));

/** p − rate · direction. */
export const descend: OpFunction = definePointwise('descend', pointwise('descend', source), {
  cost: 'cheap',
  vjp: ({ inputs: [, rate, direction], cotangent: u }) => [
    u,
    neg(mul(u, direction)),
    neg(mul(u, rate)),
  ],
  reference: (p: number, rate: number, direction: number) => p - rate * direction,
  bound: errorOf(
    (_, p, rate, direction) => 2 * EPSILON * (Math.abs(p) + Math.abs(rate * direction)),
  ),
});
