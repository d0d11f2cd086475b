// Layer normalisation of rows, forward and backward, each one hand-written kernel. WGSL: shaders/layerNorm*.wgsl.

import backwardInRows from '../../shaders/layerNorm.backward.rows.wgsl?raw';
import backwardSource from '../../shaders/layerNorm.backward.wgsl?raw';
import forwardInRows from '../../shaders/layerNorm.rows.wgsl?raw';
import forwardSource from '../../shaders/layerNorm.wgsl?raw';
import { EPSILON, gamma } from '../core/bounds.js';
import type { TensorData, TypedArray } from '../core/dtype.js';
import { broadcastData } from '../core/hostData.js';
import { type Shape, sizeOf } from '../core/shape.js';
import { defineSeveral } from '../graph/define.js';
import type { Form, ScalarReference, WrittenKernel } from '../graph/op.js';
import { mapElements } from '../graph/record.js';
import { commonDType, type Tensor } from '../graph/tensor.js';
import { relu } from './activation.js';
import { add, div, mul, neg, sqrt, square, sub } from './arithmetic.js';
import { stopGradient } from './cast.js';
import { mean, sum } from './reduce.js';
import { broadcastTo, reshape } from './view.js';

type RowOptions = { readonly epsilon: number };
type ForwardInputs = readonly [x: Tensor, weight: Tensor, bias: Tensor];
type BackwardInputs = readonly [
  x: Tensor,
  weight: Tensor,
  means: Tensor,
  scales: Tensor,
  u: Tensor,
];

/** Columns that one workgroup of the backward kernel sums, as in the WGSL. */
const COLUMNS = 8;

/** How a kernel is laid out for the sizes of x: invocations of a workgroup, and workgroups. */
interface Layout {
  readonly WIDTH: number;
  readonly groups: number;
  /** Of those, how many make rows where the others make columns. */
  readonly ROW_GROUPS?: number;
}
type LayoutRule = (rows: number, length: number) => Layout;

/** A power of two that gives each invocation about four numbers of a row. */
const widthFor = (length: number): number =>
  Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(length / 4))));

/** Rows that a workgroup makes with an invocation for each: few where there are few, so that every core has some. */
function inRows(rows: number, columns: number): Layout {
  const WIDTH = rows < 256 ? 8 : 64;
  const ROW_GROUPS = Math.ceil(rows / WIDTH);
  return { WIDTH, ROW_GROUPS, groups: ROW_GROUPS + Math.ceil(columns / WIDTH) };
}

/** A kernel's text with its constants and workgroups. */
function laidOut(wgsl: string, layoutOf: LayoutRule) {
  const layoutFor = ([x = []]: readonly Shape[]) => {
    const [rows = 0, length = 0] = x;
    return { ROWS: rows, LENGTH: length, ...layoutOf(rows, length) };
  };
  return {
    wgsl,
    constants: (shapes: readonly Shape[], { epsilon }: RowOptions) => {
      const { groups, ...sizes } = layoutFor(shapes);
      return { ...sizes, EPSILON: epsilon };
    },
    workgroups: (shapes: readonly Shape[]) => [layoutFor(shapes).groups, 1, 1] as const,
  };
}

/** A kernel with a workgroup a row; on software adapters, whose barriers cost more than they save, with an invocation a row. */
function rowKernel<A extends readonly unknown[]>(
  usual: ReturnType<typeof laidOut>,
  software: ReturnType<typeof laidOut>,
): WrittenKernel<RowOptions, A> {
  const variants = { lavapipe: software, swiftshader: software };
  return { kind: 'written', ...usual, variants };
}

/** A number for each row, beside rows. */
const column = (perRow: Tensor): Tensor => reshape(perRow, [...perRow.shape, 1]);
const perRow = ({ shape: [rows = 0], dtype }: Form): Form => ({ shape: [rows], dtype });

/** (x − μ) r */
const normalised = (x: Tensor, means: Tensor, scales: Tensor): Tensor =>
  mul(sub(x, column(means)), column(scales));

/** @internal ∂C/∂x, ∂C/∂γ and ∂C/∂β from x [rows, length], γ, μ [rows], r [rows] and u = ∂C/∂y. */
export const layerNormBackward = defineSeveral<RowOptions, BackwardInputs>({
  name: 'layerNormBackward',
  outputs: (inputs) => {
    const [x, weight] = inputs;
    commonDType('layerNorm', inputs);
    return [x, weight, weight];
  },
  definition: ([x, weight, means, scales, u]) => {
    const normal = normalised(x, means, scales);
    const g = mul(u, weight);
    const along = { axis: 1, keepDims: true };
    const inner = add(mean(g, along), mul(normal, mean(mul(g, normal), along)));
    return [
      mul(column(scales), sub(g, inner)),
      sum(mul(u, normal), { axis: 0 }),
      sum(u, { axis: 0 }),
    ];
  },
  bound: [rowGradientBound, columnBound((u, normal) => u * normal), columnBound((u) => u)],
  kernel: rowKernel(
    laidOut(backwardSource, (rows, length) => ({
      WIDTH: Math.max(128, widthFor(length)), // of which some share a column
      groups: rows + Math.ceil(length / COLUMNS),
    })),
    laidOut(backwardInRows, inRows),
  ),
});

