// Max pooling: the tap of each window that is largest, what lies under it, and the way back. WGSL: views (`write`, here).
import type { TensorData } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { broadcastData } from '../core/hostData.js';
import { checkOptions } from '../core/options.js';
import { rankOf, type Shape, sizeOf } from '../core/shape.js';
import { defineIndex, type OpWith } from '../graph/define.js';
import type { IndexContext } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { maximum } from './arithmetic.js';
import { argMax } from './reduce.js';
import { inside, numberAt } from './slice.js';
import { misfit, reshape, sumTo } from './view.js';
import {
  type Axes,
  type Axis,
  isImage,
  type Pair,
  planesOf,
  WINDOW_SETTINGS,
  type WindowSettings,
  windowAxes,
  windowsOf,
} from './windows.js';

type PooledOptions = { readonly axes: Axes; readonly image: Pair };
/** Values, and the tap that each window takes of its image: its number in row-major order, i32 [..., H′, W′]. */
type Taken = readonly [values: Tensor, taken: Tensor];

/**
 * The windows that meet a place r: s u + d i + o = r for window u and tap i. With g = gcd(s, d), there are none unless g divides
 * r − o; else their taps are i = i₀ + p j with p = s / g, i₀ = (r − o) / g · (d / g)⁻¹ mod p, for visits j below `count`.
 */
function visitsOf({ taps, step, tap }: Axis) {
  let common = Math.min(step, tap);
  while (step % common !== 0 || tap % common !== 0) common--;
  const period = step / common;
  let inverse = 0;
  while (((inverse * tap) / common - 1) % period !== 0) inverse++;
  return { common, period, inverse, count: Math.ceil(taps / period) };
}

/** Calls `visit(at, place)` for each window of [..., H′, W′]: where its tap lies in visits [..., j, k, height, width]. */
function eachTaken(
  windows: number,
  taken: TensorData,
  { axes: [down, across], image: [height, width] }: PooledOptions,
  visit: (at: number, place: number) => void,
): void {
  const rows = visitsOf(down);
  const columns = visitsOf(across);
  for (let at = 0; at < windows; at++) {
    const tap = taken.data[at % taken.data.length]!; // leading axes share it
    const i = Math.floor(tap / across.taps);
    const k = tap % across.taps;
    const v = at % across.size;
    const u = Math.floor(at / across.size) % down.size;
    const plane = Math.floor(at / across.size / down.size) * rows.count;
    const visits = (plane + Math.floor(i / rows.period)) * columns.count;
    const row = down.step * u + down.tap * i + down.offset;
    const column = across.step * v + across.tap * k + across.offset;
    const image = visits + Math.floor(k / columns.period);
    visit(at, (image * height + row) * width + column);
  }
}

const visitsShape = (before: Shape, { axes: [down, across], image }: PooledOptions): Shape => [
  ...before,
  visitsOf(down).count,
  visitsOf(across).count,
  ...image,
];

/** @internal What the taken taps hold: images, or visits of them, [..., j, k, H, W] → [..., H′, W′]. One of j and k stands for all. */
export const takenOf: OpWith<PooledOptions, Taken> = defineIndex<PooledOptions, Taken>({
  name: 'taken',
  cost: 'dear',
  shape: ([x], { axes }) => [...x.shape.slice(0, -4), ...axes.map(({ size }) => size)],
  dtype: ([x]) => x.dtype,
  vjp: ({ inputs: [x, taken], cotangent, lead, options }) => [
    sumTo(visitsAt([cotangent, taken], options), x.shape, lead.length),
    undefined,
  ],
  jvp: ({ inputs: [, taken], tangents: [tangent], options }) => takenOf([tangent!, taken], options),
  reference: ([x, taken], options, { shape }) => {
    const data = new Float64Array(sizeOf(shape));
    const visits = broadcastData(x, visitsShape(x.shape.slice(0, -4), options));
    eachTaken(data.length, taken, options, (at, place) => {
      data[at] = visits.data[place]!;
    });
    return data;
  },
  write: ({ inputs: [x, taken], options: { axes }, coordinates, read, let: name }) => {
    const tap = name('u32', `u32(${read(1, coordinates.slice(-taken.rank))})`);
    const [, { taps }] = axes;
    const taps2 = [`(${tap} / ${taps}u)`, `(${tap} % ${taps}u)`];
    const places = coordinates.slice(-2);
    const at = axes.map(({ step, tap, offset }, k) =>
      name('u32', `(${step}u * ${places[k]} + ${tap}u * ${taps2[k]} - ${-offset}u)`),
    );
    const visits = axes.map((axis, k) =>
      x.shape.at(k - 4) === 1 ? '0u' : name('u32', `(${taps2[k]} / ${visitsOf(axis).period}u)`),
    );
    return read(0, [...coordinates.slice(0, -2), ...visits, ...at]);
  },
});

