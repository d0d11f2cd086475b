import source from '../../shaders/softmax.wgsl?raw';
import { EPSILON, gamma } from '../bounds.js';
import { hostData, type TensorData } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { pointwise } from '../graph/op.js';
import { defineOp, defineOpWith, type Tensor } from '../graph/tensor.js';
import { formatShape, normalizeAxes, normalizeAxis, reducedShape, type Shape, sameShape, sizeOf } from '../shape.js';
import { div, mul, neg, sub } from './arithmetic.js';
import { max, type ReduceOptions, sum } from './reduce.js';
import { extraAxes, reshape, transpose } from './view.js';

type Axis = { readonly axis: number };

// The parts that the composed kernels below are written in.
const shiftedExp = defineOp({
  name: 'shiftedExp',
  vjp: ({ output, cotangent }) => [mul(cotangent, output), neg(mul(cotangent, output))],
  reference: (z, peak) => Math.exp(z - peak),
  kernel: pointwise('shifted_exp', source),
  bound: ([z, peak], out) => shiftedBound(z!, peak!, out),
});
const softmaxPart = defineOp({
  name: 'softmaxPart',
  vjp: ({ inputs: [, , total], output, cotangent }) => {
    const scaled = mul(cotangent, output);
    return [scaled, neg(scaled), neg(div(scaled, total!))];
  },
  reference: (z, peak, total) => Math.exp(z - peak) / total,
  kernel: pointwise('softmax', source),
  bound: ([z, peak], out) => shiftedBound(z!, peak!, out),
});
const shiftedBound = (z: TensorData, peak: TensorData, out: TensorData): Float64Array =>
  Float64Array.from(out.data, (value, i) => {
    const shift = Math.abs(z.data[i]! - peak.data[i]!);
    return value * EPSILON * (7 + 3 * shift);
  });
/** Sums of `signs` · inputs, with the logarithm of the last one. */
const logPart = (name: string, kernel: string, signs: readonly number[]) =>
  defineOp({
    name,
    vjp: ({ inputs, cotangent }) =>
      signs.map((sign, i) => mul(sign, i < signs.length - 1 ? cotangent : div(cotangent, inputs[i]!))),
    reference: (...inputs) =>
      inputs.reduce((sum, x, i) => sum + signs[i]! * (i < signs.length - 1 ? x : Math.log(x)), 0),
    kernel: pointwise(kernel, source),
    bound: (inputs, out) =>
      Float64Array.from(
        out.data,
        (value, i) =>
          2 ** -20 + 4 * EPSILON * (Math.abs(value) + inputs.reduce((sum, x) => sum + Math.abs(x.data[i]!), 0)),
      ),
  });
const logSoftmaxPart = logPart('logSoftmaxPart', 'log_softmax', [1, -1, -1]);
const logSumExpPart = logPart('logSumExpPart', 'log_sum_exp', [1, 1]);
const crossEntropyPart = defineOp({
  name: 'crossEntropyPart',
  vjp: ({ inputs: [share, logP], cotangent }) => [neg(mul(cotangent, logP!)), neg(mul(cotangent, share!))],
  reference: (share, logP) => (share === 0 ? 0 : -share * logP),
  kernel: pointwise('cross_entropy', source),
  bound: { ulp: 2 },
});

/** peak and Σ e^(z − peak) over `axes`, with kept dims. */
function statistics(z: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  const peak = max(z, { axis: axes, keepDims: true });
  return [peak, sum(shiftedExp(z, peak), { axis: axes, keepDims: true })];
}

/** Visits each line along `axis`: the offset of its first element, the step and the length. */
function eachLine(shape: Shape, axis: number, visit: (offset: number, step: number, length: number) => void): void {
  const step = sizeOf(shape.slice(axis + 1));
  const length = shape[axis]!;
  for (let outer = 0; outer < sizeOf(shape.slice(0, axis)); outer++)
    for (let inner = 0; inner < step; inner++) visit(outer * length * step + inner, step, length);
}

/** ln Σ eˣ of each line along `axis`, in float64. */
function logTotals(x: TensorData, axis: number): Float64Array {
  const totals: number[] = [];
  eachLine(x.shape, axis, (offset, step, length) => {
    let peak = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (let i = 0; i < length; i++) peak = Math.max(peak, x.data[offset + i * step]!);
    for (let i = 0; i < length; i++) total += Math.exp(x.data[offset + i * step]! - peak);
    totals.push(peak + Math.log(total));
  });
  return Float64Array.from(totals);
}

