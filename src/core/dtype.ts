// Element types: their sizes, typed arrays, f16 conversion, and how values of all forms become tensor data.
import { inCode, steady } from './bytes.js';
import { DTypeError, FeedError } from './errors.js';
import {
  broadcastSteps,
  checkShape,
  eachPlace,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
} from './shape.js';

/** Element types. `u8` is storage only (four to a word): `gather` and `cast` unpack it. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32' | 'bool' | 'u8';
/** Arrays of values on the host; a Uint16Array holds the bits of f16. */
export type TypedArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Uint16Array;
/** Values with their shape, row-major. The CPU engine returns `f64`; `bool` has one byte per element, 0 or 1. */
export interface TensorData {
  readonly shape: Shape;
  readonly dtype: DType | 'f64';
  readonly data: TypedArray;
}
/** Numbers or booleans in arrays of equal length, as deep as the tensor has axes. */
export type NestedArray = readonly (number | boolean | NestedArray)[];
/**
 * Values to feed: a number, a boolean, nested arrays, a typed array (of the expected shape) or values with their shape.
 * Booleans alone are bool; mixed with numbers they are 1 and 0.
 */
export type Value = number | boolean | NestedArray | TypedArray | TensorData;

export const isFloat = (dtype: DType | 'f64'): boolean =>
  dtype === 'f32' || dtype === 'f16' || dtype === 'f64';

type Kind = {
  bytes: number;
  host: new (size: number) => TypedArray;
  range?: readonly [low: number, high: number];
};
/** Bytes that an element takes in a GPU buffer, where float64 evaluation puts it, and the whole numbers of integers. */
const kinds: Readonly<Record<DType, Kind>> = {
  f32: { bytes: 4, host: Float64Array },
  f16: { bytes: 2, host: Float64Array },
  i32: { bytes: 4, host: Int32Array, range: [-(2 ** 31), 2 ** 31 - 1] },
  u32: { bytes: 4, host: Uint32Array, range: [0, 2 ** 32 - 1] },
  bool: { bytes: 4, host: Uint8Array, range: [0, 1] },
  u8: { bytes: 1, host: Uint8Array, range: [0, 255] },
};

/** The dtype, unless there is none of that name: then a DTypeError. */
export function checkDType(op: string, dtype: DType): DType {
  if (Object.hasOwn(kinds, dtype)) return dtype;
  throw new DTypeError(
    `${op}: there is no dtype '${dtype}'; use f32, f16, i32, u32, bool or u8`,
    dtype,
  );
}

/** Bytes an element takes in a GPU buffer; a `u8` takes a quarter of a word. */
export const bytesPerElement = (dtype: DType): number => kinds[dtype].bytes;
/** The least and the largest number of an integer dtype; nothing of floats. */
export const rangeOf = (dtype: DType): readonly number[] => kinds[dtype].range ?? [];

/** Bytes of a GPU buffer for `size` elements, whole words, at least one. */
export const bytesOf = (dtype: DType, size: number): number =>
  Math.max(4, Math.ceil((size * bytesPerElement(dtype)) / 4) * 4);

/** A host array for float64 evaluation of a dtype. */
export const hostArray = (dtype: DType | 'f64', size: number): TypedArray =>
  new kinds[dtype === 'f64' ? 'f32' : dtype].host(size);

/** Values in float64, or in the integer type itself. */
export function hostData(shape: Shape, dtype: DType | 'f64', data: TypedArray): TensorData {
  return { shape, dtype: isFloat(dtype) ? 'f64' : dtype, data };
}

/** What a view holds that reads x at offset + Σ coordinate · step. */
export function viewData(
  x: TensorData,
  shape: Shape,
  steps: readonly number[],
  offset = 0,
): TypedArray {
  const data = hostArray(x.dtype, sizeOf(shape));
  eachPlace(shape, steps, offset, (place, i) => {
    data[i] = x.data[place]!;
  });
  return data;
}

/** Values repeated to a wider shape, as `broadcastTo` means it. */
export const broadcastData = (x: TensorData, shape: Shape): TensorData =>
  sameShape(x.shape, shape)
    ? x
    : { ...x, shape, data: viewData(x, shape, broadcastSteps(x.shape, shape)) };

/** The shape of a value, its numbers row by row, and the dtype that it brings. */
type Source = { shape: Shape; source: ArrayLike<number>; dtype?: DType | undefined };

/**
 * The shape of a number, a boolean or nested arrays, or the one `wanted` where a row fills it, and the numbers, row by row;
 * bool where all are booleans.
 */
function flatten(
  op: string,
  value: number | boolean | NestedArray,
  wanted: Shape | undefined,
): Source {
  const shape: number[] = [];
  const around = new Set<unknown>(); // the first array of each level, which holds that of the next
  let level: readonly unknown[] = [value];
  for (let [first] = level; Array.isArray(first); [first] = level) {
    if (around.has(first))
      throw new FeedError(`${op}: the array holds itself; copy its values into another`);
    around.add(first);
    const { length } = first;
    shape.push(length);
    if (!level.every((each) => Array.isArray(each) && each.length === length))
      throw new FeedError(
        `${op}: nested arrays are ragged: not all ${formatShape(shape)}; even them`,
      );
    checkShape(op, shape); // before it is written out
    level = level.flatMap((each) => Array.from(each as unknown[])); // with what is missing, as undefined
  }
  for (const each of level)
    if (typeof each !== 'number' && typeof each !== 'boolean') refuse(op, each);
  const isRow = shape.length === 1 && wanted && sizeOf(wanted) === level.length;
  const isBool = level.length > 0 && level.every((each) => typeof each === 'boolean');
  return {
    shape: isRow ? wanted : shape,
    source: Float64Array.from(level, Number),
    ...(isBool && { dtype: 'bool' }),
  };
}