/** y = (x − μ) r γ + β for each row of x [rows, length], and μ [rows] and r [rows], for the way back. */
const forwardOf = defineSeveral<RowOptions, ForwardInputs>({
  name: 'layerNorm',
  outputs: (inputs) => {
    const [x] = inputs;
    commonDType('layerNorm', inputs);
    return [x, perRow(x), perRow(x)];
  },
  definition: ([x, weight, bias], { epsilon }) => {
    const near = stopGradient(mean(x, { axis: 1 }));
    const shifted = sub(x, column(near));
    const away = mean(shifted, { axis: 1 });
    // Σ(x − near)² = Σ(x − μ)² + n (μ − near)² (Chan, Golub and LeVeque 1983); rounding may leave their difference below 0
    const variances = relu(sub(mean(square(shifted), { axis: 1 }), square(away)));
    const scales = div(1, sqrt(add(variances, epsilon)));
    return [add(mul(normalised(shifted, away, scales), weight), bias), add(near, away), scales];
  },
  vjp: ({ inputs: [x, weight], outputs, cotangents: [u, ofMeans, ofScales], options }) => {
    const [, means, scales] = outputs as [Tensor, Tensor, Tensor];
    const [dx, dWeight, dBias] = u ? layerNormBackward([x, weight, means, scales, u], options) : [];
    // ∂μ/∂x = 1 / length and ∂r/∂x = −r³ (x − μ) / length
    const [, length = 1] = x.shape;
    const fromMeans = ofMeans && column(div(ofMeans, length));
    const slope = mul(column(neg(square(scales))), normalised(x, means, scales));
    const fromScales = ofScales && mul(slope, column(div(ofScales, length)));
    const parts = [dx, fromMeans, fromScales].filter((part) => part !== undefined);
    const whole = parts.reduce((total, part) => add(total, part));
    return [broadcastTo(whole, x.shape), dWeight, dBias];
  },
  bound: [outputBound, meanBound, scaleBound],
  kernel: rowKernel(
    laidOut(forwardSource, (rows, length) => ({ WIDTH: widthFor(length), groups: rows })),
    laidOut(forwardInRows, (rows) => inRows(rows, 0)),
  ),
});

/**
 * @internal Layer normalisation over the last axes, those of weight and bias: (x − μ) / √(variance + ε) · weight + bias, with
 * the mean and the (biased) variance of each row.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const length = sizeOf(weight.shape);
  const rows = sizeOf(x.shape.slice(0, x.rank - weight.rank));
  const flat = [
    reshape(x, [rows, length]),
    reshape(weight, [length]),
    reshape(bias, [length]),
  ] as const;
  const [y] = forwardOf(flat, { epsilon });
  return reshape(y!, x.shape);
}

// Error bounds, in absolute numbers. Sums of n numbers err by γ_n Σ|x| in any order, and compensated ones of invocations, added
// in a tree of 256, by γ_12 Σ|x|.
const roundings = (n: number): number => Math.min(n, 12);

/** The rows of a matrix, in its memory. */
const rowsOf = ([rows = 0, length = 0]: Shape, data: TypedArray): TypedArray[] =>
  Array.from({ length: rows }, (_, row) => data.subarray(row * length, (row + 1) * length));

/** Values of a row, their mean, and how far that may be off. */
type Row = { readonly x: TypedArray; readonly mean: number; readonly error: number };
const withMeans = ({ shape, data }: TensorData): Row[] =>
  rowsOf(shape, data).map((x) => {
    let total = 0;
    let size = 0;
    for (const value of x) {
      total += value;
      size += Math.abs(value);
    }
    const n = x.length;
    return { x, mean: total / n, error: (gamma(roundings(n) + 1) * size) / n };
  });

