// Numbers that are given to ops: whether a dtype has them, and what they are in WGSL.
import { inCode } from '../core/bytes.js';
import { checkDType, type DType, isFloat, rangeOf } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';

/** The dtype, if the number is one of its values; else throws DTypeError, because nothing overflows or wraps silently. */
export function checkNumber(op: string, value: number, dtype: DType): DType {
  if (typeof value !== 'number') {
    const isText = typeof value === 'string' || typeof value === 'bigint';
    throw new DTypeError(`${op}: ${isText ? inCode(value) : String(value)} is not a number`);
  }
  if (isFloat(dtype) && Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    throw new DTypeError(
      `${op}: ${value} is beyond the f32 range; use Infinity, or keep within ±3.4e38`,
      dtype,
    );
  const [low, high] = rangeOf(checkDType(op, dtype));
  if (low !== undefined && !(Number.isInteger(value) && value >= low && value <= high!))
    throw new DTypeError(
      `${op}: ${value} is no ${dtype}; use a whole number from ${low} to ${high}, or cast to f32`,
      dtype,
    );
  return dtype;
}

/** Prints a number as WGSL; non-finite values are refused because WGSL has no literal for them. */
export function literal(value: number, dtype: DType): string {
  if (!Number.isFinite(value))
    throw new DTypeError(`full: ${value} has no WGSL literal; pass it as tensor(${value})`);
  if (dtype === 'bool') return value ? 'true' : 'false';
  if (dtype === 'i32')
    return value === -(2 ** 31) ? 'i32(-2147483647 - 1)' : `${Math.trunc(value)}i`;
  if (dtype === 'u32' || dtype === 'u8') return `${value}u`;
  // a constant −0 may be taken for 0: its bits
  return Object.is(value, -0) ? 'bitcast<f32>(0x80000000u)' : `f32(${Math.fround(value)})`;
}
