import { gamma } from '../bounds.js';
import { hostArray, hostData, isFloat, type TensorData } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { defineOpWith, type Tensor } from '../graph/tensor.js';
import {
  eachPlace,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  type Shape,
  sizeOf,
  stridesOf,
} from '../shape.js';
import { div, mul } from './arithmetic.js';
import { cast } from './cast.js';
import { equal } from './compare.js';
import { broadcastTo, extraAxes, reshape } from './view.js';

/** Axes to reduce: one, several, or all when left out; negative ones count from the end. */
export interface ReduceOptions {
  axis?: number | readonly number[];
  /** Keep reduced axes with size 1. */
  keepDims?: boolean;
}
type Reduced = { readonly axes: readonly number[]; readonly keepDims: boolean };

/** Calls `visit(output index, input index)` for every element of a reduction, inputs of one output in ascending order. */
function eachReduced(shape: Shape, axes: readonly number[], visit: (out: number, at: number) => void): void {
  const strides = stridesOf(shape.map((size, i) => (axes.includes(i) ? 1 : size)));
  const steps = strides.map((stride, i) => (axes.includes(i) ? 0 : stride));
  eachPlace(shape, steps, 0, visit);
}

function fold(
  x: TensorData,
  axes: readonly number[],
  shape: Shape,
  start: number,
  combine: (a: number, b: number) => number,
): TensorData {
  const data = hostArray(x.dtype, sizeOf(shape)).fill(start);
  eachReduced(x.shape, axes, (out, at) => {
    data[out] = combine(data[out]!, x.data[at]!);
  });
  return hostData(shape, x.dtype, data);
}

/** E ++ output.shape back over the reduced axes: E ++ x.shape. */
function spread(value: Tensor, x: Tensor, { axes }: Reduced, extra: number): Tensor {
  const lead = value.shape.slice(0, extra);
  return broadcastTo(reshape(value, [...lead, ...reducedShape(x.shape, axes, true)]), [...lead, ...x.shape]);
}

const shapeRule = ([x]: readonly Tensor[], { axes, keepDims }: Reduced): Shape =>
  reducedShape(x!.shape, axes, keepDims);

const sumOf = defineOpWith<Reduced>({
  name: 'sum',
  accepts: 'number',
  shape: shapeRule,
  vjp: ({ inputs: [x], output, cotangent, options }) => [spread(cotangent, x!, options, extraAxes(cotangent, output))],
  reference: ([x], { axes }, { shape }) => fold(x!, axes, shape, 0, (a, b) => a + b),
  kernel: { kind: 'reduce', name: 'sum' },
  // γ_n Σ|x| holds under any order of summation
  bound: ([x], output, { axes }: Reduced) => {
    if (!isFloat(output.dtype)) return new Float64Array(output.data.length);
    const count = x!.data.length / Math.max(1, output.data.length);
    const sizes = fold(
      { ...x!, dtype: 'f64', data: Float64Array.from(x!.data, Math.abs) },
      axes,
      output.shape,
      0,
      (a, b) => a + b,
    );
    return Float64Array.from(sizes.data, (size) => gamma(count) * size);
  },
});

/** Σ x over `axis`; 0 over nothing. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = normalizeAxes('sum', options.axis, x.rank);
  return axes.length ? sumOf([x], { axes, keepDims: options.keepDims ?? false }) : x;
}

function refuseEmpty(op: string, x: Tensor, axes: readonly number[]): void {
  const empty = axes.find((axis) => x.shape[axis] === 0);
  if (empty !== undefined)
    throw new ShapeError(
      `${op}: axis ${empty} of ${formatShape(x.shape)} is empty, and ${op} of nothing has no value; keep at least one element`,
    );
}

/** Σ x / n over `axis`. Throws ShapeError over nothing. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = normalizeAxes('mean', options.axis, x.rank);
  if (!isFloat(x.dtype)) throw new DTypeError(`mean: dtype ${x.dtype} is not a float; use cast(x, 'f32')`);
  refuseEmpty('mean', x, axes);
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  return div(sum(x, options), count);
}

/** The value that any other beats. */
const weakest = (name: 'max' | 'min', dtype: TensorData['dtype']): number => {
  const [low, high] =
    dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : dtype === 'u32' ? [0, 2 ** 32 - 1] : [-Infinity, Infinity];
  return name === 'max' ? low : high;
};

