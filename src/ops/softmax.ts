// softmax, logSoftmax, logSumExp and the cross-entropies that contain them. WGSL: shaders/softmax.wgsl.
import source from '../../shaders/softmax.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { checkOptions } from '../core/options.js';
import { formatShape, normalizeAxis, reducedShape, sameShape, sizeOf } from '../core/shape.js';
import { defineOpWith, type OpFunction, pointwiseIn } from '../graph/define.js';
import type { NoOptions, One } from '../graph/op.js';
import { errorOf } from '../graph/record.js';
import { isOf, type Tensor } from '../graph/tensor.js';
import { sigmoid, softplus } from './activation.js';
import { abs, add, div, log, mul, neg, sub } from './arithmetic.js';
import { stopGradient } from './cast.js';
import { equal, greater, notFinite, where } from './compare.js';
import { oneHotOf } from './indexing.js';
import { axesOf, max, type ReduceOptions, sum } from './reduce.js';
import { misfit, reshape } from './view.js';

const definePointwise = pointwiseIn(source);

const shiftedBound = errorOf((value, z, peak) => value * EPSILON * (7 + 3 * Math.abs(z - peak)));
const shiftedExp = definePointwise('shiftedExp', 'shifted_exp', {
  cost: 'dear',
  vjp: ({ output, cotangent }) => {
    const part = mul(cotangent, output);
    return [part, neg(part)];
  },
  reference: (z: number, peak: number) => Math.exp(z - peak),
  bound: shiftedBound,
});
const softmaxPart = definePointwise('softmaxPart', 'softmax', {
  cost: 'dear',
  vjp: ({ inputs: [, , total], output, cotangent }) => {
    const part = mul(cotangent, output);
    return [part, neg(part), neg(div(part, total))];
  },
  reference: (z: number, peak: number, total: number) => Math.exp(z - peak) / total,
  bound: shiftedBound,
});

/** The largest z over some axes, with kept dims. No derivative depends on it, so none flows through it. */
const peakOf = (z: Tensor, axis: number | readonly number[]): Tensor =>
  stopGradient(max(z, { axis, keepDims: true }));

/** Σ e^(z − peak) over some axes, with kept dims. */
const totalOf = (z: Tensor, peak: Tensor, axis: number | readonly number[]): Tensor =>
  sum(shiftedExp(z, peak), { axis, keepDims: true });

/** (a − b) ⊙ scale, which both gradients are. */
const scaledGap = (name: string, kernel: string): OpFunction =>
  definePointwise(name, kernel, {
    cost: 'cheap',
    vjp: ({ inputs: [a, b, scale], cotangent }) => {
      const scaled = mul(cotangent, scale);
      return [scaled, neg(scaled), mul(cotangent, sub(a, b))];
    },
    reference: (a: number, b: number, scale: number) => (a - b) * scale,
    bound: { ulp: 4 },
  });
const softmaxBackward = scaledGap('softmaxBackward', 'softmax_backward');
const crossEntropyBackward = scaledGap('crossEntropyBackward', 'cross_entropy_backward');

const softmaxOf = defineOpWith<{ axis: number }, One>({
  name: 'softmax',
  // δ_z = p ⊙ (δ_p − Σ p δ_p)
  vjp: ({ output: p, cotangent, lead, options }) => {
    const axis = lead.length + options.axis;
    return [softmaxBackward(cotangent, sum(mul(p, cotangent), { axis, keepDims: true }), p)];
  },
  kernel: {
    kind: 'composed',
    compose: ([z], { axis }) => {
      const peak = peakOf(z, axis);
      return softmaxPart(z, peak, totalOf(z, peak, axis));
    },
  },
});

/** A function along one axis, the last unless options say another; of a scalar as of [1]. */
const alongAxis =
  (op: string, call: (x: Tensor, axis: number) => Tensor) =>
  (x: Tensor, options: { axis?: number } = {}): Tensor => {
    const axis = normalizeAxis(op, checkOptions(op, options, '', 'axis').axis ?? -1, x, true);
    if (x.rank === 0) return reshape(call(reshape(x, [1]), axis), []);
    return sizeOf(x.shape) === 0 ? x : call(x, axis);
  };

