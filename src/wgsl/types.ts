// The types that values have in WGSL: in registers, and in buffers.
import type { DType } from '../core/dtype.js';
import type { Tensor } from '../graph/tensor.js';

/** The type that a value has in registers. */
export function registerType(dtype: DType): 'f32' | 'i32' | 'u32' | 'bool' {
  switch (dtype) {
    case 'f16':
    case 'f32':
      return 'f32';
    case 'u8':
      return 'u32';
    case 'i32':
    case 'u32':
    case 'bool':
      return dtype;
    default:
      return dtype satisfies never;
  }
}

/** The type that it has in a buffer. */
export const storageType = (dtype: DType): string =>
  dtype === 'bool' || dtype === 'u8' ? 'u32' : dtype;

/** A register value as a buffer holds it. */
export function toStorage({ dtype }: Tensor, value: string): string {
  if (dtype === 'bool') return `select(0u, 1u, ${value})`;
  return dtype === 'f16' ? `f16(${value})` : value;
}

/** A buffer's element as a register value. */
export function fromStorage({ dtype }: Tensor, element: string): string {
  if (dtype === 'bool') return `(${element} != 0u)`;
  return dtype === 'f16' ? `f32(${element})` : element;
}

/**
 * How kernels declare the arrays that they bind. `fixed` lengths make bounds checks constants, which software adapters compile
 * to less; `sized` by their bindings they need no checks where a driver bounds its reads itself (VK_EXT_robustness2).
 */
export type Arrays = 'fixed' | 'sized';
