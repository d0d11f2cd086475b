// WGSL: a view of windows (`write`, here) and the product of shaders/matmul.wgsl.
import { ShapeError } from '../errors.js';
import { checkTensors, defineOpWith, literal, type Tensor } from '../graph/tensor.js';
import { checkOptions } from '../options.js';
import { formatShape, rankOf, type Shape, sizeOf } from '../shape.js';
import { add } from './arithmetic.js';
import { equal, where } from './compare.js';
import { arange } from './leaf.js';
import { matmul } from './matmul.js';
import { argMax, sum } from './reduce.js';
import { inside } from './slice.js';
import { misfit, reshape, sumTo } from './view.js';

/** Place u of an output and tap i of a window meet place (step · u + tap · i + offset) / gap of the input, if that is whole. */
type Axis = { readonly step: number; readonly tap: number; readonly offset: number; readonly gap: number };
type Pair = readonly [number, number];
type Geometry = { readonly size: Pair; readonly axes: readonly [Axis, Axis] };

/** The same meetings, looked up from the input's side. */
const inverse = ({ step, tap, offset, gap }: Axis): Axis => ({ step: gap, tap: -tap, offset: -offset, gap: step });
const inverted = ({ axes: [y, x] }: Geometry, size: Pair): Geometry => ({ size, axes: [inverse(y), inverse(x)] });
const lastTwo = (shape: Shape): Pair => [shape.at(-2)!, shape.at(-1)!];

/** The input place that tap i of the window at place u meets, −1 for none. */
function meeting({ step, tap, offset, gap }: Axis, i: number, u: number, extent: number): number {
  const at = (step * u + tap * i + offset) / gap;
  return Number.isInteger(at) && at >= 0 && at < extent ? at : -1;
}

/** @internal */
export type WindowOptions = Geometry & { readonly window: Pair; readonly fill: number };
/**
 * The windows of an image as a view, [..., i, j, height, width] → [..., i, j, u, v], `fill` (0 or −∞) where a tap misses. Taps may be
 * broadcast in the input. Pulling back is the inverse view: each tap meets each input place at most once.
 */
const windowsOf: (inputs: readonly Tensor[], options: WindowOptions) => Tensor = defineOpWith<WindowOptions>({
  name: 'windows',
  shape: ([x], { window, size }) => [...x!.shape.slice(0, -4), ...window, ...size],
  vjp: ({ inputs: [x], cotangent, lead, options }) => {
    const back = windowsOf([cotangent], { ...options, ...inverted(options, lastTwo(x!.shape)), fill: 0 });
    return [sumTo(back, x!.shape, lead.length)];
  },
  jvp: ({ tangents: [tangent], options }) => windowsOf([tangent!], { ...options, fill: 0 }),
  reference: ([x], { window: [I, J], size: [U, V], axes, fill }, { shape }) => {
    const [tapsI, tapsJ, H, W] = x!.shape.slice(-4) as [number, number, number, number];
    const data = new Float64Array(sizeOf(shape)).fill(fill);
    for (let line = 0; line < data.length / V; line++) {
      const [u, j, i] = [line % U, Math.floor(line / U) % J, Math.floor(line / U / J) % I];
      const image = Math.floor(line / U / J / I) * tapsI + (i % tapsI);
      const row = meeting(axes[0], i, u, H);
      const from = ((image * tapsJ + (j % tapsJ)) * H + row) * W;
      for (let v = 0; row >= 0 && v < V; v++) {
        const column = meeting(axes[1], j, v, W);
        if (column >= 0) data[line * V + v] = x!.data[from + column]!;
      }
    }
    return data;
  },
  kernel: {
    kind: 'index',
    inPlace: true,
    write: ({ inputs: [x], output, options, coordinates, flat, read, let: name }) => {
      const first = output.rank - 4;
      const tests: string[] = [];
      const at = options.axes.map(({ step, tap, offset, gap }, k) => {
        const [extent, places] = [x!.shape[first + 2 + k]!, options.size[k]!];
        const reach = [0, tap * (options.window[k]! - 1)];
        const least = Math.min(...reach) + offset;
        const high = Math.max(...reach) + offset + step * (places - 1);
        const [place, windowTap] = [coordinates[first + 2 + k], coordinates[first + k]];
        const meet = name('i32', `(${step} * i32(${place}) + ${tap} * i32(${windowTap}) + ${offset})`);
        // below 0 it wraps to a large number
        if (least < 0 || high >= gap * extent) tests.push(`u32(${meet}) < ${gap * extent}u`);
        if (gap > 1) tests.push(`${meet} % ${gap} == 0`);
        return gap > 1 ? `u32(${meet} / ${gap})` : `u32(${meet})`;
      });
      const taps = [0, 1].map((k) => (x!.shape[first + k] === 1 ? '0u' : coordinates[first + k]!));
      const value = read(0, [...coordinates.slice(0, first), ...taps, ...at]);
      // −∞ has no literal: its bits, with a zero that only the running kernel knows
      const low = `bitcast<f32>(0xff800000u | (${flat} & 0u))`;
      return inside(tests, value, options.fill === 0 ? literal(0, output.dtype) : low);
    },
  },
  bound: { ulp: 0 },
});

