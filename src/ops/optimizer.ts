import source from '../../shaders/optimizer.wgsl?raw';
import { EPSILON } from '../bounds.js';
import { pointwise } from '../graph/op.js';
import { defineOp, type OpFunction, type Tensor } from '../graph/tensor.js';
import { add, div, mul, neg, sqrt } from './arithmetic.js';

type Values = { readonly data: ArrayLike<number> };

const averageOp: OpFunction = defineOp({
  name: 'movingAverage',
  vjp: ({ inputs: [keep, old, take, next], cotangent }) => [
    mul(cotangent, old!),
    mul(cotangent, keep!),
    mul(cotangent, next!),
    mul(cotangent, take!),
  ],
  reference: (keep, old, take, next) => keep * old + take * next,
  kernel: pointwise('moving_average', source),
  bound: ([keep, old, take, next]: readonly Values[], out) =>
    Float64Array.from(
      out.data,
      (_, i) => 2 * EPSILON * (Math.abs(keep!.data[i]! * old!.data[i]!) + Math.abs(take!.data[i]! * next!.data[i]!)),
    ),
});

/** β · old + (1 − β) · next: an average that forgets. */
export const movingAverage = (beta: number, old: Tensor, next: Tensor): Tensor => averageOp(beta, old, 1 - beta, next);

/** m / (√v + floor): the direction of Adam and RMSprop. */
export const scaledDirection: OpFunction = defineOp({
  name: 'scaledDirection',
  vjp: ({ inputs: [, v, floor], output, cotangent }) => {
    const scale = div(cotangent, add(sqrt(v!), floor!));
    const toFloor = neg(mul(scale, output));
    return [scale, div(toFloor, mul(2, sqrt(v!))), toFloor];
  },
  reference: (m, v, floor) => m / (Math.sqrt(v) + floor),
  kernel: pointwise('scaled_direction', source),
  bound: { ulp: 9 },
});

/** p − rate · direction. */
export const descend: OpFunction = defineOp({
  name: 'descend',
  vjp: ({ inputs: [, rate, direction], cotangent }) => [
    cotangent,
    neg(mul(cotangent, direction!)),
    neg(mul(cotangent, rate!)),
  ],
  reference: (p, rate, direction) => p - rate * direction,
  kernel: pointwise('descend', source),
  bound: ([p, rate, direction]: readonly Values[], out) =>
    Float64Array.from(
      out.data,
      (_, i) => 2 * EPSILON * (Math.abs(p!.data[i]!) + Math.abs(rate!.data[i]! * direction!.data[i]!)),
    ),
});