/** e^x / Σ e^x along `axis` (the last); 1 for a scalar; NaN in a row that holds ∞ or NaN, or −∞ alone. */
export const softmax = alongAxis('softmax', (x, axis) => softmaxOf([x], { axis }));

/** ln softmax along `axis` (the last), without forming the softmax; 0 for a scalar. */
export const logSoftmax = alongAxis('logSoftmax', (x, axis) => {
  const peak = peakOf(x, axis);
  return sub(sub(x, peak), log(totalOf(x, peak, axis)));
});

/** ln Σ eˣ over `axis`, without overflow. Throws ShapeError over an empty axis. */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = axesOf('logSumExp', x, options);
  const peak = peakOf(x, axes);
  // ∞ and −∞ are their own results: nothing is taken from them
  const shift = where(equal(notFinite(peak), 0), peak, 0);
  const total = totalOf(x, shift, axes);
  return reshape(add(shift, log(total)), reducedShape(x.shape, axes, options.keepDims ?? false));
}

/** Where a class without a share costs nothing, whatever its probability. */
const crossEntropyOfRows = (z: Tensor, t: Tensor): Tensor =>
  neg(sum(where(equal(t, 0), 0, mul(t, logSoftmax(z))), { axis: -1 }));
/** Logits and targets. */
type Scored = readonly [z: Tensor, t: Tensor];
const crossEntropyOf = defineOpWith<NoOptions, Scored>({
  name: 'crossEntropy',
  shape: ([z]) => z.shape.slice(0, -1),
  // δ_z = (p Σt − t) δ, δ_t = −ln p δ
  vjp: ({ inputs: [z, target], cotangent }) => {
    const dOut = reshape(cotangent, [...cotangent.shape, 1]);
    const p = softmax(z);
    // a class number's row sums to 1
    const share = isOf(target, oneHotOf) ? p : mul(p, sum(target, { axis: -1, keepDims: true }));
    return [crossEntropyBackward(share, target, dOut), neg(mul(logSoftmax(z), dOut))];
  },
  kernel: { kind: 'composed', compose: ([z, t]) => crossEntropyOfRows(z, t) },
});

/** −Σ t ln softmax(z) along the last axis: logits z and targets t of one shape [..., classes] to [...]. */
export function softmaxCrossEntropy(z: Tensor, t: Tensor): Tensor {
  if (!sameShape(z.shape, t.shape) || z.rank === 0)
    misfit(
      'crossEntropy: logits',
      z,
      `and targets ${formatShape(t.shape)} differ; both are [..., classes]`,
      t.shape,
    );
  if (z.shape.at(-1) === 0) misfit('crossEntropy:', z, 'has no classes; give at least one');
  return crossEntropyOf([z, t], {});
}

const binaryCrossEntropyOf = defineOpWith<NoOptions, Scored>({
  name: 'binaryCrossEntropy',
  // δ_z = (σ(z) − t) δ, δ_t = −z δ
  vjp: ({ inputs: [z, t], cotangent }) => [
    mul(cotangent, sub(sigmoid(z), t)),
    neg(mul(cotangent, z)),
  ],
  kernel: {
    kind: 'composed',
    compose: ([z, t]) => {
      // the wrong answer's share of |z|; a share of 0 costs nothing, also of an infinite logit
      const share = where(greater(z, 0), sub(1, t), t);
      return add(softplus(neg(abs(z))), where(equal(share, 0), 0, mul(share, abs(z))));
    },
  },
});

/**
 * −t ln σ(z) − (1 − t) ln(1 − σ(z)), element by element, for logits z and labels t in [0, 1] of one shape: softplus(z) − t z
 * without its cancellation, as softplus(−|z|) + |z| times the label's share of the wrong side.
 */
export function sigmoidCrossEntropy(z: Tensor, t: Tensor): Tensor {
  if (!sameShape(z.shape, t.shape))
    misfit(
      'binaryCrossEntropy: logits',
      z,
      `and labels ${formatShape(t.shape)} differ; make the shapes equal`,
      t.shape,
    );
  return binaryCrossEntropyOf([z, t], {});
}
