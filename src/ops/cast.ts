// WGSL: conversions, index expressions (`write`, here).
import { checkDType, type DType, hostArray, isFloat } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { defineIndex, type Tensor } from '../graph/tensor.js';

const castNumber = (value: number, dtype: DType): number => {
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  if (dtype === 'i32') return Math.min(Math.max(Math.trunc(value), -(2 ** 31)), 2 ** 31 - 1);
  if (dtype === 'u32') return Math.min(Math.max(Math.trunc(value), 0), 2 ** 32 - 1);
  return value;
};
/** Unit of rounding: i32 and u32 beyond 2²⁴ round; to f16 rounds to 11 bits. */
const roundings: Partial<Record<DType, number>> = { f32: 2 ** -23, f16: 2 ** -10 };

const castOf = defineIndex<{ dtype: DType }>({
  name: 'cast',
  shape: ([x]) => x!.shape,
  vjp: ({ inputs: [x], output, cotangent }) => [
    isFloat(x!.dtype) && isFloat(output.dtype) ? cast(cotangent, x!.dtype) : undefined,
  ],
  reference: ([x], { dtype }) =>
    hostArray(dtype, x!.data.length).map((_: number, i: number) => castNumber(x!.data[i]!, dtype)),
  write: ({ output, flat, read }) => `${output.dtype === 'f16' ? 'f32' : output.dtype}(${read(0, flat)})`,
  bound: (_, { data }, { dtype }: { dtype: DType }) =>
    Float64Array.from(data, (value) => Math.abs(value) * (roundings[dtype] ?? 0)),
});

/** The same values in another dtype: floats to integers cut towards zero and clamp, anything but 0 is true. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype === 'u8') throw new DTypeError('cast: u8 is storage only; make it with tensor(new Uint8Array(…))');
  return x?.dtype === checkDType('cast', dtype) ? x : castOf([x], { dtype });
}

const stopOf = defineIndex<Record<string, never>>({
  name: 'stopGradient',
  shape: ([x]) => x!.shape,
  vjp: () => [undefined],
  reference: ([x]) => x!,
  write: ({ flat, read }) => read(0, flat),
});

/** The same values, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => stopOf([x], {});
