// Convolution and windows for pooling. WGSL: a view of windows (`write`, here) and shaders/matmul.wgsl.
import { inCode } from '../core/bytes.js';
import type { TensorData } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import {
  broadcastSteps,
  eachPlace,
  formatShape,
  rankOf,
  type Shape,
  sizeOf,
} from '../core/shape.js';
import { defineIndex, type OpWith } from '../graph/define.js';
import type { IndexContext, One } from '../graph/op.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { add, maximum, mul } from './arithmetic.js';
import { cast } from './cast.js';
import { equal, less, where } from './compare.js';
import { arange, zeros } from './leaf.js';
import { matmul } from './matmul.js';
import { argMax, sum } from './reduce.js';
import { inside, numberAt } from './slice.js';
import { misfit, reshape, sumTo } from './view.js';

type Pair = readonly [number, number];
type Image = readonly [batch: number, channels: number, height: number, width: number];
const isImage = (shape: Shape): shape is Image => shape.length === 4;
/** Place u of `size` and tap i of `taps` meet place (step · u + tap · i + offset) / gap of the input, if that is whole. */
type Axis = Readonly<Record<'size' | 'taps' | 'step' | 'tap' | 'offset' | 'gap', number>>;
/** Those of height and width. */
type Axes = readonly [rows: Axis, columns: Axis];
/** @internal */
export type WindowOptions = { readonly axes: Axes; readonly fill: number };

/** The input places that tap i of the windows meets, negative for none. */
const meetings = ({ size, step, tap, offset, gap }: Axis, i: number, extent: number): number[] =>
  Array.from({ length: size }, (_, u) => {
    const at = (step * u + tap * i + offset) / gap;
    return Number.isInteger(at) && at < extent ? at : -1;
  });

/** The same meetings, looked up from the side of an input of some size. */
const inverse = ({ taps, step, tap, offset, gap }: Axis, size: number): Axis => ({
  size,
  taps,
  step: gap,
  tap: -tap,
  offset: -offset,
  gap: step,
});

/** The planes of a shape [..., rows, columns], and their sizes. */
function planesOf(shape: Shape): { planes: Shape; rows: number; columns: number } {
  return { planes: shape.slice(0, -2), rows: shape.at(-2)!, columns: shape.at(-1)! };
}

/** The windows [..., i, j, u, v] of images [..., i, j, height, width]. */
function windowed(x: TensorData, { axes: [down, across], fill }: WindowOptions, shape: Shape) {
  const data = new Float64Array(sizeOf(shape)).fill(fill);
  const from = planesOf(x.shape);
  const to = planesOf(shape);
  eachPlace(to.planes, broadcastSteps(from.planes, to.planes), 0, (image, plane) => {
    const columns = meetings(across, plane % across.taps, from.columns);
    const rows = meetings(down, Math.floor(plane / across.taps) % down.taps, from.rows);
    for (const [u, row] of rows.entries())
      for (const [v, column] of columns.entries()) {
        const at = (image * from.rows + row) * from.columns + column;
        if (row >= 0 && column >= 0) data[(plane * to.rows + u) * to.columns + v] = x.data[at]!;
      }
  });
  return data;
}

/** WGSL for the place that a tap meets along an axis of some extent; tests whether it is one go to `tests`. */
function meetingPlace(
  { size, taps, step, tap, offset, gap }: Axis,
  extent: number,
  [windowTap, place]: readonly [string | undefined, string | undefined],
  name: IndexContext['let'],
  tests: string[],
): string {
  const reach = [0, tap * (taps - 1)];
  const least = Math.min(...reach) + offset;
  const high = Math.max(...reach) + offset + step * (size - 1);
  const end = gap * extent;
  const meet = name('i32', `(${step} * i32(${place}) + ${tap} * i32(${windowTap}) + ${offset})`);
  // below 0 it wraps to a large number
  if (least < 0 || high >= end) tests.push(`u32(${meet}) < ${end}u`);
  if (gap > 1) tests.push(`${meet} % ${gap} == 0`);
  return gap > 1 ? `u32(${meet} / ${gap})` : `u32(${meet})`;
}