/** [batch, channels, height, width] → [batch, channels, i, j, u, v]. */
const windows = (x: Tensor, window: Pair, geometry: Geometry, fill = 0): Tensor =>
  windowsOf([reshape(x, [...x.shape.slice(0, -2), 1, 1, ...lastTwo(x.shape)])], { ...geometry, window, fill });

/** [batch, channels, i, j, u, v] as matrices [batch, channels · i · j, u · v], one for each image. */
const asMatrices = (x: Tensor): Tensor =>
  reshape(x, [x.shape[0]!, sizeOf(x.shape.slice(1, 4)), sizeOf(x.shape.slice(4))]);
const asMatrix = (w: Tensor): Tensor => reshape(w, [w.shape[0]!, sizeOf(w.shape.slice(1))]);

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

function geometryOf(op: string, x: Tensor, window: Pair, settings: WindowSettings, stride: number | Pair): Geometry {
  const pair = (name: string, value: number | Pair, least: number): Pair => {
    const both: Pair = typeof value === 'number' ? [value, value] : value;
    if (!Array.isArray(both) || both.length !== 2 || !both.every((each) => Number.isInteger(each) && each >= least))
      throw new ShapeError(`${op}: ${name} ${JSON.stringify(value)} is not one or two whole numbers ≥ ${least}`);
    return both;
  };
  pair('window', window, 1);
  const steps = pair('stride', settings.stride ?? stride, 1);
  const padding = pair('padding', settings.padding ?? 0, 0);
  const dilation = pair('dilation', settings.dilation ?? 1, 1);
  const size = lastTwo(x.shape).map((extent, k) =>
    Math.floor((extent + 2 * padding[k]! - dilation[k]! * (window[k]! - 1) - 1) / steps[k]! + 1),
  ) as [number, number];
  if (Math.min(...size) < 1)
    misfit(`${op}: a window`, { shape: window }, `does not fit into ${formatShape(x.shape)}; enlarge padding`);
  const axis = (k: number): Axis => ({ step: steps[k]!, tap: dilation[k]!, offset: 0 - padding[k]!, gap: 1 });
  return { size, axes: [axis(0), axis(1)] };
}

/**
 * Convolution as PyTorch's conv2d: x [N, C, H, W], w [O, C, kh, kw] → [N, O, H′, W′], with
 * H′ = ⌊(H + 2 padding − dilation (kh − 1) − 1) / stride⌋ + 1. `bias` is [O]. No flip of w.
 */
export function conv2d(x: Tensor, w: Tensor, options: WindowSettings & { bias?: Tensor } = {}): Tensor {
  const { bias } = checkOptions('conv2d', options, '', `${WINDOW_SETTINGS} bias`);
  checkTensors('conv2d', x, w, bias ?? x);
  if (x.rank !== 4 || w.rank !== 4 || x.shape[1] !== w.shape[1])
    misfit('conv2d:', x, `and ${formatShape(w.shape)} do not fit; x is [N, C, H, W] and w [O, C, kh, kw] with one C`);
  const geometry = geometryOf('conv2d', x, lastTwo(w.shape), options, 1);
  // [O, C kh kw] times [N, C kh kw, H′ W′]; reverse mode gives δw = Σ δ windowsᵀ, and δx from wᵀ δ, added up where taps met
  const product = matmul(asMatrix(w), asMatrices(windows(x, lastTwo(w.shape), geometry)));
  const out = reshape(product, [x.shape[0]!, w.shape[0]!, ...geometry.size]);
  if (!bias) return out;
  if (bias.rank !== 1 || bias.shape[0] !== w.shape[0])
    throw new ShapeError(`conv2d: bias ${formatShape(bias.shape)} is not [${w.shape[0]}], one for each output channel`);
  return add(out, reshape(bias, [w.shape[0]!, 1, 1]));
}

/**
 * The largest element of each window, as PyTorch's max_pool2d: [N, C, H, W] → [N, C, H′, W′]. `stride` is `size` unless
 * given; padding is at most half the size. The first of equal elements gets the whole gradient.
 */
export function maxPool2d(x: Tensor, options: WindowSettings & { size: number | Pair }): Tensor {
  if (rankOf('maxPool2d', x) !== 4) throw new ShapeError(`maxPool2d: ${formatShape(x.shape)} is not [N, C, H, W]`);
  const { size, padding } = checkOptions('maxPool2d', options, 'size', WINDOW_SETTINGS);
  const window: Pair = typeof size === 'number' ? [size, size] : size;
  const geometry = geometryOf('maxPool2d', x, window, options, window);
  if (geometry.axes.some(({ offset }, k) => -2 * offset > window[k]!))
    throw new ShapeError(`maxPool2d: padding ${JSON.stringify(padding)} is above half of [${window}]; pad less`);
  const taps = window[0] * window[1];
  const view = windows(x, window, geometry, Number.NEGATIVE_INFINITY);
  const each = reshape(view, [...view.shape.slice(0, 2), taps, ...geometry.size]);
  const first = argMax(each, { axis: 2, keepDims: true });
  return sum(where(equal(first, reshape(arange(taps), [taps, 1, 1])), each, 0), { axis: 2 });
}
