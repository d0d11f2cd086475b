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
import {
  checkNumber,
  checkTensors,
  commonDType,
  defineIndex,
  literal,
  type Tensor,
} from '../graph/tensor.js';
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

/** Elements of `value` added around each axis, or cut off where a width is negative: each is the other's gradient. */
const defineResize = (name: 'pad' | 'slice') =>
  defineIndex<ResizeOptions>({
    name,
    cost: 'cheap',
    ...(name === 'slice' ? { view: 'block' } : { contains: 'framed' }),
    shape: ([x], { widths }) => x!.shape.map((size, i) => size + widths[i]![0] + widths[i]![1]),
    vjp: ({ cotangent, lead, options: { widths } }) => {
      const back = widths.map(([before, after]) => [0 - before, 0 - after] as const);
      return [resize(cotangent, [...lead.map(() => [0, 0] as const), ...back])];
    },
    reference: ([x], { widths, value }, { shape, dtype }) => {
      if (name === 'slice')
        return viewData(x!, shape, stridesOf(x!.shape), -cornerOf(widths, x!.shape));
      return copyInto(
        hostArray(dtype, sizeOf(shape)).fill(value),
        shape,
        cornerOf(widths, shape),
        x!,
      );
    },
    write: ({ inputs: [x], output, options, coordinates, flat, read, let: name }) => {
      const tests: string[] = [];
      const at = coordinates.map((c, i) => {
        const [before, after] = options.widths[i]!;
        if (before < 0) return `(${c} + ${-before}u)`;
        const inner = before ? name('u32', `${c} - ${before}u`) : c; // below `before` it wraps to a large number
        if (before || after > 0) tests.push(`${inner} < ${x!.shape[i]}u`);
        return inner;
      });
      const value = numberAt(options.value, output.dtype, flat);
      return sizeOf(x!.shape) === 0 ? value : inside(tests, read(0, at), value);
    },
  });
const padOf = defineResize('pad');
const sliceOf = defineResize('slice');

function resize(x: Tensor, widths: Widths, value = 0): Tensor {
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
    const [from, to] = [begin[i] ?? 0, end[i] ?? size];
    const [low, high] = [from < 0 ? from + size : from, to < 0 ? to + size : to];
    if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high > size || low > high)
      throw new ShapeError(
        `slice: ${from} to ${to} is outside axis ${i} of size ${size}; keep begin ≤ end within it`,
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

/** @internal Where each of the joined tensors starts along the axis. */
export const startsOf = (xs: readonly { shape: Shape }[], axis: number): number[] =>
  xs.map((_, i) => xs.slice(0, i).reduce((total, { shape }) => total + shape[axis]!, 0));

const concatOf = defineIndex<{ axis: number }>({
  name: 'concat',
  cost: 'cheap',
  contains: 'joined',
  shape: (xs, { axis }) => xs[0]!.shape.with(axis, startsOf([...xs, xs[0]!], axis).at(-1)!),
  vjp: ({ inputs, cotangent, lead, options: { axis } }) => {
    const before = cotangent.shape.slice(0, lead.length + axis);
    const origin = before.map(() => 0);
    return startsOf(inputs, axis).map((start, i) =>
      slice(cotangent, [...origin, start], [...before, start + inputs[i]!.shape[axis]!]),
    );
  },
  reference: (xs, { axis }, { shape, dtype }) => {
    const data = hostArray(dtype, sizeOf(shape));
    for (const [i, start] of startsOf(xs, axis).entries())
      copyInto(data, shape, start * stridesOf(shape)[axis]!, xs[i]!);
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
  const first = Array.isArray(xs) ? (xs as readonly Tensor[])[0] : undefined;
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
      );
  const parts = xs.filter((x) => x.shape[axis] !== 0);
  if (parts.length < 2) return parts[0] ?? first;
  // four at a time, so that no kernel binds too many buffers
  if (parts.length <= 4) return concatOf(parts, { axis });
  const fours = parts.flatMap((_, i) =>
    i % 4 === 0 ? [concat(parts.slice(i, i + 4), { axis })] : [],
  );
  return concat(fours, { axis });
}
