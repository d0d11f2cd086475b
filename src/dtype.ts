import { DTypeError, FeedError } from './errors.js';
import { checkShape, formatShape, type Shape, sameShape, sizeOf } from './shape.js';

/** Element types. `u8` is storage only (four to a word): `gather` and `cast` unpack it. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32' | 'bool' | 'u8';
/** Where values lie on the host; Uint16Array holds the bits of f16. */
export type TypedArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array | Uint16Array;
/** Values with their shape, row-major. The CPU engine returns `f64`; `bool` is one byte an element, 0 or 1. */
export interface TensorData {
  readonly shape: Shape;
  readonly dtype: DType | 'f64';
  readonly data: TypedArray;
}
/** Numbers in arrays of equal length, as deep as the tensor has axes. */
export type NestedArray = readonly (number | boolean | NestedArray)[];
/** What may be fed: a number, nested arrays, a typed array (takes the expected shape) or values with their shape. */
export type Value = number | NestedArray | TypedArray | TensorData;

export const isFloat = (dtype: DType | 'f64'): boolean => dtype === 'f32' || dtype === 'f16' || dtype === 'f64';

/** The dtype, unless there is none of that name: then a DTypeError. */
export function checkDType(op: string, dtype: DType): DType {
  if (['f32', 'f16', 'i32', 'u32', 'bool', 'u8'].includes(dtype)) return dtype;
  throw new DTypeError(`${op}: there is no dtype '${dtype}'; use f32, f16, i32, u32, bool or u8`);
}

/** Bytes an element takes in a GPU buffer; a `u8` takes a quarter of a word. */
export const bytesPerElement = (dtype: DType): number => (dtype === 'u8' ? 1 : dtype === 'f16' ? 2 : 4);

/** Bytes of a GPU buffer for `size` elements, whole words, at least one. */
export const bytesOf = (dtype: DType, size: number): number =>
  Math.max(4, Math.ceil((size * bytesPerElement(dtype)) / 4) * 4);

/** A host array for float64 evaluation of a dtype. */
export function hostArray(dtype: DType | 'f64', size: number): TypedArray {
  if (isFloat(dtype)) return new Float64Array(size);
  if (dtype === 'i32') return new Int32Array(size);
  return dtype === 'u32' ? new Uint32Array(size) : new Uint8Array(size);
}

/** Values in float64, or in the integer type itself. */
export function hostData(shape: Shape, dtype: DType | 'f64', data: TypedArray): TensorData {
  return { shape, dtype: isFloat(dtype) ? 'f64' : dtype, data };
}

/** The shape of a value, its numbers row by row, and the dtype that it brings. */
type Source = { shape: Shape; source: ArrayLike<number>; dtype?: DType | undefined };

/** The shape of nested arrays and their numbers, row by row. */
function flatten(op: string, value: NestedArray): Source {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const source = new Float64Array(sizeOf(shape));
  let next = 0;
  const walk = (level: NestedArray[number], depth: number): void => {
    if (Array.isArray(level) ? level.length !== shape[depth] : depth < shape.length)
      throw new FeedError(`${op}: nested arrays are ragged: ${formatShape(shape)} does not hold throughout; even them`);
    if (Array.isArray(level)) for (const inner of level) walk(inner, depth + 1);
    else if (typeof level === 'number' || typeof level === 'boolean') source[next++] = Number(level);
    else throw new FeedError(`${op}: ${JSON.stringify(level)} is not a number`);
  };
  walk(value, 0);
  return { shape, source };
}

const naturalDType = (data: TypedArray): DType =>
  data instanceof Int32Array ? 'i32' : data instanceof Uint32Array ? 'u32' : data instanceof Uint8Array ? 'u8' : 'f32';

const isStored = (data: unknown, dtype: DType): data is Float32Array | Int32Array =>
  (data instanceof Float32Array || data instanceof Int32Array) && naturalDType(data) === dtype;

/** IEEE half to number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
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
  if (typeof value === 'number') return { shape: [], source: [value] };
  if (Array.isArray(value)) {
    const { shape, source } = flatten(op, value);
    return { shape: shape.length === 1 && wanted && sizeOf(wanted) === source.length ? wanted : shape, source };
  }
  const isBare = ArrayBuffer.isView(value);
  const given = value as TensorData;
  if (!isBare && (given?.shape === undefined || given.data === undefined))
    throw new FeedError(`${op}: ${String(value)} is not a number, an array, a typed array or { shape, dtype, data }`);
  const source = isBare ? (value as TypedArray) : given.data;
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (!/^(Float|Int|Uint(?!16)|Array)/.test(kind))
    throw new DTypeError(`${op}: ${kind} is not accepted; pass Float32Array, Int32Array, Uint32Array or Uint8Array`);
  const shape = checkShape(op, isBare ? (wanted ?? [source.length]) : given.shape);
  if (sizeOf(shape) !== source.length)
    throw new FeedError(`${op}: ${source.length} values do not fill ${formatShape(shape)}, ${sizeOf(shape)} elements`);
  return { shape, source, dtype: isBare || given.dtype === 'f64' ? naturalDType(source) : given.dtype };
}

type Expected = { shape?: Shape | undefined; dtype?: DType | undefined };

/**
 * Reads a fed or literal value into host form, rounded to the dtype.
 * A bare typed array takes `shape`; nested arrays and TensorData bring their own. With `share` a typed array that needs no
 * change is taken as it is, not copied. Throws FeedError or DTypeError.
 */
export function readValue(op: string, value: Value, { shape: wanted, dtype: given }: Expected, share = false) {
  if (share && wanted && given && isStored(value, given) && value.length === sizeOf(wanted))
    return { shape: wanted, dtype: given, data: value };
  const { shape, source, dtype: own = 'f32' } = sourceOf(op, value, wanted);
  if (wanted && !sameShape(shape, wanted))
    throw new FeedError(`${op}: shape ${formatShape(shape)} where ${formatShape(wanted)} is expected`);
  const dtype = checkDType(op, given ?? own);
  if (share && isStored(source, dtype)) return { shape, dtype, data: source };
  return { shape, dtype, data: convert(op, source, dtype) };
}

/** The whole numbers that an integer dtype holds. */
export const integerRanges = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  u8: [0, 255],
  bool: [0, 1],
} as const;

function convert(op: string, source: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === 'f32') return new Float32Array(source);
  if (dtype === 'f16') return Float32Array.from(source, (value) => roundTo('f16', value));
  const out = hostArray(dtype, source.length);
  const [low, high] = integerRanges[dtype];
  for (let i = 0; i < source.length; i++) {
    const value = source[i]!;
    if (!Number.isInteger(value) || value < low || value > high)
      throw new FeedError(`${op}: ${value} at ${i} is no ${dtype} (whole numbers from ${low} to ${high}); correct it`);
    out[i] = value;
  }
  return out;
}