/**
 * @internal The windows of an image as a view, [..., i, j, height, width] → [..., i, j, u, v], `fill` (0 or −∞) where a tap misses.
 * Taps may be broadcast in the input. Pulling back is the inverse view: each tap meets each input place at most once.
 */
export const windowsOf: OpWith<WindowOptions, One> = defineIndex<WindowOptions, One>({
  name: 'windows',
  cost: 'dear',
  accepts: 'float',
  readsInPlace: true,
  shape: ([x], { axes: [down, across] }) => {
    const before = x.shape.slice(0, -4);
    return [...before, down.taps, across.taps, down.size, across.size];
  },
  vjp: ({ inputs: [x], cotangent, lead, options: { axes } }) => {
    const { rows, columns } = planesOf(x.shape);
    const back: Axes = [inverse(axes[0], rows), inverse(axes[1], columns)];
    return [sumTo(windowsOf([cotangent], { axes: back, fill: 0 }), x.shape, lead.length)];
  },
  jvp: ({ tangents: [tangent], options }) => windowsOf([tangent!], { ...options, fill: 0 }),
  reference: ([x], options, { shape }) => windowed(x, options, shape),
  write: ({ inputs: [x], output, options: { axes, fill }, coordinates, flat, read, let: name }) => {
    const { rows, columns } = planesOf(x.shape);
    const [i, j, u, v] = coordinates.slice(-4);
    const tests: string[] = [];
    const row = meetingPlace(axes[0], rows, [i, u], name, tests);
    const column = meetingPlace(axes[1], columns, [j, v], name, tests);
    const value = read(0, [...coordinates.slice(0, -2), row, column]);
    return inside(tests, value, numberAt(fill, output.dtype, flat));
  },
});

/** [batch, channels, height, width] → [batch, channels, i, j, u, v]. */
function windows(x: Tensor, axes: Axes, fill = 0): Tensor {
  const { planes, rows, columns } = planesOf(x.shape);
  return windowsOf([reshape(x, [...planes, 1, 1, rows, columns])], { axes, fill });
}

/** @internal The names of `WindowSettings`. */
export const WINDOW_SETTINGS = 'stride padding dilation';
export interface WindowSettings {
  /** Distance between windows. */
  stride?: number | Pair;
  /** Rows and columns added on each side. */
  padding?: number | Pair;
  /** Distance between the taps of a window. */
  dilation?: number | Pair;
}

/** What rows and columns share, or have each. */
function pairOf(what: string, value: number | Pair, least: number): Pair {
  const both: Pair = typeof value === 'number' ? [value, value] : value;
  const isWhole = (each: number): boolean => Number.isInteger(each) && each >= least;
  if (Array.isArray(both) && both.length === 2 && both.every(isWhole)) return both;
  throw new ShapeError(`${what} ${inCode(value)} is not one or two whole numbers ≥ ${least}`);
}

function axesOf(op: string, x: Image, window: number | Pair, settings: WindowSettings): Axes {
  const shape = pairOf(`${op}: window`, window, 1);
  const strides = pairOf(`${op}: stride`, settings.stride ?? 1, 1);
  const padding = pairOf(`${op}: padding`, settings.padding ?? 0, 0);
  const dilation = pairOf(`${op}: dilation`, settings.dilation ?? 1, 1);
  const axisOf = (k: 0 | 1): Axis => {
    const taps = shape[k];
    const step = strides[k];
    const before = padding[k];
    const tap = dilation[k];
    const size = Math.floor((x[k + 2]! + 2 * before - tap * (taps - 1) - 1) / step + 1);
    if (size >= 1) return { size, taps, step, tap, offset: 0 - before, gap: 1 };
    const fix = `does not fit into ${formatShape(x)}; enlarge padding`;
    return misfit(`${op}: a window`, { shape }, fix, x);
  };
  return [axisOf(0), axisOf(1)];
}