/** r of a row, and how far it may be off. */
function scaleOf({ x, mean, error }: Row, epsilon: number): { scale: number; error: number } {
  const n = x.length;
  let squares = 0;
  let reach = 0;
  for (const value of x) {
    const centred = Math.abs(value - mean);
    squares += centred ** 2;
    reach += (centred + error + EPSILON * centred) ** 2;
  }
  const variance = squares / n + epsilon;
  const off =
    (reach - squares) / n + gamma(roundings(n) + 3) * (reach / n) + 2 * EPSILON * variance;
  const scale = 1 / Math.sqrt(variance);
  // squares are not negative
  const most = 1 / Math.sqrt(Math.max(variance - off, epsilon * (1 - 4 * EPSILON)));
  return { scale, error: most - scale + 8 * EPSILON * most };
}

type Values<A extends readonly unknown[]> = { readonly [K in keyof A]: TensorData };
type RowBound = (
  inputs: Values<ForwardInputs>,
  output: TensorData,
  options: RowOptions,
) => Float64Array;

function meanBound([x]: Values<ForwardInputs>): Float64Array {
  return Float64Array.from(withMeans(x), ({ error }) => error);
}
function scaleBound(
  [x]: Values<ForwardInputs>,
  _: TensorData,
  { epsilon }: RowOptions,
): Float64Array {
  return Float64Array.from(withMeans(x), (row) => scaleOf(row, epsilon).error);
}
function outputBound(
  ...[[x, weight, bias], output, { epsilon }]: Parameters<RowBound>
): Float64Array {
  const out = new Float64Array(output.data.length);
  for (const [i, row] of withMeans(x).entries()) {
    const { scale, error } = scaleOf(row, epsilon);
    const errorOf = (value: number, weight: number, bias: number): number => {
      const centred = Math.abs(value - row.mean);
      const most = (centred + row.error + EPSILON * centred) * (scale + error);
      const factor = Math.abs(weight);
      const rounding = 4 * EPSILON * (factor * most + Math.abs(bias));
      return factor * (most - centred * scale) + rounding;
    };
    const start = i * row.x.length;
    const errors = out.subarray(start, start + row.x.length);
    mapElements(errorOf, [row.x, weight.data, bias.data], errors);
  }
  return out;
}

/** A function of the elements that matrices have in the same place. */
function elements(call: ScalarReference, x: TypedArray, ...others: TypedArray[]): Float64Array {
  return mapElements(call, [x, ...others], new Float64Array(x.length));
}
/** Numbers of rows, each at all elements of its row. */
function wide(perRow: TensorData, shape: Shape): TypedArray {
  return broadcastData({ ...perRow, shape: [...perRow.shape, 1] }, shape).data;
}
/** The mean of each row, at all of its elements. */
function rowMeans(shape: Shape, data: TypedArray): Float64Array {
  const out = Float64Array.from(data);
  for (const row of rowsOf(shape, out)) {
    let mean = 0;
    for (const value of row) mean += value / row.length;
    row.fill(mean);
  }
  return out;
}

/** |x̂| of each element: x̂ = (x − μ) r. */
function normalSizes([{ shape, data }, , means, scales]: Values<BackwardInputs>): Float64Array {
  const size = (x: number, mean: number, scale: number): number => Math.abs((x - mean) * scale);
  return elements(size, data, wide(means, shape), wide(scales, shape));
}
/** Of the sums |g|, mean |g| and |x̂| mean |g x̂|, where g = u γ. */
function rowGradientBound(inputs: Values<BackwardInputs>): Float64Array {
  const [{ shape }, weight, , scales, u] = inputs;
  const [, n = 1] = shape;
  const normal = normalSizes(inputs);
  const weights = broadcastData(weight, shape).data;
  const g = elements((u, weight) => Math.abs(u * weight), u.data, weights);
  const products = elements((g, normal) => g * normal, g, normal);
  const means = [rowMeans(shape, g), rowMeans(shape, products)];
  const errorOf = (scale: number, g: number, normal: number, mean: number, product: number) => {
    const inner = mean + normal * product;
    return Math.abs(scale) * (gamma(roundings(n) + 10) * inner + 6 * EPSILON * (g + inner));
  };
  return elements(errorOf, wide(scales, shape), g, normal, ...means);
}
/** Of a sum over rows of what `term` gives. */
function columnBound(term: (u: number, normal: number) => number) {
  return (inputs: Values<BackwardInputs>, output: TensorData): Float64Array => {
    const [{ shape }, , , , u] = inputs;
    const [rows = 0] = shape;
    const errorOf = (u: number, normal: number): number =>
      gamma(roundings(rows) + 5) * term(Math.abs(u), normal);
    const errors = elements(errorOf, u.data, normalSizes(inputs));
    const out = new Float64Array(output.data.length);
    for (const row of rowsOf(shape, errors)) mapElements((a, b) => a + b, [out, row], out);
    return out;
  };
}
