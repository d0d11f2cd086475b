import { type DType, halfToNumber, numberToHalf, type TensorData, type TypedArray } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { align } from './arena.js';

/** The words of host values as a buffer holds them. */
export function toWords({ data }: TensorData, { dtype }: Tensor): ArrayBufferView<ArrayBuffer> {
  const arrays: Record<DType, () => TypedArray> = {
    f32: () => Float32Array.from(data),
    i32: () => Int32Array.from(data),
    u32: () => Uint32Array.from(data),
    bool: () => Uint32Array.from(data),
    f16: () => Uint16Array.from(data, numberToHalf),
    u8: () => data,
  };
  const { buffer, byteOffset, byteLength } = arrays[dtype]();
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(align(byteLength, 4));
  padded.set(bytes);
  return padded;
}

/** Values of a node from the bytes of its buffer. */
export function fromBytes(node: Tensor, bytes: ArrayBuffer): TensorData {
  const size = sizeOf(node.shape);
  const arrays: Record<DType, () => TypedArray> = {
    f32: () => new Float32Array(bytes, 0, size),
    i32: () => new Int32Array(bytes, 0, size),
    u32: () => new Uint32Array(bytes, 0, size),
    u8: () => new Uint8Array(bytes, 0, size),
    bool: () => Uint8Array.from(new Uint32Array(bytes, 0, size)),
    f16: () => Float32Array.from(new Uint16Array(bytes, 0, size), halfToNumber),
  };
  return { shape: node.shape, dtype: node.dtype, data: arrays[node.dtype]() };
}
