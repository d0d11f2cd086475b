// sum, mean, max, min, argMax. WGSL: shaders/fold.wgsl combines two values, shaders/reduction.wgsl is the loop.
import { gamma } from '../core/bounds.js';
import { hostArray, isFloat, type TensorData, type TypedArray } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import {
  broadcastSteps,
  eachPlace,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  type Shape,
  sizeOf,
} from '../core/shape.js';
import { defineOpWith, type OpWith } from '../graph/define.js';
import type { One, TensorRecord } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { div, mul } from './arithmetic.js';
import { cast } from './cast.js';
import { equal } from './compare.js';
import { broadcastTo, misfit, reshape } from './view.js';

/**
 * Axes to reduce: one or several, all by default; negative ones count from the end. A scalar may be reduced over 0 or
 * −1.
 */
export interface ReduceOptions {
  axis?: number | readonly number[];
  /** Keep reduced axes with size 1. */
  keepDims?: boolean;
}
type Reduced = { readonly axes: readonly number[]; readonly keepDims: boolean };

/** Calls `visit(output index, input index)` for every element of a reduction, inputs of one output in ascending order. */
const eachReduced = (
  shape: Shape,
  axes: readonly number[],
  visit: (out: number, at: number) => void,
): void => eachPlace(shape, broadcastSteps(reducedShape(shape, axes, true), shape), 0, visit);

/** All elements that meet, combined in order from `start` on. */
function fold(
  x: TensorData,
  axes: readonly number[],
  combine: (total: number, value: number) => number,
  start: number,
): TypedArray {
  const out = new Float64Array(sizeOf(reducedShape(x.shape, axes, false))).fill(start);
  eachReduced(x.shape, axes, (to, at) => {
    out[to] = combine(out[to]!, x.data[at]!);
  });
  // integers wrap around
  return hostArray(x.dtype, out.length).map((_: number, i: number) => out[i]!);
}

/** E ++ output.shape back over the reduced axes: E ++ x.shape. */
function spread(value: Tensor, x: Tensor, { axes }: Reduced, lead: Shape = []): Tensor {
  const kept = reducedShape(x.shape, axes, true);
  return broadcastTo(reshape(value, [...lead, ...kept]), [...lead, ...x.shape]);
}

/** Throws ShapeError for an empty axis. */
function checkFilled(op: string, x: Tensor, axes: readonly number[]): void {
  const empty = axes.find((axis) => x.shape[axis] === 0);
  if (empty !== undefined)
    misfit(`${op}: axis ${empty} of`, x, `is empty; ${op} needs at least one element`);
}

/** The axes that a reduction is asked for, ascending. Throws ShapeError over nothing, where a sum alone has a value. */
export function axesOf(op: string, x: Tensor, options: ReduceOptions): number[] {
  const axes = normalizeAxes(op, checkOptions(op, options, '', 'axis keepDims').axis, x);
  if (op !== 'sum') checkFilled(op, x, axes);
  return axes;
}

/** Makes the op of a reduction. */
const reducing = <O extends Reduced>(rules: Omit<TensorRecord<O, One>, 'accepts' | 'shape'>) =>
  defineOpWith<O, One>({
    accepts: 'number',
    bound: { ulp: 0 },
    shape: ([x], { axes, keepDims }) => reducedShape(x.shape, axes, keepDims),
    ...rules,
  });

type Reduction = (x: Tensor, options?: ReduceOptions) => Tensor;
/** The function of a reduction, for axes in any form. */
const overAxes = (op: OpWith<Reduced, One>): Reduction => {
  return (x, options = {}) => {
    const axes = axesOf(op.record.name, x, options);
    const isNumber = x.dtype !== 'bool' && x.dtype !== 'u8'; // else the op throws
    return axes.length || !isNumber ? op([x], { axes, keepDims: options.keepDims ?? false }) : x;
  };
};

