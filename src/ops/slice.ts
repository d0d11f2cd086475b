// slice, pad and concat. WGSL: index expressions (`write`, here), written into the kernels that read them.
import { inCode } from '../core/bytes.js';
import { type DType, hostArray, type TensorData, type TypedArray } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { viewData } from '../core/hostData.js';
import { checkOptions } from '../core/options.js';
import {
  eachPlace,
  formatShape,
  normalizeAxis,
  rankOf,
  type Shape,
  sizeOf,
  stridesOf,
} from '../core/shape.js';
import { defineIndex } from '../graph/define.js';
import { checkNumber, literal } from '../graph/number.js';
import type { IndexContext, One, Some } from '../graph/op.js';
import { checkTensors, commonDType, type Tensor } from '../graph/tensor.js';
import { misfit } from './view.js';

/** Copies x into values of a shape, from an element on. */
function copyInto(data: TypedArray, shape: Shape, from: number, x: TensorData): TypedArray {
  eachPlace(x.shape, stridesOf(shape), from, (at, i) => {
    data[at] = x.data[i]!;
  });
  return data;
}

type Widths = readonly (readonly [before: number, after: number])[];
export type ResizeOptions = { readonly widths: Widths; readonly value: number };
/** The element of a shape that lies `before` from its first, along each axis. */
const cornerOf = (widths: Widths, shape: Shape): number =>
  stridesOf(shape).reduce((total, stride, i) => total + stride * widths[i]![0], 0);

/** WGSL for where an element of x lies that is at `coordinates` of the resized; tests whether it is one go to `tests`. */
function resizedAt(
  shape: Shape,
  widths: Widths,
  coordinates: readonly string[],
  name: IndexContext['let'],
  tests: string[],
): string[] {
  return coordinates.map((c, i) => {
    const [before, after] = widths[i]!;
    if (before < 0) return `(${c} + ${-before}u)`;
    const inner = before ? name('u32', `${c} - ${before}u`) : c; // below `before` it wraps to a large number
    if (before || after > 0) tests.push(`${inner} < ${shape[i]}u`);
    return inner;
  });
}

/** Elements of `value` added around each axis, or cut off where a width is negative: each is the other's gradient. */
const defineResize = (name: 'pad' | 'slice') =>
  defineIndex<ResizeOptions, One>({
    name,
    cost: 'cheap',
    ...(name === 'slice' ? { view: 'block' } : { contains: 'framed' }),
    shape: ([x], { widths }) => widths.map(([before, after], i) => before + x.shape[i]! + after),
    vjp: ({ cotangent, lead, options: { widths } }) => {
      const back = widths.map(([before, after]) => [0 - before, 0 - after] as const);
      return [resize(cotangent, [...lead.map(() => [0, 0] as const), ...back])];
    },
    reference: ([x], { widths, value }, { shape, dtype }) => {
      const steps = stridesOf(x.shape);
      if (name === 'slice') return viewData(x, shape, steps, -cornerOf(widths, x.shape));
      const around = hostArray(dtype, sizeOf(shape)).fill(value);
      return copyInto(around, shape, cornerOf(widths, shape), x);
    },
    write: ({ inputs: [x], output, options, coordinates, flat, read, let: name }) => {
      const tests: string[] = [];
      const at = resizedAt(x.shape, options.widths, coordinates, name, tests);
      const value = numberAt(options.value, output.dtype, flat);
      return sizeOf(x.shape) === 0 ? value : inside(tests, read(0, at), value);
    },
  });
const padOf = defineResize('pad');
const sliceOf = defineResize('slice');

export function resize(x: Tensor, widths: Widths, value = 0): Tensor {
  if (widths.flat().every((width) => width === 0)) return x;
  return (widths.flat().some((width) => width > 0) ? padOf : sliceOf)([x], { widths, value });
}

/** WGSL for a value where all tests hold, else another. All are made: some drivers compile branches in 2ⁿ steps. */
export const inside = (tests: readonly string[], value: string, other: string): string =>
  tests.length ? `select(${other}, ${value}, (${tests.join(') & (')}))` : value;

/** WGSL of a number. ±∞ and NaN have no literal: their bits, with a zero that only the running kernel knows. */
export function numberAt(value: number, dtype: DType, flat: string): string {
  if (Number.isFinite(value)) return literal(value, dtype);
  return `bitcast<f32>(${new Uint32Array(Float32Array.of(value).buffer)[0]}u | (${flat} & 0u))`;
}

/**
 * Elements from `begin` up to but excluding `end` along each axis; negative numbers count from the end, missing ones
 * select the whole axis.
 */
