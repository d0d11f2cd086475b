import { type DType, hostArray, isFloat } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { defineOpWith, type Tensor } from '../graph/tensor.js';

const castOf = defineOpWith<{ dtype: DType }>({
  name: 'cast',
  accepts: 'any',
  shape: ([x]) => x!.shape,
  dtype: (_, { dtype }) => dtype,
  vjp: ({ inputs: [x], cotangent, options }) => [
    isFloat(x!.dtype) && isFloat(options.dtype) ? cast(cotangent, x!.dtype) : undefined,
  ],
  reference: ([x], { dtype }, { shape }) => {
    const data = hostArray(dtype, x!.data.length);
    for (let i = 0; i < data.length; i++) data[i] = castNumber(x!.data[i]!, dtype);
    return { shape, dtype: isFloat(dtype) ? 'f64' : dtype, data };
  },
  kernel: {
    kind: 'index',
    write: ({ output, flat, read }) => `${output.dtype === 'f16' ? 'f32' : output.dtype}(${read(0, flat)})`,
  },
  // i32 and u32 beyond 2²⁴ round; to f16 rounds to 11 bits
  bound: (_, output, { dtype }: { dtype: DType }) =>
    Float64Array.from(output.data, (value) =>
      isFloat(dtype) ? Math.abs(value) * (dtype === 'f16' ? 2 ** -10 : 2 ** -23) : 0,
    ),
});

const castNumber = (value: number, dtype: DType): number => {
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  if (dtype === 'i32') return Math.min(Math.max(Math.trunc(value), -(2 ** 31)), 2 ** 31 - 1);
  if (dtype === 'u32') return Math.min(Math.max(Math.trunc(value), 0), 2 ** 32 - 1);
  return value;
};

/** The same values in another dtype: floats to integers cut towards zero and clamp, anything but 0 is true. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype === 'u8') throw new DTypeError('cast: u8 is storage only; make it with tensor(new Uint8Array(…))');
  return x.dtype === dtype ? x : castOf([x], { dtype });
}

const stopOp = defineOpWith<Record<string, never>>({
  name: 'stopGradient',
  accepts: 'any',
  shape: ([x]) => x!.shape,
  vjp: () => [undefined],
  reference: ([x]) => x!,
  kernel: { kind: 'index', write: ({ flat, read }) => read(0, flat) },
  bound: { ulp: 0 },
});

/** The same values, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => stopOp([x], {});