/** ln softmax of each line along `axis`, in float64. */
function logSoftmaxData(x: TensorData, axis: number): Float64Array {
  const out = new Float64Array(x.data.length);
  const totals = logTotals(x, axis);
  let line = 0;
  eachLine(x.shape, axis, (offset, step, length) => {
    for (let i = 0; i < length; i++) out[offset + i * step] = x.data[offset + i * step]! - totals[line]!;
    line++;
  });
  return out;
}

/** Relative error of Σ e^(z − peak) over n terms: γ of the sum, and of each exponential, Σ |s| eˢ ≤ n / e. */
const totalError = (n: number): number => gamma(3 * n + 16);

const softmaxBackward = defineOp({
  name: 'softmaxBackward',
  vjp: ({ inputs: [p, dOut, inner], cotangent }) => {
    const scaled = mul(cotangent, p!);
    return [mul(cotangent, sub(dOut!, inner!)), scaled, neg(scaled)];
  },
  reference: (p, dOut, inner) => p * (dOut - inner),
  kernel: pointwise('softmax_backward', source),
  bound: { ulp: 4 },
});

const softmaxOf = defineOpWith<Axis>({
  name: 'softmax',
  // δ_z = p ⊙ (δ_p − Σ p δ_p)
  vjp: ({ output: p, cotangent, options: { axis } }) => {
    const at = axis + extraAxes(cotangent, p);
    return [softmaxBackward(p, cotangent, sum(mul(p, cotangent), { axis: at, keepDims: true }))];
  },
  reference: ([x], { axis }, { shape }) => hostData(shape, 'f64', logSoftmaxData(x!, axis).map(Math.exp)),
  kernel: { kind: 'composed', compose: ([z], { axis }) => softmaxPart(z!, ...statistics(z!, [axis])) },
  bound: ([x], output, { axis }: Axis) => {
    const n = x!.shape[axis]!;
    const logs = logSoftmaxData(x!, axis);
    return Float64Array.from(
      output.data,
      (p, i) => p * (EPSILON * (14 + 6 * (Math.abs(logs[i]!) + Math.log(n))) + totalError(n)),
    );
  },
});

/** e^x / Σ e^x along `axis` (the last). */
export function softmax(x: Tensor, options: { axis?: number } = {}): Tensor {
  const axis = normalizeAxis('softmax', options.axis ?? -1, x.rank);
  return sizeOf(x.shape) === 0 ? x : softmaxOf([x], { axis });
}

const logSoftmaxOf = defineOpWith<Axis>({
  name: 'logSoftmax',
  // δ_z = δ − softmax(z) Σ δ
  vjp: ({ inputs: [x], output, cotangent, options: { axis } }) => {
    const at = axis + extraAxes(cotangent, output);
    return [sub(cotangent, mul(softmaxOf([x!], { axis }), sum(cotangent, { axis: at, keepDims: true })))];
  },
  reference: ([x], { axis }, { shape }) => hostData(shape, 'f64', logSoftmaxData(x!, axis)),
  kernel: { kind: 'composed', compose: ([z], { axis }) => logSoftmaxPart(z!, ...statistics(z!, [axis])) },
  bound: ([x], output, { axis }: Axis) => {
    const n = x!.shape[axis]!;
    return Float64Array.from(
      output.data,
      (value) => 2 ** -20 + totalError(n) + EPSILON * 4 * (Math.abs(value) + Math.log(n)),
    );
  },
});

/** ln softmax along `axis` (the last), without forming the softmax. */
export function logSoftmax(x: Tensor, options: { axis?: number } = {}): Tensor {
  const axis = normalizeAxis('logSoftmax', options.axis ?? -1, x.rank);
  return sizeOf(x.shape) === 0 ? x : logSoftmaxOf([x], { axis });
}

