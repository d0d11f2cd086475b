// Convolution and windows for pooling. WGSL: a view of windows (`write`, here) and shaders/matmul.wgsl.
import { inCode } from '../core/bytes.js';
import { ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { broadcastSteps, eachPlace, formatShape, rankOf, sizeOf } from '../core/shape.js';
import { defineIndex, type OpWith } from '../graph/define.js';
import type { One } from '../graph/op.js';
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
/** Place u of `size` and tap i of `taps` meet place (step · u + tap · i + offset) / gap of the input, if that is whole. */
type Axis = Readonly<Record<'size' | 'taps' | 'step' | 'tap' | 'offset' | 'gap', number>>;
/** @internal Of height and width. */
export type WindowOptions = { readonly axes: readonly Axis[]; readonly fill: number };

/** The input places that tap i of the windows meets, negative for none. */
const meetings = ({ size, step, tap, offset, gap }: Axis, i: number, extent: number): number[] =>
  Array.from({ length: size }, (_, u) => {
    const at = (step * u + tap * i + offset) / gap;
    return Number.isInteger(at) && at < extent ? at : -1;
  });

/**
 * @internal The windows of an image as a view, [..., i, j, height, width] → [..., i, j, u, v], `fill` (0 or −∞) where a tap misses. Taps may be
 * broadcast in the input. Pulling back is the inverse view: each tap meets each input place at most once.
 */
export const windowsOf: OpWith<WindowOptions, One> = defineIndex<WindowOptions, One>({
  name: 'windows',
  cost: 'dear',
  accepts: 'float',
  inPlace: true,
  shape: ([x], { axes: [row, column] }) => [
    ...x.shape.slice(0, -4),
    row.taps,
    column.taps,
    row.size,
    column.size,
  ],
  vjp: ({ inputs: [x], cotangent, lead, options }) => {
    // the same meetings, looked up from the input's side
    const axes = options.axes.map(({ taps, step, tap, offset, gap }, k) => {
      return {
        size: x.shape.at(k - 2)!,
        taps,
        step: gap,
        tap: -tap,
        offset: -offset,
        gap: step,
      };
    });
    return [sumTo(windowsOf([cotangent], { axes, fill: 0 }), x.shape, lead.length)];
  },
  jvp: ({ tangents: [tangent], options }) => windowsOf([tangent], { ...options, fill: 0 }),
  reference: ([x], { axes, fill }, { shape }) => {
    const data = new Float64Array(sizeOf(shape)).fill(fill);
    const [[H, W], [I, J, U, V]] = [x.shape.slice(-2), shape.slice(-4)] as [number[], number[]];
    const planes = shape.slice(0, -2);
    eachPlace(planes, broadcastSteps(x.shape.slice(0, -2), planes), 0, (image, plane) => {
      const columns = meetings(axes[1]!, plane % J, W);
      meetings(axes[0]!, Math.floor(plane / J) % I, H).forEach((row, u) => {
        columns.forEach((column, v) => {
          if (row >= 0 && column >= 0)
            data[(plane * U + u) * V + v] = x.data[(image * H + row) * W + column]!;
        });
      });
    });
    return data;
  },
  write: ({ inputs: [x], output, options: { axes, fill }, coordinates, flat, read, let: name }) => {
    const first = output.rank - 4;
    const tests: string[] = [];
    const at = axes.map(({ size, taps, step, tap, offset, gap }, k) => {
      const reach = [0, tap * (taps - 1)];
      const least = Math.min(...reach) + offset;
      const high = Math.max(...reach) + offset + step * (size - 1);
      const end = gap * x.shape[first + 2 + k]!;
      const [place, windowTap] = [coordinates[first + 2 + k], coordinates[first + k]];
      const meet = name(
        'i32',
        `(${step} * i32(${place}) + ${tap} * i32(${windowTap}) + ${offset})`,
      );
      // below 0 it wraps to a large number
      if (least < 0 || high >= end) tests.push(`u32(${meet}) < ${end}u`);
      if (gap > 1) tests.push(`${meet} % ${gap} == 0`);
      return gap > 1 ? `u32(${meet} / ${gap})` : `u32(${meet})`;
    });
    const value = read(0, [...coordinates.slice(0, first + 2), ...at]);
    return inside(tests, value, numberAt(fill, output.dtype, flat));
  },
});

/** [batch, channels, height, width] → [batch, channels, i, j, u, v]. */
const windows = (x: Tensor, axes: readonly Axis[], fill = 0): Tensor =>
  windowsOf([reshape(x, [...x.shape.slice(0, -2), 1, 1, ...x.shape.slice(-2)])], { axes, fill });

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

function axesOf(op: string, x: Tensor, window: number | Pair, settings: WindowSettings): Axis[] {
  const pair = (name: string, value: number | Pair, least: number): Pair => {
    const both: Pair = typeof value === 'number' ? [value, value] : value;
    if (
      !Array.isArray(both) ||
      both.length !== 2 ||
      !both.every((each) => Number.isInteger(each) && each >= least)
    )
      throw new ShapeError(
        `${op}: ${name} ${inCode(value)} is not one or two whole numbers ≥ ${least}`,
      );
    return both;
  };
  const shape = pair('window', window, 1);
  const steps = pair('stride', settings.stride ?? 1, 1);
  const padding = pair('padding', settings.padding ?? 0, 0);
  const dilation = pair('dilation', settings.dilation ?? 1, 1);
  return shape.map((taps, k) => {
    const [step, before, tap] = [steps[k]!, padding[k]!, dilation[k]!];
    const size = Math.floor((x.shape.at(k - 2)! + 2 * before - tap * (taps - 1) - 1) / step + 1);
    if (size >= 1) return { size, taps, step, tap, offset: 0 - before, gap: 1 };
    return misfit(
      `${op}: a window`,
      { shape },
      `does not fit into ${formatShape(x.shape)}; enlarge padding`,
    );
  });
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
  if (x.rank !== 4 || w.rank !== 4 || x.shape[1] !== w.shape[1])
    misfit(
      'conv2d: x',
      x,
      `does not fit w ${formatShape(w.shape)}; x is [N, C, H, W], w [O, C, kh, kw] with one C`,
    );
  const view = windows(x, axesOf('conv2d', x, w.shape.slice(2) as [number, number], options));
  // [O, C kh kw] times [N, C kh kw, H′ W′]; reverse mode gives δw = Σ δ windowsᵀ, and δx from wᵀ δ, added up where taps met
  const [outputs, terms] = [w.shape[0]!, sizeOf(w.shape.slice(1))];
  const matrices = reshape(view, [x.shape[0]!, terms, sizeOf(view.shape.slice(4))]);
  const out = reshape(matmul(reshape(w, [outputs, terms]), matrices), [
    x.shape[0]!,
    outputs,
    ...view.shape.slice(4),
  ]);
  if (!bias) return out;
  if (bias.rank !== 1 || bias.shape[0] !== outputs)
    misfit('conv2d: bias', bias, `is not [${outputs}], one for each output channel`);
  return add(out, reshape(bias, [outputs, 1, 1]));
}

/** How many taps of a window's start lie before the input, for each window along one axis: [size]. */
function tapsBefore({ size, taps, step, tap, offset }: Axis): Tensor {
  const starts = add(mul(arange(size), step), offset);
  const missed = Array.from({ length: taps }, (_, i) => tap * i).filter(
    (distance) => distance < -offset,
  );
  return missed.reduce(
    (count, distance) => add(count, cast(less(starts, -distance), 'i32')),
    zeros([size], { dtype: 'i32' }),
  );
}

/** The first tap of each window that meets the input, as a number in row-major order: [height, width]. */
function firstTaps([rows, columns]: readonly Axis[]): Tensor {
  const down = mul(reshape(tapsBefore(rows), [rows.size, 1]), columns.taps);
  return add(down, tapsBefore(columns));
}

/**
 * The largest element of each window, as PyTorch's max_pool2d: [N, C, H, W] → [N, C, H′, W′]. `stride` is `size` unless
 * given; padding is at most half the size. The first of equal elements gets the whole gradient.
 */
export function maxPool2d(x: Tensor, options: WindowSettings & { size: number | Pair }): Tensor {
  if (rankOf('maxPool2d', x) !== 4) misfit('maxPool2d:', x, 'is not [N, C, H, W]');
  const { size } = checkOptions('maxPool2d', options, 'size', WINDOW_SETTINGS);
  const axes = axesOf('maxPool2d', x, size, { ...options, stride: options.stride ?? size });
  if (axes.some(({ offset, taps }) => -2 * offset > taps))
    misfit(
      'maxPool2d: padding',
      { shape: axes.map(({ offset }) => -offset) },
      'is above half of the window; pad less',
    );
  const view = windows(x, axes, Number.NEGATIVE_INFINITY);
  const taps = sizeOf(view.shape.slice(2, 4));
  const each = reshape(view, [...view.shape.slice(0, 2), taps, ...view.shape.slice(4)]);
  // among equal elements the first wins; the padding's −∞ never does
  const largest = argMax(each, { axis: 2, keepDims: true });
  const isPadded = axes.some(({ offset }) => offset < 0);
  const first = isPadded ? maximum(largest, firstTaps(axes)) : largest;
  return sum(where(equal(first, reshape(arange(taps), [taps, 1, 1])), each, 0), { axis: 2 });
}
