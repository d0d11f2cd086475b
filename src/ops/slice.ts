import { hostArray, hostData } from '../dtype.js';
import { ShapeError } from '../errors.js';
import type { IndexContext, Options } from '../graph/op.js';
import { defineOpWith, literal, type Tensor } from '../graph/tensor.js';
import { eachPlace, formatShape, normalizeAxis, sameShape, sizeOf, stridesOf } from '../shape.js';
import { extraAxes, viewData } from './view.js';

const offsetOf = (at: readonly number[], strides: readonly number[]): number =>
  at.reduce((total, c, i) => total + c * strides[i]!, 0);

const sliceOf = defineOpWith<{ begin: readonly number[]; end: readonly number[] }>({
  name: 'slice',
  accepts: 'any',
  shape: (_, { begin, end }) => begin.map((from, i) => end[i]! - from),
  vjp: ({ inputs: [x], output, cotangent, options: { begin, end } }) => {
    const none = Array.from({ length: extraAxes(cotangent, output) }, () => [0, 0] as const);
    return [pad(cotangent, [...none, ...begin.map((from, i) => [from, x!.shape[i]! - end[i]!] as const)])];
  },
  reference: ([x], { begin }, { shape }) => {
    const strides = stridesOf(x!.shape);
    return viewData(x!, shape, strides, offsetOf(begin, strides));
  },
  kernel: {
    kind: 'index',
    write: ({ options: { begin }, coordinates, read }) =>
      read(
        0,
        coordinates.map((c, i) => (begin[i] ? `(${c} + ${begin[i]}u)` : c)),
      ),
  },
  bound: { ulp: 0 },
});

/** Elements from `begin` up to, without, `end` along each axis; negative numbers count from the end, missing ones take the whole axis. */
export function slice(x: Tensor, begin: readonly number[], end: readonly number[] = []): Tensor {
  if (begin.length > x.rank || end.length > x.rank)
    throw new ShapeError(
      `slice: ${Math.max(begin.length, end.length)} bounds for ${formatShape(x.shape)}; give at most one an axis`,
    );
  const place = (value: number, size: number): number => (value < 0 ? value + size : value);
  const from = x.shape.map((size, i) => place(begin[i] ?? 0, size));
  const to = x.shape.map((size, i) => place(end[i] ?? size, size));
  x.shape.forEach((size, i) => {
    const [low, high] = [from[i]!, to[i]!];
    if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high > size || low > high)
      throw new ShapeError(
        `slice: ${low} to ${high} is outside axis ${i} of ${formatShape(x.shape)}; keep 0 ≤ begin ≤ end ≤ ${size}`,
      );
  });
  return from.every((low) => low === 0) && sameShape(to, x.shape) ? x : sliceOf([x], { begin: from, end: to });
}

type Widths = readonly (readonly [before: number, after: number])[];
const padOf = defineOpWith<{ widths: Widths; value: number }>({
  name: 'pad',
  accepts: 'any',
  shape: ([x], { widths }) => x!.shape.map((size, i) => size + widths[i]![0] + widths[i]![1]),
  vjp: ({ inputs: [x], output, cotangent, options: { widths } }) => {
    const extra = extraAxes(cotangent, output);
    const lead = cotangent.shape.slice(0, extra);
    const begin = [...lead.map(() => 0), ...widths.map(([before]) => before)];
    return [slice(cotangent, begin, [...lead, ...x!.shape.map((size, i) => size + widths[i]![0])])];
  },
  reference: ([x], { widths, value }, { shape }) => {
    const data = hostArray(x!.dtype, sizeOf(shape)).fill(value);
    const strides = stridesOf(shape);
    const begin = widths.map(([before]) => before);
    eachPlace(x!.shape, strides, offsetOf(begin, strides), (place, i) => {
      data[place] = x!.data[i]!;
    });
    return hostData(shape, x!.dtype, data);
  },
  kernel: { kind: 'index', write: writePad },
  bound: { ulp: 0 },
});

