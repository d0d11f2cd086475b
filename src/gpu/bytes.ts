// Values of the host as the bytes of buffers, and back.
import type { DType, TensorData, TypedArray } from '../core/dtype.js';
import { halfToNumber, numberToHalf } from '../core/half.js';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { align } from '../planning/context.js';

type Words = new (
  data: ArrayLike<number> | ArrayBuffer,
  from?: number,
  length?: number,
) => TypedArray;
/** What a buffer's bytes are to the host: f16 as bits, bool as words. */
const words: Readonly<Record<DType, Words>> = {
  f32: Float32Array,
  f16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  bool: Uint32Array,
  u8: Uint8Array,
};

/** Host values as a buffer holds them, whole words. */
export function toBytes({ data }: TensorData, { dtype }: Tensor): Uint8Array<ArrayBuffer> {
  const Words = words[dtype];
  const numbers = dtype === 'f16' ? Uint16Array.from(data, numberToHalf) : data;
  const { buffer, byteOffset, byteLength } =
    numbers instanceof Words ? numbers : new Words(numbers);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(align(byteLength, 4));
  padded.set(bytes);
  return padded;
}

/** Values of a node from the bytes of its buffer. */
export function fromBytes({ shape, dtype }: Tensor, bytes: ArrayBuffer): TensorData {
  const numbers = new words[dtype](bytes, 0, sizeOf(shape));
  if (dtype === 'f16') return { shape, dtype, data: Float32Array.from(numbers, halfToNumber) };
  return { shape, dtype, data: dtype === 'bool' ? Uint8Array.from(numbers) : numbers };
}
