// Windows over images: where their taps meet places, the view that reads them, and their settings. WGSL: `write`, here.
import { inCode } from '../core/bytes.js';
import type { TensorData } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { broadcastSteps, eachPlace, formatShape, type Shape, sizeOf } from '../core/shape.js';
import { defineIndex, type OpWith } from '../graph/define.js';
import type { IndexContext, One } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { inside, numberAt } from './slice.js';
import { misfit, reshape, sumTo } from './view.js';

/** A number for the height and one for the width. */
export type Pair = readonly [number, number];
/** @internal The shape of a batch of images. */
export type Image = readonly [batch: number, channels: number, height: number, width: number];
/** @internal Whether a shape has the rank of images. */
export const isImage = (shape: Shape): shape is Image => shape.length === 4;
/** @internal Place u of `size` and tap i of `taps` meet place (step · u + tap · i + offset) / gap of the input, if that is whole. */
export type Axis = Readonly<Record<'size' | 'taps' | 'step' | 'tap' | 'offset' | 'gap', number>>;
/** @internal Those of height and width. */
export type Axes = readonly [rows: Axis, columns: Axis];
/** @internal */
export type WindowOptions = { readonly axes: Axes; readonly fill: number };

/** The input places that tap i of the windows meets, negative for none. */
const meetings = ({ size, step, tap, offset, gap }: Axis, i: number, extent: number): number[] =>
  Array.from({ length: size }, (_, u) => {
    const at = (step * u + tap * i + offset) / gap;
    return Number.isInteger(at) && at < extent ? at : -1;
  });

/** The same meetings, looked up from the side of an input of some size. */
const inverseOf = ({ taps, step, tap, offset, gap }: Axis, size: number): Axis => ({
  size,
  taps,
  step: gap,
  tap: -tap,
  offset: -offset,
  gap: step,
});

/** @internal The meetings along both axes, looked up from the side of images [height, width]. */
export const inverse = ([down, across]: Axes, [height, width]: Pair): Axes => [
  inverseOf(down, height),
  inverseOf(across, width),
];

/** @internal Places r = b + s a of an axis: the taps that meet there, the places of windows that these see, and where r is. */
export type Phase = Readonly<Record<'taps' | 'windows' | 'places', Axis>>;

/** @internal The places of an axis by r mod s, for each remainder b where taps meet any; tap i does if s divides r − o − d i. */
export function phasesOf({ taps, step, tap, offset }: Axis, extent: number): Phase[] {
  const from = { taps: 1, tap: 1, gap: 1 };
  return Array.from({ length: Math.min(step, extent) }, (_, b): Phase | undefined => {
    const startOf = (i: number): number => (b - offset - tap * i) / step;
    const met = Array.from({ length: taps }, (_, i) => i).filter((i) =>
      Number.isInteger(startOf(i)),
    );
    const [first, second] = met;
    if (first === undefined) return undefined;
    const period = second === undefined ? 1 : second - first;
    const back = second === undefined ? -1 : startOf(second) - startOf(first);
    const size = Math.ceil((extent - b) / step);
    return {
      taps: { ...from, size: met.length, step: period, offset: first },
      windows: { size, taps: met.length, step: 1, tap: back, offset: startOf(first), gap: 1 },
      places: { ...from, size: extent, step: 1, offset: -b, gap: step },
    };
  }).filter((phase) => phase !== undefined);
}

/** @internal The planes of a shape [..., rows, columns], and their sizes. */
export function planesOf(shape: Shape): { planes: Shape; rows: number; columns: number } {
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
    const back = { axes: inverse(axes, [rows, columns]), fill: 0 };
    return [sumTo(windowsOf([cotangent], back), x.shape, lead.length)];
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

/** @internal Whether windows of one tap are the images [height, width] themselves. */
export const areImages = (axes: Axes, image: Pair): boolean =>
  axes.every(({ size, taps, step, offset, gap }, k) => {
    const areAll = taps === 1 && step === 1 && offset === 0 && gap === 1;
    return areAll && size === image[k];
  });

/** @internal [..., height, width] → [..., i, j, u, v], zeros where a tap misses. */
export function windows(x: Tensor, axes: Axes): Tensor {
  const { planes, rows, columns } = planesOf(x.shape);
  if (areImages(axes, [rows, columns])) return reshape(x, [...planes, 1, 1, rows, columns]);
  return windowsOf([reshape(x, [...planes, 1, 1, rows, columns])], { axes, fill: 0 });
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

/** @internal The axes of windows over images. Throws ShapeError for settings that do not fit. */
export function windowAxes(
  op: string,
  x: Image,
  window: number | Pair,
  settings: WindowSettings,
): Axes {
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