function writePad({
  inputs: [x],
  output,
  options,
  coordinates,
  read,
  let: name,
}: IndexContext<{ widths: Widths; value: number }>): string {
  const tests: string[] = [];
  const at = coordinates.map((c, i) => {
    const [before, after] = options.widths[i]!;
    const inner = before ? name('u32', `${c} - ${before}u`) : c; // below `before` it wraps to a large number
    if (before || after) tests.push(`${inner} < ${x!.shape[i]}u`);
    return inner;
  });
  if (sizeOf(x!.shape) === 0) return literal(options.value, output.dtype);
  return tests.length
    ? `select(${literal(options.value, output.dtype)}, ${read(0, at)}, ${tests.join(' && ')})`
    : read(0, at);
}

/** Adds `widths[axis] = [before, after]` elements of `value` (0) around each axis. */
export function pad(x: Tensor, widths: Widths, value = 0): Tensor {
  if (widths.length !== x.rank)
    throw new ShapeError(`pad: ${widths.length} pairs for ${formatShape(x.shape)}; give [before, after] for each axis`);
  if (widths.some((pair) => pair.some((width) => !Number.isInteger(width) || width < 0)))
    throw new ShapeError(`pad: widths are whole numbers ≥ 0, not ${JSON.stringify(widths)}; use slice to cut`);
  return widths.every(([before, after]) => before === 0 && after === 0) ? x : padOf([x], { widths, value });
}

const concatOf = defineOpWith<{ axis: number }>({
  name: 'concat',
  accepts: 'any',
  shape: (xs, { axis }) =>
    xs[0]!.shape.map((size, i) => (i === axis ? xs.reduce((total, x) => total + x.shape[axis]!, 0) : size)),
  vjp: ({ inputs, output, cotangent, options: { axis } }) => {
    const at = axis + extraAxes(cotangent, output);
    let start = 0;
    return inputs.map((x) => {
      const begin = cotangent.shape.map((_, i) => (i === at ? start : 0));
      start += x.shape[axis]!;
      return slice(
        cotangent,
        begin,
        cotangent.shape.map((size, i) => (i === at ? start : size)),
      );
    });
  },
  reference: (xs, { axis }, { shape }) => {
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const out = hostArray(xs[0]!.dtype, sizeOf(shape));
    let next = 0;
    for (let o = 0; o < outer; o++)
      for (const x of xs) {
        const run = x.shape[axis]! * inner;
        for (let i = 0; i < run; i++) out[next++] = x.data[o * run + i]!;
      }
    return hostData(shape, xs[0]!.dtype, out);
  },
  kernel: { kind: 'index', write: writeConcat },
  bound: { ulp: 0 },
});

function writeConcat({
  inputs,
  options: { axis },
  coordinates,
  read,
}: IndexContext<{ axis: number } & Options>): string {
  let start = 0;
  let text = '';
  inputs.forEach((x, i) => {
    const size = x.shape[axis]!;
    if (size === 0) return;
    const at = coordinates.map((c, j) => (j === axis && start > 0 ? `(${c} - ${start}u)` : c));
    text = text ? `select(${text}, ${read(i, at)}, ${coordinates[axis]} >= ${start}u)` : read(i, at);
    start += size;
  });
  return text;
}

/** Joins tensors along `axis`; all other sizes and the dtypes must agree. */
export function concat(xs: readonly Tensor[], options: { axis: number }): Tensor {
  const [first] = xs;
  if (!first) throw new ShapeError('concat: nothing to join; pass at least one tensor');
  const axis = normalizeAxis('concat', options.axis, first.rank);
  for (const x of xs)
    if (x.rank !== first.rank || x.shape.some((size, i) => i !== axis && size !== first.shape[i]))
      throw new ShapeError(`concat: ${formatShape(x.shape)} does not fit ${formatShape(first.shape)} off axis ${axis}`);
  if (xs.length === 1) return first;
  // four at a time, so that no kernel binds too many buffers
  if (xs.length > 4) {
    const parts = Array.from({ length: Math.ceil(xs.length / 4) }, (_, i) =>
      concat(xs.slice(4 * i, 4 * i + 4), { axis }),
    );
    return concat(parts, { axis });
  }
  return concatOf(xs, { axis });
}
