// Ops that optimizers share: moving average and descent. WGSL: shaders/optimizer.wgsl.
import source from '../../shaders/optimizer.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { type OpFunction, pointwiseIn } from '../graph/define.js';
import { errorOf } from '../graph/record.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, div, mul, neg, sqrt } from './arithmetic.js';

const definePointwise = pointwiseIn(source);

const averageOp: OpFunction = definePointwise('movingAverage', 'moving_average', {
  cost: 'cheap',
  vjp: ({ inputs: [keep, old, take, next], cotangent }) =>
    [old, keep, next, take].map((partner) => mul(cotangent, partner)),
  reference: (keep: number, old: number, take: number, next: number) => keep * old + take * next,
  bound: errorOf((_, keep, old, take, next) => {
    const size = Math.abs(keep * old) + Math.abs(take * next);
    return 2 * EPSILON * size;
  }),
});

/** β · old + (1 − β) · next: an average that forgets. */
export const movingAverage = (beta: number, old: Tensor, next: Tensor): Tensor =>
  averageOp(beta, old, 1 - beta, next);

/** m / (√v + floor): the direction of Adam and RMSprop. */
export const scaledDirection = (m: Tensor, v: Tensor, floor: TensorLike): Tensor =>
  div(m, add(sqrt(v), floor));

/** p − rate · direction. */
export const descend: OpFunction = definePointwise('descend', 'descend', {
  cost: 'cheap',
  vjp: ({ inputs: [, rate, direction], cotangent: u }) => [
    u,
    neg(mul(u, direction)),
    neg(mul(u, rate)),
  ],
  reference: (p: number, rate: number, direction: number) => p - rate * direction,
  bound: errorOf((_, p, rate, direction) => {
    const size = Math.abs(p) + Math.abs(rate * direction);
    return 2 * EPSILON * size;
  }),
});