export function slice(x: Tensor, begin: readonly number[], end: readonly number[] = []): Tensor {
  const rank = rankOf('slice', x);
  const bounds = [begin, end];
  if (bounds.some((each) => !Array.isArray(each) || each.length > rank))
    misfit(
      'slice:',
      x,
      `and bounds ${inCode(bounds)}; give two lists with at most one for each axis`,
    );
  const widths = x.shape.map((size, i) => {
    const from = begin[i] ?? 0;
    const to = end[i] ?? size;
    const low = from < 0 ? from + size : from;
    const high = to < 0 ? to + size : to;
    if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high > size || low > high)
      throw new ShapeError(
        `slice: ${from} to ${to} is outside axis ${i} of size ${size}; keep begin ≤ end within it`,
        x.shape,
      );
    return [0 - low, high - size] as const;
  });
  return resize(x, widths);
}

/** Adds `widths[axis] = [before, after]` elements of `value` (0) around each axis. */
export function pad(x: Tensor, widths: Widths, value = 0): Tensor {
  const isPair = (pair: readonly number[]): boolean =>
    pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= 0);
  if (widths.length !== rankOf('pad', x) || !widths.every(isPair))
    misfit(
      'pad:',
      x,
      `and widths ${inCode(widths)}; give [before, after] ≥ 0 for each axis, or slice to cut`,
    );
  checkNumber('pad', value, x.dtype);
  return resize(x, widths, value);
}

/** Where each of the joined tensors lies along the axis. */
function placesOf<X extends { readonly shape: Shape }>(xs: readonly X[], axis: number) {
  let end = 0;
  return xs.map((x) => {
    const start = end;
    end += x.shape[axis]!;
    return { x, start, end };
  });
}
/** @internal Where each of the joined tensors starts along the axis. */
export const startsOf = (xs: readonly Tensor[], axis: number): number[] =>
  placesOf(xs, axis).map(({ start }) => start);

const concatOf = defineIndex<{ axis: number }, Some>({
  name: 'concat',
  cost: 'cheap',
  contains: 'joined',
  shape: (xs, { axis }) => {
    const size = Math.max(...placesOf(xs, axis).map(({ end }) => end));
    return xs[0].shape.with(axis, size);
  },
  vjp: ({ inputs, output, cotangent, lead, options: { axis } }) => {
    const size = output.shape[axis]!;
    const uncut: Widths = cotangent.shape.map(() => [0, 0]);
    return placesOf(inputs, axis).map(({ start, end }) =>
      resize(cotangent, uncut.with(lead.length + axis, [0 - start, end - size])),
    );
  },
  reference: (xs, { axis }, { shape, dtype }) => {
    const data = hostArray(dtype, sizeOf(shape));
    const step = sizeOf(shape.slice(axis + 1));
    for (const { x, start } of placesOf(xs, axis)) copyInto(data, shape, start * step, x);
    return data;
  },
  write: ({ inputs, options: { axis }, coordinates, read }) => {
    const at = coordinates[axis]!;
    return startsOf(inputs, axis).reduce((before, start, i) => {
      const value = read(i, coordinates.with(axis, start > 0 ? `(${at} - ${start}u)` : at));
      return before ? `select(${before}, ${value}, ${at} >= ${start}u)` : value;
    }, '');
  },
});

/** Concatenates tensors along `axis`; all other sizes and the dtypes must agree. */
export function concat(xs: readonly Tensor[], options: { axis: number }): Tensor {
  const [first] = Array.isArray(xs) ? xs : [];
  if (!first) throw new ShapeError('concat: nothing to join; pass a list of at least one tensor');
  checkTensors('concat', ...xs);
  commonDType('concat', xs);
  const axis = normalizeAxis('concat', checkOptions('concat', options, 'axis', '').axis, first);
  for (const x of xs)
    if (x.rank !== first.rank || x.shape.some((size, i) => i !== axis && size !== first.shape[i]))
      misfit(
        'concat:',
        x,
        `does not fit ${formatShape(first.shape)} off axis ${axis}; make the other sizes equal`,
        first.shape,
      );
  const [part, ...others] = xs.filter((x) => x.shape[axis] !== 0);
  if (!part || others.length === 0) return part ?? first;
  const parts = [part, ...others] as const;
  // four at a time, so that no kernel binds too many buffers
  if (parts.length <= 4) return concatOf(parts, { axis });
  const fours: Tensor[] = [];
  for (let i = 0; i < parts.length; i += 4) fours.push(concat(parts.slice(i, i + 4), { axis }));
  return concat(fours, { axis });
}
