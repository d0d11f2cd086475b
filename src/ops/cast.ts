// WGSL: conversions, index expressions (`write`, here).
import { checkDType, type DType, hostArray, isFloat } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { defineIndex, type Tensor } from '../graph/tensor.js';

/** @internal The f32 numbers that floats are clamped to on their way to an integer. */
export const ranges: Partial<Record<DType, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 2 ** 7],
  u32: [0, 2 ** 32 - 2 ** 8],
};
/** Rounding: i32 and u32 beyond 2²⁴ round; to f16 rounds to 11 bits, next to 0 to multiples of 2⁻²⁴, and overflows. */
const roundings: Partial<Record<DType, (size: number) => number>> = {
  f32: (size) => size * 2 ** -23,
  f16: (size) => (size >= 65504 ? Number.POSITIVE_INFINITY : size * 2 ** -10 + 2 ** -24),
};

const castOf = defineIndex<{ dtype: DType }>({
  name: 'cast',
  vjp: ({ inputs: [x], output, cotangent }) => [
    isFloat(x!.dtype) && isFloat(output.dtype) ? cast(cotangent, x!.dtype) : undefined,
  ],
  reference: ([x], { dtype }) => {
    const [low, high] = (isFloat(x!.dtype) && ranges[dtype]) || [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const convert = (value: number): number =>
      dtype === 'bool' ? Number(value !== 0) : Math.min(Math.max(value, low), high);
    return hostArray(dtype, x!.data.length).map((_: number, i: number) => convert(x!.data[i]!));
  },
  write: ({ inputs: [x], output, flat, read, let: name }) => {
    const value = name(isFloat(x!.dtype) ? 'f32' : 'i32', read(0, flat));
    const result = `${output.dtype === 'f16' ? 'f32' : output.dtype}(${value})`;
    // NaN becomes 0, told by its bits
    const isNumber = `(bitcast<u32>(${value}) & 0x7fffffffu) <= 0x7f800000u`;
    return isFloat(x!.dtype) && ranges[output.dtype] ? `select(${output.dtype}(0), ${result}, ${isNumber})` : result;
  },
  bound: (_, { data }, { dtype }: { dtype: DType }) =>
    Float64Array.from(data, (value) => roundings[dtype]?.(Math.abs(value)) ?? 0),
});

/**
 * The same values in another dtype: floats to integers cut towards zero and clamp to what f32 can say, NaN
 * becomes 0; integers keep their bits; anything but 0 is true.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype === 'u8') throw new DTypeError('cast: u8 is storage only; make it with tensor(new Uint8Array(…))');
  return x?.dtype === checkDType('cast', dtype) ? x : castOf([x], { dtype });
}

const stopOf = defineIndex<Record<string, never>>({
  name: 'stopGradient',
  vjp: () => [undefined],
  reference: ([x]) => x!,
  write: ({ flat, read }) => read(0, flat),
});

/** The same values, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => stopOf([x], {});
