// gather, oneHot, scatterAdd. WGSL: index expressions (`write`, here); gather's gradient is in shaders/gather.wgsl.
import { gamma } from '../core/bounds.js';
import { hostArray, type TensorData } from '../core/dtype.js';
import { DTypeError, FeedError, ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkWhole, normalizeAxis, type Shape, sizeOf } from '../core/shape.js';
import { defineIndex, defineOpWith } from '../graph/define.js';
import type { Tensor } from '../graph/tensor.js';
import { reshape } from './view.js';

const checkIndices = (op: string, indices: Tensor): void => {
  if (indices?.dtype !== 'i32' && indices?.dtype !== 'u32')
    throw new DTypeError(
      `${op}: indices are ${indices?.dtype}; use i32, for example cast(indices, 'i32')`,
    );
};

/** The sizes before, along and after an axis. */
type Sizes = readonly [outer: number, size: number, inner: number];
function around(shape: Shape, axis: number): Sizes {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

/** Throws FeedError when an index lies outside [0, size). */
export function checkRange(op: string, indices: TensorData, size: number): void {
  const at = indices.data.findIndex((index: number) => index < 0 || index >= size);
  if (at >= 0)
    throw new FeedError(
      `${op}: index ${indices.data[at]} at position ${at} is outside 0 to ${size - 1}`,
    );
}

/** Visits each row that a gather copies, or a scatter adds: where its `inner` elements start at either end. */
function eachRow(
  [outer, rows, inner]: Sizes,
  indices: TensorData,
  visit: (row: number, at: number) => void,
): void {
  const positions = indices.data.length;
  for (let o = 0; o < outer; o++)
    for (let p = 0; p < positions; p++)
      visit((o * rows + indices.data[p]!) * inner, (o * positions + p) * inner);
}

const gatherOf = defineIndex<{ axis: number }, readonly [x: Tensor, indices: Tensor]>({
  name: 'gather',
  cost: 'cheap',
  picks: ([x, indices], { axis }) => ({ indices, size: around(x.shape, axis)[1] }),
  shape: ([x, indices], { axis }) => [
    ...x.shape.slice(0, axis),
    ...indices.shape,
    ...x.shape.slice(axis + 1),
  ],
  dtype: ([x]) => (x.dtype === 'u8' ? 'u32' : x.dtype),
  // each row receives the cotangents of the places it was copied to
  vjp: ({ inputs: [x, indices], cotangent, lead, options: { axis } }) => {
    const [outer, rows, inner] = around(x.shape, axis);
    const positions = sizeOf(indices.shape);
    const values = reshape(cotangent, [sizeOf(lead) * outer, positions, inner]);
    const sums = scatterAdd(values, reshape(indices, [positions]), rows);
    return [reshape(sums, [...lead, ...x.shape]), undefined];
  },
  reference: ([x, indices], { axis }, { shape, dtype }) => {
    const sizes = around(x.shape, axis);
    const [, size, inner] = sizes;
    checkRange('gather', indices, size);
    const data = hostArray(dtype, sizeOf(shape));
    eachRow(sizes, indices, (row, place) => data.set(x.data.subarray(row, row + inner), place));
    return data;
  },
  write: ({ inputs: [, indices], options: { axis }, coordinates, read }) => {
    const rank = indices.rank;
    const row = `u32(${read(1, coordinates.slice(axis, axis + rank))})`;
    return read(0, [...coordinates.slice(0, axis), row, ...coordinates.slice(axis + rank)]);
  },
});

/**
 * Selects rows of `x` along `axis` (0) by integer `indices`: `[...before, ...indices.shape, ...after]`. Throws
 * FeedError for an index out of range that is fed or constant. Computed indices are checked only by the CPU engine: on
 * a GPU an index out of range reads some other element. A u8 `x` gives u32.
 */
export function gather(x: Tensor, indices: Tensor, options: { axis?: number } = {}): Tensor {
  checkIndices('gather', indices);
  const axis = normalizeAxis('gather', checkOptions('gather', options, '', 'axis').axis ?? 0, x);
  if (x.shape[axis] === 0 && sizeOf(indices.shape) > 0)
    throw new ShapeError('gather: cannot pick from an empty axis', x.shape, indices.shape);
  return gatherOf([x, indices], { axis });
}

const pickOf = defineIndex<{ axis: number }, readonly [x: Tensor, at: Tensor]>({
  name: 'pick',
  cost: 'cheap',
  shape: ([, at]) => at.shape,
  dtype: ([x]) => x.dtype,
  vjp: () => [undefined, undefined],
  reference: ([x, at], { axis }, { dtype }) => {
    const [, size, inner] = around(x.shape, axis);
    // at[a, b] lies at a · inner + b, and x[a, k, b] at (a · size + k) · inner + b
    const placeOf = (k: number, i: number): number =>
      i + (Math.floor(i / inner) * (size - 1) + k) * inner;
    const places = Int32Array.from(at.data, placeOf);
    return hostArray(dtype, places.length).map((_: number, i: number) => x.data[places[i]!]!);
  },
  write: ({ options: { axis }, coordinates, read }) =>
    read(0, coordinates.toSpliced(axis, 0, `u32(${read(1, coordinates)})`)),
});

/** @internal One element of x along `axis` for each of `at`: y[a, b] = x[a, at[a, b], b]. For the compiler: it has no derivative. */
export const pick = (x: Tensor, at: Tensor, axis: number): Tensor => pickOf([x, at], { axis });

/** @internal values, or what `term` makes of each, added up in the rows that they go to. */
export function addRows(
  values: TensorData,
  indices: TensorData,
  rows: number,
  term = (value: number) => value,
): Float64Array {
  const [outer, , inner] = around(values.shape, 1);
  const out = new Float64Array(outer * rows * inner);
  eachRow([outer, rows, inner], indices, (row, position) => {
    for (let i = 0; i < inner; i++) out[row + i]! += term(values.data[position + i]!);
  });
  return out;
}

/** @internal γ of the additions into a row, times Σ|value| */
export function addedBound(values: TensorData, indices: TensorData, rows: number): Float64Array {
  const hits = addRows(values, indices, rows, () => 1);
  const sizes = addRows(values, indices, rows, Math.abs);
  return hits.map((count, i) => gamma(count - 1) * sizes[i]!);
}

const scatterOf = defineOpWith<{ rows: number }, readonly [values: Tensor, indices: Tensor]>({
  name: 'scatterAdd',
  accepts: 'any',
  shape: ([values], { rows }) => values.shape.with(1, rows),
  dtype: ([values]) => values.dtype,
  vjp: ({ inputs: [, at], cotangent, lead }) => [
    gather(cotangent, at, { axis: lead.length + 1 }),
    undefined,
  ],
  reference: ([values, indices], { rows }) => {
    checkRange('scatterAdd', indices, rows);
    return addRows(values, indices, rows);
  },
  kernel: { kind: 'scatter' },
  bound: ([values, indices], _, { rows }) => addedBound(values, indices, rows),
});

/**
 * The reverse of gather: values [outer, positions, inner] added into zeros [outer, rows, inner],
 * position p into row indices[p] of [positions], in ascending p and without atomics.
 */
export const scatterAdd = (values: Tensor, indices: Tensor, rows: number): Tensor =>
  scatterOf([values, indices], { rows });

/** @internal */
export const oneHotOf = defineIndex<{ classes: number }, readonly [indices: Tensor]>({
  name: 'oneHot',
  cost: 'cheap',
  picks: ([indices], { classes }) => ({ indices, size: classes }),
  shape: ([indices], { classes }) => [...indices.shape, classes],
  dtype: () => 'f32',
  vjp: () => [undefined],
  reference: ([indices], { classes }, { shape }) => {
    checkRange('oneHot', indices, classes);
    const isHot = (at: number): boolean => indices.data[Math.floor(at / classes)] === at % classes;
    return new Float64Array(sizeOf(shape)).map((_, at) => Number(isHot(at)));
  },
  write: ({ coordinates, read }) =>
    `select(0.0, 1.0, u32(${read(0, coordinates.slice(0, -1))}) == ${coordinates.at(-1)})`,
});

/** 1 at each index and 0 elsewhere, f32: `[...indices.shape, classes]`. */
export function oneHot(indices: Tensor, classes: number): Tensor {
  checkIndices('oneHot', indices);
  checkWhole('oneHot', { classes }, 0);
  return oneHotOf([indices], { classes });
}