function refuse(op: string, value: unknown): never {
  const isBigInt = typeof value === 'bigint';
  const fix = isBigInt
    ? ' but a BigInt; pass Number(x), with dtype i32 or u32 for whole numbers'
    : '';
  throw new FeedError(
    `${op}: ${Array.isArray(value) ? 'an array' : inCode(value)} is not a number${fix}`,
  );
}

const naturalDType = (data: TypedArray): DType =>
  data instanceof Int32Array
    ? 'i32'
    : data instanceof Uint32Array
      ? 'u32'
      : data instanceof Uint8Array
        ? 'u8'
        : 'f32';

/** IEEE half to number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * mantissa * 2 ** -24
    : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Number to IEEE half, round to nearest even. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude || 2 ** -15)));
  // adding and taking away 2⁵² rounds to the nearest whole number, ties to even
  const rounded = magnitude / 2 ** (exponent - 10) + 2 ** 52 - 2 ** 52;
  return sign | (rounded < 1024 ? rounded : (exponent + 15) * 1024 + rounded - 1024);
}

/** Rounds float64 values to what the GPU stores for a dtype. */
export function roundTo(dtype: DType, value: number): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'f16') return halfToNumber(numberToHalf(value));
  return value;
}

/** Opens a value; a bare typed array takes the shape `wanted`. */
function sourceOf(op: string, value: Value, wanted: Shape | undefined): Source {
  if (typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value))
    return flatten(op, value, wanted);
  const given = value as TypedArray | TensorData;
  const bare = ArrayBuffer.isView(given)
    ? { shape: wanted ?? [given.length], data: given }
    : undefined;
  const { shape, data: source, dtype = 'f64' } = (bare ?? given ?? {}) as Partial<TensorData>;
  if (typeof value === 'bigint') refuse(op, value);
  if (shape === undefined || source === undefined)
    throw new FeedError(
      `${op}: ${String(value)} is not a number, an array, a typed array or { shape, dtype, data }`,
    );
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (!/^(Float|Int|Uint(?!16)|Array)/.test(kind))
    throw new DTypeError(
      `${op}: ${kind} is not accepted; pass Float32Array, Int32Array, Uint32Array or Uint8Array`,
    );
  if (sizeOf(checkShape(op, shape)) !== source.length)
    throw new FeedError(
      `${op}: ${source.length} values do not fill ${formatShape(shape)}, ${sizeOf(shape)} elements`,
    );
  const listed = Array.isArray(source) ? flatten(op, source, undefined) : undefined;
  const natural = listed ? listed.dtype : naturalDType(source);
  // what another thread may change is copied before anything is checked
  const own = ArrayBuffer.isView(source) ? steady(source) : source;
  return { shape, source: listed?.source ?? own, dtype: dtype === 'f64' ? natural : dtype };
}

type Expected = { shape?: Shape | undefined; dtype?: DType | undefined };

/**
 * Reads a fed or literal value into host form, rounded to the dtype.
 * A bare typed array takes `shape`; nested arrays and TensorData bring their own. With `share` a typed array that needs no
 * change is taken as it is, not copied. Throws FeedError or DTypeError.
 */
export function readValue(
  op: string,
  value: Value,
  { shape: wanted, dtype: given }: Expected,
  share = false,
) {
  const { shape, source, dtype: own = 'f32' } = sourceOf(op, value, wanted);
  if (wanted && !sameShape(shape, wanted))
    throw new FeedError(
      `${op}: shape ${formatShape(shape)} where ${formatShape(wanted)} is expected`,
    );
  const dtype = checkDType(op, given ?? own);
  const isStored =
    dtype === 'f32'
      ? source instanceof Float32Array
      : dtype === 'i32' && source instanceof Int32Array;
  return {
    shape,
    dtype,
    data: share && isStored ? (source as TypedArray) : convert(op, source, dtype),
  };
}

function convert(op: string, source: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === 'f32') return new Float32Array(source);
  if (dtype === 'f16') return Float32Array.from(source, (value) => roundTo('f16', value));
  const [low, high] = rangeOf(dtype) as [number, number];
  const isWrong = (value: number): boolean =>
    !Number.isInteger(value) || value < low || value > high;
  const at: number = Array.prototype.findIndex.call(source, isWrong);
  const fact = `at ${at} is no ${dtype} (whole numbers from ${low} to ${high}); correct it`;
  if (at >= 0) throw new FeedError(`${op}: ${source[at]} ${fact}`);
  const out = hostArray(dtype, source.length);
  out.set(source);
  return out;
}
