// Element types of safetensors files: conversion between values and their bytes, little-endian and row-major.
import type { TensorData, TypedArray } from '../core/dtype.js';
import { halfToNumber, numberToHalf } from '../core/half.js';
import { MAX_RANK, type Shape } from '../core/shape.js';

/** A dtype of the format, and how its bytes are read. */
interface Format {
  /** Size of an element. */
  readonly bits: number;
  /** The dtype that its values have here; undefined where there is none. */
  readonly dtype?: TensorData['dtype'];
  /** Reads values from bytes; returns a text about the first that does not fit the dtype. */
  readonly read?: (bytes: ArrayBuffer) => TypedArray | string;
  /** What to do where values cannot be read. */
  readonly instead?: string;
}

/** 64-bit integers in 32 bits where all of them fit: the upper word then only repeats the sign. */
function narrow(bytes: ArrayBuffer, isSigned: boolean): TypedArray | string {
  const words = new Int32Array(bytes);
  const out = isSigned ? new Int32Array(words.length / 2) : new Uint32Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const low = words[2 * i]!;
    const upper = isSigned ? low >> 31 : 0;
    if (words[2 * i + 1] !== upper)
      return `${new (isSigned ? BigInt64Array : BigUint64Array)(bytes)[i]} at ${i}`;
    out[i] = low;
  }
  return out;
}

const halves = (bytes: ArrayBuffer): Float32Array =>
  Float32Array.from(new Uint16Array(bytes), halfToNumber);

/** Bytes of 0 and 1. */
function flags(bytes: ArrayBuffer): TypedArray | string {
  const out = new Uint8Array(bytes);
  const at = out.findIndex((value) => value > 1);
  return at < 0 ? out : `the byte ${out[at]} at ${at}`;
}

const inF64 = 'save it as F64 (x.double() in PyTorch), or leave it out';
const inF32 = 'save it as F32 (x.float() in PyTorch)';

/** All dtypes of the format, by their names in a header: https://github.com/huggingface/safetensors, `Dtype`. */
export const formats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['F64', { bits: 64, dtype: 'f64', read: (bytes) => new Float64Array(bytes) }],
  ['F32', { bits: 32, dtype: 'f32', read: (bytes) => new Float32Array(bytes) }],
  ['F16', { bits: 16, dtype: 'f16', read: halves }],
  ['BF16', { bits: 16, dtype: 'f32', read: bfloats }],
  ['I64', { bits: 64, dtype: 'i32', read: (bytes) => narrow(bytes, true), instead: inF64 }],
  ['U64', { bits: 64, dtype: 'u32', read: (bytes) => narrow(bytes, false), instead: inF64 }],
  ['I32', { bits: 32, dtype: 'i32', read: (bytes) => new Int32Array(bytes) }],
  ['U32', { bits: 32, dtype: 'u32', read: (bytes) => new Uint32Array(bytes) }],
  ['I16', { bits: 16, dtype: 'i32', read: (bytes) => Int32Array.from(new Int16Array(bytes)) }],
  ['U16', { bits: 16, dtype: 'u32', read: (bytes) => Uint32Array.from(new Uint16Array(bytes)) }],
  ['I8', { bits: 8, dtype: 'i32', read: (bytes) => Int32Array.from(new Int8Array(bytes)) }],
  ['U8', { bits: 8, dtype: 'u8', read: (bytes) => new Uint8Array(bytes) }],
  ['BOOL', { bits: 8, dtype: 'bool', read: flags, instead: 'save it as U8 (x.byte() in PyTorch)' }],
  ['C64', { bits: 64, instead: 'save its parts as F32 (x.real and x.imag in PyTorch)' }],
  ['F8_E4M3', { bits: 8, instead: inF32 }],
  ['F8_E5M2', { bits: 8, instead: inF32 }],
  ['F8_E4M3FNUZ', { bits: 8, instead: inF32 }],
  ['F8_E5M2FNUZ', { bits: 8, instead: inF32 }],
  ['F8_E8M0', { bits: 8, instead: inF32 }],
  ['F6_E2M3', { bits: 6, instead: inF32 }],
  ['F6_E3M2', { bits: 6, instead: inF32 }],
  ['F4', { bits: 4, instead: inF32 }],
]);

/** bfloat16 is the upper half of an f32. */
function bfloats(bytes: ArrayBuffer): Float32Array {
  const words = Uint32Array.from(new Uint16Array(bytes), (half) => half << 16);
  return new Float32Array(words.buffer);
}

/**
 * Reads the values of a tensor whose header names this dtype, which may be unknown. Returns a text where no tensor here can hold
 * them: what they are, and what to do.
 */
export function restored(
  name: string,
  shape: Shape,
  bytes: ArrayBuffer,
): Pick<TensorData, 'dtype' | 'data'> | string {
  const format = formats.get(name);
  if (!format) return `'${name.slice(0, 40)}', which is no dtype that is known here; ${inF32}`;
  const { dtype, read, instead } = format;
  if (shape.length > MAX_RANK)
    return `${name} of rank ${shape.length}, above ${MAX_RANK}; save it with fewer axes (x.flatten() in PyTorch)`;
  if (!dtype || !read) return `${name}, which no dtype here holds; ${instead}`;
  const data = read(bytes);
  return typeof data === 'string'
    ? `${name} with ${data}, which ${dtype} does not hold; ${instead}`
    : { dtype, data };
}

/** The format's name of each dtype, and the array that holds its bytes. */
const written = {
  f64: { format: 'F64', Kind: Float64Array },
  f32: { format: 'F32', Kind: Float32Array },
  f16: { format: 'F16', Kind: Uint16Array },
  i32: { format: 'I32', Kind: Int32Array },
  u32: { format: 'U32', Kind: Uint32Array },
  u8: { format: 'U8', Kind: Uint8Array },
  bool: { format: 'BOOL', Kind: Uint8Array },
} as const;

/** Whether values of a dtype can be written. */
export const isWritable = (dtype: unknown): boolean => Object.hasOwn(written, String(dtype));

/** Values in the array that the format stores for a dtype; an f16 array may hold bits already. */
function storedValues(dtype: TensorData['dtype'], data: TypedArray): TypedArray {
  const { Kind } = written[dtype];
  if (data instanceof Kind) return data;
  return dtype === 'f16' ? Uint16Array.from(data, numberToHalf) : new Kind(data);
}

/** Values as the bytes that a file stores, with the dtype's name in the format and the bytes of an element. */
export function stored({ dtype, data }: TensorData): {
  format: string;
  width: number;
  bytes: Uint8Array;
} {
  const { format, Kind } = written[dtype];
  const values = storedValues(dtype, data);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { format, width: Kind.BYTES_PER_ELEMENT, bytes };
}
