// Reads and writes safetensors files, the usual format for named tensors: https://github.com/huggingface/safetensors
import { type Bytes, classOf, describe, steady, viewBytes } from '../core/bytes.js';
import { isFloat, rangeOf, roundTo, type TensorData } from '../core/dtype.js';
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js';
import { Tensor } from '../graph/tensor.js';
import { join } from './protobuf.js';
import { isWritable, restored, stored } from './safetensors.formats.js';
import {
  fail,
  HEADER_LIMIT,
  isCounts,
  metadataOf,
  type Named,
  pairsOf,
  readHeader,
} from './safetensors.header.js';

/** Arrays whose values are numbers. */
const numbers = /^(Float(16|32|64)|Int(8|16|32)|Uint(8|8Clamped|32))?Array$/;

/** Returns the float dtype whose rounded values an array of this class holds; f16 is also held as its bits. */
function kindOf(values: ArrayLike<unknown>): TensorData['dtype'] | undefined {
  const kind = classOf(values);
  if (kind === 'Float32Array') return 'f32';
  if (kind === 'Float64Array') return 'f64';
  return kind === 'Uint16Array' || kind === 'Float16Array' ? 'f16' : undefined;
}

/** Throws unless all values are numbers within the dtype's range, and of an integer dtype whole ones. */
function checkValues(name: string, dtype: TensorData['dtype'], values: ArrayLike<unknown>): void {
  if (isFloat(dtype) && dtype === kindOf(values)) return; // all are numbers
  const [low = -Infinity, high = Infinity] = dtype === 'f64' ? [] : rangeOf(dtype);
  const isWhole = !isFloat(dtype);
  const inRange = (each: number): boolean =>
    !isWhole || (Number.isInteger(each) && each >= low && each <= high);
  const range = isWhole ? ` (whole numbers from ${low} to ${high})` : '';
  for (let i = 0; i < values.length; i++) {
    const each = values[i];
    if (typeof each !== 'number' || !inRange(each))
      fail(`'${name}' holds ${String(each)} at ${i}, which is no ${dtype}${range}; correct it`);
    const rounded = dtype === 'f64' ? each : roundTo(dtype, each);
    if (Number.isFinite(each) && !Number.isFinite(rounded))
      fail(
        `'${name}' holds ${each} at ${i}, beyond the ${dtype} range; give Infinity, or a wider dtype`,
      );
  }
}

/** Checks a tensor, so that `decode` reads it back. Throws FormatError. */
function checked(name: string, value: unknown): TensorData {
  if (value instanceof Tensor)
    fail(
      `'${name}' is a tensor, which holds no values; pass what engine.read or engine.run gives for it`,
    );
  const { shape, dtype, data }: TensorData = Object(value);
  if (shape === undefined || dtype === undefined || data === undefined)
    fail(`'${name}' is ${describe(value)}; pass { shape, dtype, data }`);
  if (!isCounts(shape) || shape.length > MAX_RANK)
    fail(`'${name}' has shape ${String(shape)}; give up to ${MAX_RANK} whole numbers`);
  if (!isWritable(dtype))
    fail(`'${name}' has dtype ${String(dtype)}; use f64, f32, f16, i32, u32, u8 or bool`);
  const kind = classOf(data);
  const isBits = kind === 'Uint16Array' && dtype === 'f16';
  if (!isBits && !numbers.test(kind))
    fail(
      `'${name}' has ${describe(data)} for ${dtype} values; pass a Float32Array, Int32Array or another of numbers`,
    );
  if (sizeOf(shape) !== data.length)
    fail(`'${name}' has ${data.length} values, which do not fill ${formatShape(shape)}`);
  const values = ArrayBuffer.isView(data) ? steady(data) : data;
  checkValues(name, dtype, values);
  return { shape, dtype, data: values };
}

/**
 * Writes tensors and metadata as a safetensors file, wider dtypes first so that all values are aligned. Floats are rounded
 * to their dtype, within its range. Throws FormatError for what `decode` would not read back: names, shapes, dtypes or values that do not
 * fit, metadata that are not text, a header above 100 MB.
 */
export function encode(tensors: Named<TensorData>, metadata: Named<string> = {}): Uint8Array {
  const about = metadataOf(metadata);
  const entries = pairsOf('tensors', tensors, '{ shape, dtype, data }').map(([name, value]) => {
    if (name === '__metadata__') fail(`a tensor cannot be named ${name}; rename it`);
    const { shape, dtype, data } = checked(name, value);
    return { name, shape, ...stored({ shape, dtype, data }) };
  });
  entries.sort((a, b) => b.width - a.width);
  let size = 0;
  const members = entries.map(({ name, shape, format: dtype, bytes }) => {
    const begin = size;
    size += bytes.length;
    return member(name, { dtype, shape, data_offsets: [begin, size] });
  });
  const texts = about.map(([name, text]) => member(name, text));
  if (texts.length) members.unshift(`"__metadata__":{${texts.join()}}`);
  const head = new TextEncoder().encode(`{${members.join()}}`);
  const spaces = new Uint8Array(-head.length & 7).fill(32);
  const length = head.length + spaces.length;
  if (length > HEADER_LIMIT)
    fail(`the header takes ${length} bytes, above the format's ${HEADER_LIMIT}`);
  const start = new Uint8Array(BigUint64Array.of(BigInt(length)).buffer);
  return join([[start, head, spaces], entries.map(({ bytes }) => bytes)]);
}

/** A member of a JSON object as text; an object would sort names that are numbers to the front. */
const member = (name: string, value: unknown): string =>
  `${JSON.stringify(name)}:${JSON.stringify(value)}`;

/** Contents of a safetensors file. */
export interface Decoded {
  /** Tensors by name, in the order of their bytes in the file. */
  readonly tensors: Map<string, TensorData>;
  readonly metadata: Map<string, string>;
  /** Tensors that Nabla cannot hold, by name: what they are, and how to save them instead. */
  readonly skipped: Map<string, string>;
}

/**
 * Reads a safetensors file, whole, into memory of its own. F64, F32, F16, I32, U32, U8 and BOOL come as they are, BF16 as f32;
 * I8, I16 and, where all its values fit, I64 as i32; U16 and U64 as u32. Other tensors (the F8s, C64, dtypes that are not known,
 * an I64 that does not fit, a BOOL of 2, more than 8 axes) are left out and named in `skipped`. Throws FormatError for anything that the format does not allow.
 */
export function decode(file: Bytes): Decoded {
  const bytes = viewBytes('safetensors.decode', file);
  const { start, metadata, entries } = readHeader(bytes);
  const tensors = new Map<string, TensorData>();
  const skipped = new Map<string, string>();
  for (const { name, format, shape, begin, end } of entries) {
    const own = bytes.slice(start + begin, start + end);
    const values = restored(format, shape, own.buffer);
    if (typeof values === 'string') skipped.set(name, values);
    else tensors.set(name, { shape, ...values });
  }
  return { tensors, metadata, skipped };
}
