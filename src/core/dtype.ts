// Element types: their sizes, ranges and arrays on the host, and rounding to what the GPU stores.
import { DTypeError } from './errors.js';
import { halfToNumber, numberToHalf } from './half.js';
import type { Shape } from './shape.js';

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

interface Kind {
  /** Bytes of an element in a GPU buffer. */
  readonly bytes: number;
  /** Array for float64 evaluation. */
  readonly host: new (
    size: number,
  ) => TypedArray;
  /** Least and largest number of an integer type. */
  readonly range?: readonly [low: number, high: number];
}
const kinds: Readonly<Record<DType, Kind>> = {
  f32: { bytes: 4, host: Float64Array },
  f16: { bytes: 2, host: Float64Array },
  i32: { bytes: 4, host: Int32Array, range: [-(2 ** 31), 2 ** 31 - 1] },
  u32: { bytes: 4, host: Uint32Array, range: [0, 2 ** 32 - 1] },
  bool: { bytes: 4, host: Uint8Array, range: [0, 1] },
  u8: { bytes: 1, host: Uint8Array, range: [0, 255] },
};

/** Returns the dtype; throws DTypeError where there is none of that name. */
export function checkDType(op: string, dtype: DType): DType {
  if (Object.hasOwn(kinds, dtype)) return dtype;
  throw new DTypeError(
    `${op}: there is no dtype '${dtype}'; use f32, f16, i32, u32, bool or u8`,
    dtype,
  );
}

/** Bytes of an element in a GPU buffer; four `u8` share a word. */
export const bytesPerElement = (dtype: DType): number => kinds[dtype].bytes;
/** Least and largest number of an integer dtype; empty for floats. */
export const rangeOf = (dtype: DType): readonly [low?: number, high?: number] =>
  kinds[dtype].range ?? [];

/** Bytes of a GPU buffer for `size` elements: whole words, at least one. */
export function bytesOf(dtype: DType, size: number): number {
  const words = Math.ceil((size * bytesPerElement(dtype)) / 4);
  return 4 * Math.max(1, words);
}

/** Makes an array for float64 evaluation of a dtype. */
export const hostArray = (dtype: DType | 'f64', size: number): TypedArray =>
  new kinds[dtype === 'f64' ? 'f32' : dtype].host(size);

/** Rounds float64 values to what the GPU stores for a dtype. */
export function roundTo(dtype: DType, value: number): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'f16') return halfToNumber(numberToHalf(value));
  return value;
}
