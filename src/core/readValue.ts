// Reads values of all forms (numbers, nested arrays, typed arrays, tensor data) into typed arrays with shape and dtype.
import { inCode, steady } from './bytes.js';
import {
  checkDType,
  type DType,
  hostArray,
  type NestedArray,
  rangeOf,
  roundTo,
  type TensorData,
  type TypedArray,
  type Value,
} from './dtype.js';
import { DTypeError, FeedError } from './errors.js';
import { checkShape, formatShape, type Shape, sameShape, sizeOf } from './shape.js';

/** A value's shape, its numbers in row-major order, and the dtype that it has of itself. */
interface Source {
  readonly shape: Shape;
  readonly source: ArrayLike<number>;
  readonly dtype?: DType | undefined;
}

/**
 * Reads a number, a boolean or nested arrays; the dtype is bool where all are booleans. A flat array takes the shape `wanted` if
 * it has as many elements.
 */
function flatten(
  op: string,
  value: number | boolean | NestedArray,
  wanted: Shape | undefined,
): Source {
  const shape: number[] = [];
  const around = new Set<unknown>(); // the first array of each level, which holds that of the next
  let level: readonly unknown[] = [value];
  for (let [first] = level; Array.isArray(first); [first] = level) {
    if (around.has(first))
      throw new FeedError(`${op}: the array holds itself; copy its values into another`);
    around.add(first);
    const { length } = first;
    shape.push(length);
    const isRow = (each: unknown): each is unknown[] =>
      Array.isArray(each) && each.length === length;
    if (!level.every(isRow))
      throw new FeedError(
        `${op}: nested arrays are ragged: not all ${formatShape(shape)}; make their lengths equal`,
      );
    checkShape(op, shape); // before it is written out
    level = level.flatMap((each) => Array.from(each)); // with what is missing, as undefined
  }
  for (const each of level)
    if (typeof each !== 'number' && typeof each !== 'boolean') refuse(op, each);
  const isRow = shape.length === 1 && wanted && sizeOf(wanted) === level.length;
  const isBool = level.length > 0 && level.every((each) => typeof each === 'boolean');
  const source = Float64Array.from(level, Number);
  return { shape: isRow ? wanted : shape, source, dtype: isBool ? 'bool' : undefined };
}

function refuse(op: string, value: unknown): never {
  const isBigInt = typeof value === 'bigint';
  const fix = isBigInt
    ? ' but a BigInt; pass Number(x), with dtype i32 or u32 for whole numbers'
    : '';
  const given = Array.isArray(value) ? 'an array' : inCode(value);
  throw new FeedError(`${op}: ${given} is not a number${fix}`);
}

function naturalDType(data: TypedArray): DType {
  if (data instanceof Int32Array) return 'i32';
  if (data instanceof Uint32Array) return 'u32';
  return data instanceof Uint8Array ? 'u8' : 'f32';
}

const isNested = (value: Value): value is number | boolean | NestedArray =>
  typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value);

/** Returns what a value holds; a bare typed array takes the shape `wanted`. */
function sourceOf(op: string, value: Value, wanted: Shape | undefined): Source {
  if (isNested(value)) return flatten(op, value, wanted);
  // callers in JavaScript may pass anything
  const given: Partial<TensorData> = ArrayBuffer.isView(value)
    ? { shape: wanted ?? [value.length], data: value }
    : (value ?? {});
  const { shape, data: source, dtype = 'f64' } = given;
  if (typeof value === 'bigint') refuse(op, value);
  if (shape === undefined || source === undefined)
    throw new FeedError(
      `${op}: ${String(value)} is not a number, an array, a typed array or { shape, dtype, data }`,
    );
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (!/^(Float|Int|Uint(?!16)|Array)/.test(kind))
    throw new DTypeError(
      `${op}: ${kind} is not accepted; pass Float32Array, Int32Array, Uint32Array or Uint8Array`,
    );
  if (sizeOf(checkShape(op, shape)) !== source.length)
    throw new FeedError(
      `${op}: ${source.length} values do not fill ${formatShape(shape)}, ${sizeOf(shape)} elements`,
    );
  const listed = Array.isArray(source) ? flatten(op, source, undefined) : undefined;
  const natural = listed ? listed.dtype : naturalDType(source);
  // what another thread may change is copied before anything is checked
  const own = ArrayBuffer.isView(source) ? steady(source) : source;
  return { shape, source: listed?.source ?? own, dtype: dtype === 'f64' ? natural : dtype };
}

interface Expected {
  readonly shape?: Shape | undefined;
  readonly dtype?: DType | undefined;
}

/** Whether an array holds values of a dtype as `readValue` gives them. */
function isStored(source: ArrayLike<number>, dtype: DType): source is Float32Array | Int32Array {
  if (dtype === 'f32') return source instanceof Float32Array;
  return dtype === 'i32' && source instanceof Int32Array;
}

/**
 * Reads a fed or literal value into host form, rounded to the dtype.
 * A bare typed array takes `shape`; nested arrays and TensorData bring their own. With `share` a typed array that needs no
 * change is taken as it is, not copied. Throws FeedError or DTypeError.
 */
export function readValue(
  op: string,
  value: Value,
  { shape: wanted, dtype: given }: Expected,
  share = false,
) {
  const { shape, source, dtype: own = 'f32' } = sourceOf(op, value, wanted);
  if (wanted && !sameShape(shape, wanted))
    throw new FeedError(
      `${op}: shape ${formatShape(shape)} where ${formatShape(wanted)} is expected`,
    );
  const dtype = checkDType(op, given ?? own);
  const data = share && isStored(source, dtype) ? source : convert(op, source, dtype);
  return { shape, dtype, data };
}

function convert(op: string, source: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === 'f32') return new Float32Array(source);
  if (dtype === 'f16') return Float32Array.from(source, (value) => roundTo('f16', value));
  const [low = -Infinity, high = Infinity] = rangeOf(dtype);
  const isWrong = (value: number): boolean =>
    !Number.isInteger(value) || value < low || value > high;
  const at: number = Array.prototype.findIndex.call(source, isWrong);
  const fact = `at ${at} is no ${dtype} (whole numbers from ${low} to ${high}); correct it`;
  if (at >= 0) throw new FeedError(`${op}: ${source[at]} ${fact}`);
  const out = hostArray(dtype, source.length);
  out.set(source);
  return out;
}
