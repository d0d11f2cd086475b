import source from '../../shaders/softmax.wgsl?raw';
import { EPSILON } from '../bounds.js';
import { builtIn, errorOf, pointwise } from '../graph/op.js';
import { defineOpWith, definePointwise, type OpFunction, type Tensor } from '../graph/tensor.js';
import { checkOptions } from '../options.js';
import { formatShape, normalizeAxis, reducedShape, sameShape, sizeOf } from '../shape.js';
import { add, div, log, mul, neg, sub } from './arithmetic.js';
import { stopGradient } from './cast.js';
import { equal, where } from './compare.js';
import { axesOf, max, type ReduceOptions, sum } from './reduce.js';
import { misfit, reshape } from './view.js';

const shiftedBound = errorOf((value, z, peak) => value * EPSILON * (7 + 3 * Math.abs(z - peak)));
const shiftedExp = definePointwise('shiftedExp', pointwise('shifted_exp', source), {
  vjp: ({ output, cotangent }) => [mul(cotangent, output), neg(mul(cotangent, output))],
  reference: (z, peak) => (z === peak ? 1 : Math.exp(z - peak)),
  bound: shiftedBound,
});
const softmaxPart = definePointwise('softmaxPart', pointwise('softmax', source), {
  vjp: ({ inputs: [, , total], output, cotangent }) => {
    const part = mul(cotangent, output);
    return [part, neg(part), neg(div(part, total!))];
  },
  reference: (z, peak, total) => Math.exp(z - peak) / total,
  bound: shiftedBound,
});

/** peak and Σ e^(z − peak) over some axes, with kept dims. No derivative depends on the peak, so none flows through it. */
function statistics(z: Tensor, axis: number | readonly number[]): [peak: Tensor, total: Tensor] {
  const peak = stopGradient(max(z, { axis, keepDims: true }));
  return [peak, sum(shiftedExp(z, peak), { axis, keepDims: true })];
}

/** (a − b) ⊙ scale, which both gradients are. */
const scaledGap = (name: string, kernel: string): OpFunction =>
  definePointwise(name, pointwise(kernel, source), {
    vjp: ({ inputs: [a, b, scale], cotangent: u }) => [mul(u, scale!), neg(mul(u, scale!)), mul(u, sub(a!, b!))],
    reference: (a, b, scale) => (a - b) * scale,
    bound: { ulp: 4 },
  });
const softmaxBackward = scaledGap('softmaxBackward', 'softmax_backward');
const crossEntropyBackward = scaledGap('crossEntropyBackward', 'cross_entropy_backward');

const softmaxOf = defineOpWith<{ axis: number }>({
  name: 'softmax',
  // δ_z = p ⊙ (δ_p − Σ p δ_p)
  vjp: ({ output: p, cotangent, lead, options }) => {
    const axis = lead.length + options.axis;
    return [softmaxBackward(cotangent, sum(mul(p, cotangent), { axis, keepDims: true }), p)];
  },
  kernel: { kind: 'composed', compose: ([z], { axis }) => softmaxPart(z!, ...statistics(z!, axis)) },
});

/** A function along one axis, the last unless options say another; of a scalar as of [1]. */
const alongAxis =
  (op: string, call: (x: Tensor, axis: number) => Tensor) =>
  (x: Tensor, options: { axis?: number } = {}): Tensor => {
    const axis = normalizeAxis(op, checkOptions(op, options, '', 'axis').axis ?? -1, x, true);
    if (x.rank === 0) return reshape(call(reshape(x, [1]), axis), []);
    return sizeOf(x.shape) === 0 ? x : call(x, axis);
  };

/** e^x / Σ e^x along `axis` (the last); 1 for a scalar. */
export const softmax = alongAxis('softmax', (x, axis) => softmaxOf([x], { axis }));

/** ln softmax along `axis` (the last), without forming the softmax; 0 for a scalar. */
export const logSoftmax = alongAxis('logSoftmax', (x, axis) => {
  const [peak, total] = statistics(x, axis);
  return sub(sub(x, peak), log(total));
});

/** ln Σ eˣ over `axis`, without overflow. Throws ShapeError over nothing. */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = axesOf('logSumExp', x, options);
  const [peak, total] = statistics(x, axes);
  return reshape(add(peak, log(total)), reducedShape(x.shape, axes, options.keepDims ?? false));
}

/** Where a class without a share costs nothing, whatever its probability. */
const crossEntropyOfRows = (z: Tensor, t: Tensor): Tensor =>
  neg(sum(where(equal(t, 0), 0, mul(t, logSoftmax(z))), { axis: -1 }));
const crossEntropyOf = defineOpWith<Record<string, never>>({
  name: 'crossEntropy',
  shape: ([z]) => z!.shape.slice(0, -1),
  // δ_z = (p Σt − t) δ, δ_t = −ln p δ
  vjp: ({ inputs: [z, target], cotangent }) => {
    const dOut = reshape(cotangent, [...cotangent.shape, 1]);
    const p = softmax(z!);
    // a class number's row sums to 1
    const share = builtIn(target!) === 'oneHot' ? p : mul(p, sum(target!, { axis: -1, keepDims: true }));
    return [crossEntropyBackward(share, target!, dOut), neg(mul(logSoftmax(z!), dOut))];
  },
  kernel: { kind: 'composed', compose: ([z, t]) => crossEntropyOfRows(z!, t!) },
});

/** −Σ t ln softmax(z) along the last axis: logits z and targets t of one shape [..., classes] to [...]. */
export function softmaxCrossEntropy(z: Tensor, t: Tensor): Tensor {
  if (!sameShape(z.shape, t.shape) || z.rank === 0)
    misfit('crossEntropy: logits', z, `and targets ${formatShape(t.shape)} differ; both are [..., classes]`);
  if (z.shape.at(-1) === 0) misfit('crossEntropy:', z, 'has no classes; give at least one');
  return crossEntropyOf([z, t], {});
}
