// Casts and stopGradient. WGSL: index expressions (`write`, here); rounding to f16 is in shaders/cast.wgsl.
import source from '../../shaders/cast.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { checkDType, type DType, hostArray, isFloat, roundTo } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import { defineIndex } from '../graph/define.js';
import type { NoOptions, One } from '../graph/op.js';
import { isOf, type Tensor } from '../graph/tensor.js';

/** @internal The f32 numbers that floats are clamped to on their way to an integer. */
export const ranges: Partial<Record<DType, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 2 ** 7],
  u32: [0, 2 ** 32 - 2 ** 8],
};

const castOf = defineIndex<{ dtype: DType }, One>({
  name: 'cast',
  cost: 'cheap',
  passesIntegers: true,
  vjp: ({ inputs: [x], output, cotangent }) => [
    isFloat(x.dtype) && isFloat(output.dtype) ? cast(cotangent, x.dtype) : undefined,
  ],
  reference: ([x], { dtype }) => {
    const [low, high] = (isFloat(x.dtype) && ranges[dtype]) || [-Infinity, Infinity];
    const convert = (value: number): number =>
      dtype === 'bool' ? Number(value !== 0) : Math.min(Math.max(value, low), high);
    return hostArray(dtype, x.data.length).map((_: number, i: number) => convert(x.data[i]!));
  },
  write: ({ inputs: [x], output, flat, read, let: name }) => {
    const value = name(isFloat(x.dtype) ? 'f32' : 'i32', read(0, flat));
    const result = `${output.dtype}(${value})`;
    // NaN becomes 0, told by its bits
    const isNumber = `(bitcast<u32>(${value}) & 0x7fffffffu) <= 0x7f800000u`;
    return isFloat(x.dtype) && ranges[output.dtype]
      ? `select(${output.dtype}(0), ${result}, ${isNumber})`
      : result;
  },
  // integers beyond 2²⁴ round
  bound: ([x], { data }, { dtype }) => {
    const rounds = dtype === 'f32' && !isFloat(x.dtype);
    return Float64Array.from(data, (value) => (rounds ? EPSILON * Math.abs(value) : 0));
  },
});

/** The casts that round to f16, exactly and on every adapter; f32 may hold the result as well. */
const halveOf = defineIndex<{ dtype: 'f16' | 'f32'; rounded: 'f16' }, One>({
  name: 'cast',
  cost: 'cheap',
  source,
  vjp: ({ inputs: [x], cotangent }) => [isFloat(x.dtype) ? cast(cotangent, x.dtype) : undefined],
  reference: ([x]) => Float64Array.from(x.data, (value) => roundTo('f16', value)),
  write: ({ flat, read }) => `round_half(f32(${read(0, flat)}))`,
});

/** @internal The numbers of f16 that lie next to those of x, in f32: for adapters whose buffers hold no halves. */
export const roundToHalf = (x: Tensor): Tensor => halveOf([x], { dtype: 'f32', rounded: 'f16' });

/** @internal Whether a node is a cast that rounds to f16. */
export const isHalved = (node: Tensor): boolean => isOf(node, halveOf);

/** @internal Whether a node is a cast of either kind. */
export const isCast = (node: Tensor): boolean => isOf(node, castOf) || isHalved(node);

/**
 * Converts to another dtype. Floats to integers: truncated towards zero and clamped to the range, as far as f32 can
 * represent it; NaN becomes 0. Between integers: same bits. To bool: anything but 0 is true. To f16: rounded, ties to
 * even, also the result of an op of f16 tensors, which is f32 before.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype === 'u8')
    throw new DTypeError('cast: u8 is storage only; make it with tensor(new Uint8Array(…))', dtype);
  if (checkDType('cast', dtype) !== 'f16') return x?.dtype === dtype ? x : castOf([x], { dtype });
  const isRounded = x?.dtype === 'f16' && (x.op.kernel.kind === 'leaf' || isHalved(x));
  return isRounded ? x : halveOf([x], { dtype: 'f16', rounded: 'f16' });
}

/** The same values under another gradient rule. */
const defineSame = (name: string, passes: boolean) =>
  defineIndex<NoOptions, One>({
    name,
    cost: 'free',
    view: 'same',
    vjp: ({ cotangent }) => [passes ? cotangent : undefined],
    reference: ([x]) => x,
    write: ({ flat, read }) => read(0, flat),
  });
const stopOf = defineSame('stopGradient', false);
const copyOf = defineSame('copy', true);

/** The same values, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => stopOf([x], {});

/** @internal The same values as a node of its own, to differentiate by without what x depends on. */
export const copy = (x: Tensor): Tensor => copyOf([x], {});