const logSumExpOf = defineOpWith<Record<string, never>>({
  name: 'logSumExp',
  shape: ([x]) => x!.shape.slice(0, -1),
  // δ_x = δ softmax(x)
  vjp: ({ inputs: [x], cotangent }) => [mul(softmax(x!), reshape(cotangent, [...cotangent.shape, 1]))],
  reference: ([x], _, { shape }) => hostData(shape, 'f64', logTotals(x!, shape.length)),
  kernel: {
    kind: 'composed',
    compose: ([z]) => reshape(logSumExpPart(...statistics(z!, [z!.rank - 1])), z!.shape.slice(0, -1)),
  },
  bound: ([x], output) => {
    const n = x!.shape.at(-1)!;
    return Float64Array.from(
      output.data,
      (value) => 2 ** -20 + totalError(n) + EPSILON * 4 * (Math.abs(value) + Math.log(n)),
    );
  },
});

/** ln Σ eˣ over `axis`, without overflow. Throws ShapeError over nothing. */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = normalizeAxes('logSumExp', options.axis, x.rank);
  if (axes.some((axis) => x.shape[axis] === 0))
    throw new ShapeError(`logSumExp: an axis of ${formatShape(x.shape)} is empty; keep at least one element`);
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const rows = reshape(transpose(x, [...kept, ...axes]), [
    ...kept.map((i) => x.shape[i]!),
    sizeOf(axes.map((i) => x.shape[i]!)),
  ]);
  return reshape(logSumExpOf([rows], {}), reducedShape(x.shape, axes, options.keepDims ?? false));
}

const crossEntropyBackward = defineOp({
  name: 'crossEntropyBackward',
  vjp: ({ inputs: [p, target, dOut], cotangent }) => {
    const scaled = mul(cotangent, dOut!);
    return [scaled, neg(scaled), mul(cotangent, sub(p!, target!))];
  },
  reference: (p, target, dOut) => (p - target) * dOut,
  kernel: pointwise('cross_entropy_backward', source),
  bound: { ulp: 4 },
});

const crossEntropyOf = defineOpWith<{ normalised: boolean }>({
  name: 'crossEntropy',
  shape: ([z]) => z!.shape.slice(0, -1),
  // δ_z = (p Σt − t) δ, δ_t = −ln p δ
  vjp: ({ inputs: [z, target], cotangent, options: { normalised } }) => {
    const dOut = reshape(cotangent, [...cotangent.shape, 1]);
    const p = softmax(z!);
    const share = normalised ? p : mul(p, sum(target!, { axis: -1, keepDims: true }));
    return [crossEntropyBackward(share, target!, dOut), neg(mul(logSoftmax(z!), dOut))];
  },
  reference: ([z, target], _, { shape }) => {
    const n = z!.shape.at(-1)!;
    const logs = logSoftmaxData(z!, shape.length);
    const out = new Float64Array(sizeOf(shape));
    for (let i = 0; i < logs.length; i++)
      if (target!.data[i] !== 0) out[Math.floor(i / n)]! -= target!.data[i]! * logs[i]!;
    return hostData(shape, 'f64', out);
  },
  kernel: {
    kind: 'composed',
    compose: ([z, target]) => {
      const logP = logSoftmaxPart(z!, ...statistics(z!, [z!.rank - 1]));
      return sum(crossEntropyPart(target!, logP), { axis: -1 });
    },
  },
  bound: ([z, target], output) => {
    const n = z!.shape.at(-1)!;
    const logs = logSoftmaxData(z!, output.shape.length);
    const errors = new Float64Array(output.data.length);
    for (let i = 0; i < logs.length; i++) {
      const each = 2 ** -20 + totalError(n) + EPSILON * (8 + n) * (Math.abs(logs[i]!) + Math.log(n));
      errors[Math.floor(i / n)]! += Math.abs(target!.data[i]!) * each;
    }
    return errors;
  },
});

/**
 * −Σ t ln softmax(z) along the last axis: logits z and targets t of one shape [..., classes] to [...].
 * `normalised` says that each row of t sums to 1 (a one-hot row does), which saves its gradient a sum.
 */
export function softmaxCrossEntropy(z: Tensor, target: Tensor, options: { normalised?: boolean } = {}): Tensor {
  if (!sameShape(z.shape, target.shape) || z.rank === 0)
    throw new ShapeError(
      `crossEntropy: logits ${formatShape(z.shape)} and targets ${formatShape(target.shape)} differ; both are [..., classes]`,
    );
  if (z.shape.at(-1) === 0) throw new ShapeError(`crossEntropy: ${formatShape(z.shape)} has no classes`);
  return crossEntropyOf([z, target], { normalised: options.normalised ?? false });
}