/**
 * Convolution as PyTorch's conv2d: x [N, C, H, W], w [O, C, kh, kw] → [N, O, H′, W′], with
 * H′ = ⌊(H + 2 padding − dilation (kh − 1) − 1) / stride⌋ + 1. `bias` is [O]. No flip of w.
 */
export function conv2d(
  x: Tensor,
  w: Tensor,
  options: WindowSettings & { bias?: Tensor } = {},
): Tensor {
  const { bias } = checkOptions('conv2d', options, '', `${WINDOW_SETTINGS} bias`);
  checkTensors('conv2d', x, w, bias ?? x);
  if (!isImage(x.shape) || !isImage(w.shape) || x.shape[1] !== w.shape[1])
    misfit(
      'conv2d: x',
      x,
      `does not fit w ${formatShape(w.shape)}; x is [N, C, H, W], w [O, C, kh, kw] with one C`,
      w.shape,
    );
  const [outputs, channels, height, width] = w.shape;
  const view = windows(x, axesOf('conv2d', x.shape, [height, width], options));
  const size = view.shape.slice(4);
  // [O, C kh kw] times [N, C kh kw, H′ W′]; reverse mode gives δw = Σ δ windowsᵀ, and δx from wᵀ δ, added up where taps met
  const terms = channels * height * width;
  const matrices = reshape(view, [x.shape[0], terms, sizeOf(size)]);
  const products = matmul(reshape(w, [outputs, terms]), matrices);
  const out = reshape(products, [x.shape[0], outputs, ...size]);
  if (!bias) return out;
  if (bias.rank !== 1 || bias.shape[0] !== outputs)
    misfit('conv2d: bias', bias, `is not [${outputs}], one for each output channel`);
  return add(out, reshape(bias, [outputs, 1, 1]));
}

/** How many taps of a window's start lie before the input, for each window along one axis: [size]. */
function tapsBefore({ size, taps, step, tap, offset }: Axis): Tensor {
  const starts = add(mul(arange(size), step), offset);
  const distances = Array.from({ length: taps }, (_, i) => tap * i);
  const missed = distances.filter((distance) => distance < -offset);
  const none = zeros([size], { dtype: 'i32' });
  return missed.reduce((count, far) => add(count, cast(less(starts, -far), 'i32')), none);
}

/** The first tap of each window that meets the input, as a number in row-major order: [height, width]. */
function firstTaps([rows, columns]: Axes): Tensor {
  const down = mul(reshape(tapsBefore(rows), [rows.size, 1]), columns.taps);
  return add(down, tapsBefore(columns));
}

/**
 * The largest element of each window, as PyTorch's max_pool2d: [N, C, H, W] → [N, C, H′, W′]. `stride` is `size` unless
 * given; padding is at most half the size. The first of equal elements gets the whole gradient.
 */
export function maxPool2d(x: Tensor, options: WindowSettings & { size: number | Pair }): Tensor {
  rankOf('maxPool2d', x);
  if (!isImage(x.shape)) misfit('maxPool2d:', x, 'is not [N, C, H, W]');
  const { size, stride = size } = checkOptions('maxPool2d', options, 'size', WINDOW_SETTINGS);
  const axes = axesOf('maxPool2d', x.shape, size, { ...options, stride });
  if (axes.some(({ offset, taps }) => -2 * offset > taps)) {
    const padding = axes.map(({ offset }) => -offset).join(', ');
    throw new ShapeError(`maxPool2d: padding [${padding}] is above half of the window; pad less`);
  }
  const view = windows(x, axes, Number.NEGATIVE_INFINITY);
  const taps = sizeOf(view.shape.slice(2, 4));
  const each = reshape(view, [...view.shape.slice(0, 2), taps, ...view.shape.slice(4)]);
  // among equal elements the first wins; the padding's −∞ never does
  const largest = argMax(each, { axis: 2, keepDims: true });
  const isPadded = axes.some(({ offset }) => offset < 0);
  const first = isPadded ? maximum(largest, firstTaps(axes)) : largest;
  return sum(where(equal(first, reshape(arange(taps), [taps, 1, 1])), each, 0), { axis: 2 });
}