const extremum = (name: 'max' | 'min', combine: (a: number, b: number) => number) => {
  const op = defineOpWith<Reduced>({
    name,
    accepts: 'number',
    shape: shapeRule,
    vjp: ({ inputs: [x], output, cotangent, options }) => {
      const winners = cast(equal(x!, spread(output, x!, options, 0)), x!.dtype);
      const shares = div(winners, sum(winners, { axis: options.axes, keepDims: true }));
      return [mul(spread(cotangent, x!, options, extraAxes(cotangent, output)), shares)];
    },
    reference: ([x], { axes }, { shape }) => fold(x!, axes, shape, weakest(name, x!.dtype), combine),
    kernel: { kind: 'reduce', name },
    bound: { ulp: 0 },
    propagate: ([x], [errors], output, { axes }) =>
      fold({ ...x!, dtype: 'f64', data: errors! }, axes, output.shape, 0, Math.max).data as Float64Array,
  });
  return (x: Tensor, options: ReduceOptions = {}): Tensor => {
    const axes = normalizeAxes(name, options.axis, x.rank);
    refuseEmpty(name, x, axes);
    return axes.length ? op([x], { axes, keepDims: options.keepDims ?? false }) : x;
  };
};

/** The largest element over `axis`; ties share the gradient equally. Throws ShapeError over nothing. */
export const max = extremum('max', Math.max);
/** The smallest element over `axis`; ties share the gradient equally. Throws ShapeError over nothing. */
export const min = extremum('min', Math.min);

const argMaxOf = defineOpWith<Reduced>({
  name: 'argMax',
  accepts: 'number',
  shape: shapeRule,
  dtype: () => 'i32',
  vjp: () => [undefined],
  reference: ([x], { axes: [axis] }, { shape }) => {
    const data = new Int32Array(sizeOf(shape));
    const best = new Float64Array(data.length).fill(Number.NaN);
    const seen = new Uint8Array(data.length);
    const inner = sizeOf(x!.shape.slice(axis! + 1));
    eachReduced(x!.shape, [axis!], (out, at) => {
      const value = x!.data[at]!;
      // the first NaN wins, as in `max`
      if (value <= best[out]! || (seen[out] && Number.isNaN(best[out]))) return;
      [best[out], seen[out]] = [value, 1];
      data[out] = Math.floor(at / inner) % x!.shape[axis!]!;
    });
    return { shape, dtype: 'i32', data };
  },
  kernel: { kind: 'reduce', name: 'arg_max' },
  bound: { ulp: 0 },
  propagate: (inputs, errors, output, { axes: [axis] }) => argMaxErrors(inputs[0]!, errors[0]!, output, axis!),
});

/** Where a rival is within the errors of the winner, any index may win. */
function argMaxErrors(x: TensorData, errors: Float64Array, output: TensorData, axis: number): Float64Array {
  const inner = sizeOf(x.shape.slice(axis + 1));
  const size = x.shape[axis]!;
  const place = (out: number, k: number): number => (Math.floor(out / inner) * size + k) * inner + (out % inner);
  return Float64Array.from(output.data, (winner, out) => {
    const best = place(out, winner);
    const low = x.data[best]! - errors[best]!;
    let far = 0;
    for (let k = 0; k < size; k++) {
      const rival = place(out, k);
      if (k !== winner && errors[rival]! + errors[best]! > 0 && x.data[rival]! + errors[rival]! >= low)
        far = Math.max(far, Math.abs(k - winner));
    }
    return far;
  });
}

/** Index of the largest element along `axis`, the first at a tie, as i32. Throws ShapeError over nothing. */
export function argMax(x: Tensor, options: { axis: number; keepDims?: boolean }): Tensor {
  const axis = normalizeAxis('argMax', options.axis, x.rank);
  refuseEmpty('argMax', x, [axis]);
  return argMaxOf([x], { axes: [axis], keepDims: options.keepDims ?? false });
}