/** Sum over `axis`; 0 over an empty axis. */
export const sum = overAxes(
  reducing({
    name: 'sum',
    vjp: ({ inputs: [x], cotangent, lead, options }) => [spread(cotangent, x, options, lead)],
    reference: ([x], { axes }) => fold(x, axes, (a, b) => a + b, 0),
    kernel: { kind: 'reduce', name: 'sum' },
    // γ_n Σ|x| holds under any order of summation
    bound: ([x], output, { axes }) => {
      const count = x.data.length / Math.max(1, output.data.length);
      const sizes = fold(x, axes, (total, value) => total + Math.abs(value), 0);
      return Float64Array.from(sizes, (size) => gamma(count) * size);
    },
  }),
);

/** Mean over `axis`. Throws ShapeError over an empty axis. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = axesOf('mean', x, options);
  if (!isFloat(x.dtype))
    throw new DTypeError(`mean: dtype ${x.dtype} is not a float; use cast(x, 'f32')`, x.dtype);
  const met = x.shape.filter((_, axis) => axes.includes(axis));
  return div(sum(x, options), sizeOf(met));
}

const extremum = (name: 'max' | 'min', start: number): Reduction =>
  overAxes(
    reducing({
      name,
      vjp: ({ inputs: [x], output, cotangent, lead, options }) => {
        const winners = cast(equal(x, spread(output, x, options)), x.dtype);
        const shares = div(winners, sum(winners, { axis: options.axes, keepDims: true }));
        return [mul(spread(cotangent, x, options, lead), shares)];
      },
      reference: ([x], { axes }) => fold(x, axes, Math[name], start),
      kernel: { kind: 'reduce', name },
    }),
  );

/** Largest element over `axis`; equal elements share the gradient equally. Throws ShapeError over an empty axis. */
export const max = extremum('max', -Infinity);
/** Smallest element over `axis`; equal elements share the gradient equally. Throws ShapeError over an empty axis. */
export const min = extremum('min', Infinity);

/** Calls `visit(output index, input index, place along the axis)` for every element. */
function eachAlong(
  x: TensorData,
  axis: number,
  visit: (out: number, at: number, k: number) => void,
): void {
  const inner = sizeOf(x.shape.slice(axis + 1));
  eachReduced(x.shape, [axis], (out, at) =>
    visit(out, at, Math.floor(at / inner) % x.shape[axis]!),
  );
}

type AlongOne = Reduced & { readonly axes: readonly [axis: number] };
const argMaxOf = reducing<AlongOne>({
  name: 'argMax',
  dtype: () => 'i32',
  vjp: () => [undefined],
  reference: ([x], { axes }) => {
    const best = fold(x, axes, Math.max, -Infinity);
    const data = new Int32Array(best.length).fill(-1);
    eachAlong(x, axes[0], (out, at, k) => {
      // the first NaN wins, as in `max`
      const wins = x.data[at] === best[out] || Number.isNaN(x.data[at]);
      if (wins && data[out] === -1) data[out] = k;
    });
    return data;
  },
  kernel: { kind: 'reduce', name: 'arg_max' },
  // where a rival is within the errors of the winner, any index may win
  propagate: ([x], [errors], output, { axes: [axis] }) => {
    const far = new Float64Array(output.data.length);
    const step = sizeOf(x.shape.slice(axis + 1));
    eachAlong(x, axis, (out, at, k) => {
      const away = output.data[out]! - k;
      const winner = at + away * step;
      const error = errors[at]! + errors[winner]!;
      if (error > 0 && x.data[at]! + error >= x.data[winner]!)
        far[out] = Math.max(far[out]!, Math.abs(away));
    });
    return far;
  },
});

/**
 * Index of the largest element along `axis`, the first at a tie, as i32; 0 of a scalar. Throws ShapeError over an empty
 * axis.
 */
export function argMax(x: Tensor, options: { axis: number; keepDims?: boolean }): Tensor {
  const { axis, keepDims = false } = checkOptions('argMax', options, 'axis', 'keepDims');
  const place = normalizeAxis('argMax', axis, x, true);
  const isScalar = x.rank === 0;
  const vector = isScalar ? reshape(x, [1]) : x;
  checkFilled('argMax', vector, [place]);
  return argMaxOf([vector], { axes: [place], keepDims: keepDims && !isScalar });
}