/** The windows that meet each place and take it, [..., H′, W′] → [..., j, k, H, W]: no more than can meet it, zeros for others. */
const visitsAt: OpWith<PooledOptions, Taken> = defineIndex<PooledOptions, Taken>({
  name: 'visits',
  cost: 'dear',
  shape: ([y], options) => visitsShape(y.shape.slice(0, -2), options),
  dtype: ([y]) => y.dtype,
  vjp: ({ inputs: [, taken], cotangent, options }) => [
    takenOf([cotangent, taken], options),
    undefined,
  ],
  jvp: ({ inputs: [, taken], tangents: [tangent], options }) =>
    visitsAt([tangent!, taken], options),
  reference: ([y, taken], options, { shape }) => {
    const data = new Float64Array(sizeOf(shape));
    eachTaken(y.data.length, taken, options, (at, place) => {
      data[place] = y.data[at]!;
    });
    return data;
  },
  write: ({ inputs: [, taken], output, options: { axes }, coordinates, flat, read, let: name }) => {
    const tests: string[] = [];
    const [j, k, row, column] = coordinates.slice(-4);
    const down = visitedBy(axes[0], [j, row], name, tests);
    const across = visitedBy(axes[1], [k, column], name, tests);
    const at = [...coordinates.slice(0, -4), down.window, across.window];
    const tap = `i32(${down.tap} * ${axes[1].taps}u + ${across.tap})`;
    tests.push(`${read(1, at.slice(-taken.rank))} == ${tap}`);
    return inside(tests, read(0, at), numberAt(0, output.dtype, flat));
  },
});

/** WGSL for the window and the tap with which a place is visited; tests whether there are any go to `tests`. */
function visitedBy(
  axis: Axis,
  [visit, place]: readonly [string | undefined, string | undefined],
  name: IndexContext['let'],
  tests: string[],
) {
  const { size, taps, step, tap, offset } = axis;
  const { common, period, inverse } = visitsOf(axis);
  const far = name('u32', `(${place} + ${-offset}u)`);
  const first = `(${far} / ${common}u * ${inverse}u) % ${period}u`;
  const own = name('u32', `(${first} + ${period}u * ${visit})`);
  // below 0 it wraps to a large number
  const start = name('u32', `(${far} - ${tap}u * ${own})`);
  if (common > 1) tests.push(`${far} % ${common}u == 0u`);
  if (taps % period !== 0) tests.push(`${own} < ${taps}u`);
  tests.push(`${start} < ${step * size}u`);
  return { tap: own, window: name('u32', `(${start} / ${step}u)`) };
}

/** The first tap of a window that meets the input: the least i with s u + d i + o ≥ 0. */
const firstTap = ({ step, tap, offset }: Axis, u: number): number =>
  Math.max(0, Math.ceil((-offset - step * u) / tap));

/** The first tap of each window that meets the input, as a number in row-major order: i32 [H′, W′]. */
const firstTaps = defineIndex<{ axes: Axes }, readonly []>({
  name: 'firstTaps',
  cost: 'cheap',
  shape: (_, { axes }) => axes.map(({ size }) => size),
  dtype: () => 'i32',
  vjp: () => [],
  reference: (_, { axes: [down, across] }, { shape }) =>
    Int32Array.from({ length: sizeOf(shape) }, (_, at) => {
      const row = firstTap(down, Math.floor(at / across.size));
      return row * across.taps + firstTap(across, at % across.size);
    }),
  write: ({ options: { axes }, coordinates }) => {
    const [row, column] = axes.map(({ step, tap, offset }, k) => {
      const missed = tap - 1 - offset; // (missed − s u) / d, rounded down, of what is not below 0
      return `(max(0, ${missed} - ${step} * i32(${coordinates[k]})) / ${tap})`;
    });
    return `(${row} * ${axes[1].taps} + ${column})`;
  },
});

/**
 * The largest element of each window, as PyTorch's max_pool2d: [N, C, H, W] → [N, C, H′, W′]. `stride` is `size` unless
 * given; padding is at most half the size. The first of equal elements gets the whole gradient.
 */
export function maxPool2d(x: Tensor, options: WindowSettings & { size: number | Pair }): Tensor {
  rankOf('maxPool2d', x);
  if (!isImage(x.shape)) misfit('maxPool2d:', x, 'is not [N, C, H, W]');
  const { size, stride = size } = checkOptions('maxPool2d', options, 'size', WINDOW_SETTINGS);
  const axes = windowAxes('maxPool2d', x.shape, size, { ...options, stride });
  if (axes.some(({ offset, taps }) => -2 * offset > taps)) {
    const padding = axes.map(({ offset }) => -offset).join(', ');
    throw new ShapeError(`maxPool2d: padding [${padding}] is above half of the window; pad less`);
  }
  const { planes, rows, columns } = planesOf(x.shape);
  const images = reshape(x, [...planes, 1, 1, rows, columns]);
  const view = windowsOf([images], { axes, fill: Number.NEGATIVE_INFINITY });
  const taps = sizeOf(view.shape.slice(2, 4));
  const each = reshape(view, [...view.shape.slice(0, 2), taps, ...view.shape.slice(4)]);
  // among equal elements the first wins; the padding's −∞ never does
  const largest = argMax(each, { axis: 2 });
  const isPadded = axes.some(({ offset }) => offset < 0);
  const taken = isPadded ? maximum(largest, firstTaps([], { axes })) : largest;
  return takenOf([images, taken], { axes, image: [rows, columns] });
}
