import { halfToNumber, numberToHalf, type TensorData, type TypedArray } from '../dtype.js';
import { FormatError } from '../errors.js';
import { formatShape, MAX_RANK, type Shape, sameShape, sizeOf } from '../shape.js';
import { join } from './protobuf.js';

/** The dtypes of the format: what they are here, and the arrays that hold them. The first of a dtype is written. */
const formats = new Map([
  ['F64', { dtype: 'f64', Kind: Float64Array }],
  ['F32', { dtype: 'f32', Kind: Float32Array }],
  ['F16', { dtype: 'f16', Kind: Uint16Array }],
  ['BF16', { dtype: 'f32', Kind: Uint16Array }],
  ['I32', { dtype: 'i32', Kind: Int32Array }],
  ['U32', { dtype: 'u32', Kind: Uint32Array }],
  ['U8', { dtype: 'u8', Kind: Uint8Array }],
  ['BOOL', { dtype: 'bool', Kind: Uint8Array }],
] as const satisfies [string, { dtype: TensorData['dtype']; Kind: { BYTES_PER_ELEMENT: number } }][]);
type Format = Parameters<typeof formats.set>[0];
/** What the header says of a tensor; the offsets, [begin, end], are in bytes. */
type Entry = { readonly dtype: Format; readonly shape: Shape; readonly data_offsets: readonly number[] };

const fail = (fact: string): never => {
  throw new FormatError(`safetensors: ${fact}`);
};

/** @internal The name of a dtype in the format, and values as the bytes that it stores: little-endian, row-major. */
export function stored({ dtype, data }: TensorData): { format: Format; width: number; bytes: Uint8Array } {
  const [format, { Kind }] = [...formats].find(([, known]) => known.dtype === dtype)!;
  const halves = dtype === 'f16' && !(data instanceof Uint16Array);
  const values = halves ? Uint16Array.from(data, numberToHalf) : data instanceof Kind ? data : new Kind(data);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { format, width: Kind.BYTES_PER_ELEMENT, bytes };
}

/** Values from the bytes that a format stores. */
function restored(format: Format, bytes: ArrayBuffer): TypedArray {
  const values = new (formats.get(format)!.Kind)(bytes);
  if (format === 'F16') return Float32Array.from(values, halfToNumber);
  // the upper half of an f32
  return format === 'BF16' ? new Float32Array(Uint32Array.from(values, (half) => half << 16).buffer) : values;
}

const isCounts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);

/** Writes tensors and metadata as a safetensors file, wider dtypes first so that all values are aligned. */
export function encode(
  tensors: ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const named: [string, TensorData][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const entries = named.map(([name, { shape, dtype, data }]) => {
    if (name === '__metadata__') fail(`a tensor cannot be named ${name}; rename it`);
    if (sizeOf(shape) !== data.length)
      fail(`'${name}' has ${data.length} values, which do not fill ${formatShape(shape)}`);
    return { name, shape, ...stored({ shape, dtype, data }) };
  });
  entries.sort((a, b) => b.width - a.width);
  let size = 0;
  const header = entries.map(({ name, shape, format: dtype, bytes }): [string, unknown] => {
    const begin = size;
    size += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, size] }];
  });
  if (Object.keys(metadata).length) header.unshift(['__metadata__', metadata]);
  const head = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const spaces = new Uint8Array(-head.length & 7).fill(32);
  const length = new Uint8Array(BigUint64Array.of(BigInt(head.length + spaces.length)).buffer);
  return join([[length, head, spaces], entries.map(({ bytes }) => bytes)]);
}

/**
 * Reads a safetensors file: F64, F32, F16, BF16 (as f32), I32, U32, U8 and BOOL. Throws FormatError for
 * anything that the format does not allow.
 */
export function decode(bytes: Uint8Array) {
  if (bytes.length < 8) fail(`the file has ${bytes.length} bytes; the length of its header takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) fail(`the header's ${length} bytes reach past the end of the file`);
  const start = 8 + Number(length);
  const { __metadata__, ...header } = parseHeader(bytes.subarray(8, start));
  const metadata = Object.entries<string>(Object(__metadata__));
  if (typeof (__metadata__ ?? {}) !== 'object' || metadata.some(([, text]) => typeof text !== 'string'))
    fail('__metadata__ is not an object of strings');
  const entries = Object.entries(header).map(([name, entry]) => {
    const { dtype: format, shape, data_offsets: offsets } = Object(entry) as Entry;
    const needed = `a dtype of ${[...formats.keys()]}, a shape of up to ${MAX_RANK} sizes and data_offsets`;
    if (!formats.has(format) || !isCounts(shape) || shape.length > MAX_RANK || !isCounts(offsets))
      fail(`'${name}' is ${JSON.stringify(entry)}; it needs ${needed}`);
    return { name, format, shape, offsets, size: sizeOf(shape) * formats.get(format)!.Kind.BYTES_PER_ELEMENT };
  });
  entries.sort((a, b) => a.offsets[0]! - b.offsets[0]! || a.size - b.size);
  const held = bytes.length - start;
  let end = 0;
  const tensors = entries.map(({ name, format, shape, size, offsets }): [string, TensorData] => {
    const begin = end;
    end += size;
    const place = `takes ${size} bytes from ${begin} on, and its data_offsets are [${offsets}]`;
    if (!sameShape(offsets, [begin, end]))
      fail(`'${name}', ${format} [${shape}], ${place}: they overlap, leave a hole or do not fit`);
    if (end > held) fail(`'${name}' ends at byte ${end} of ${held}; the file is cut short`);
    const own = bytes.slice(start + begin, start + end);
    if (format === 'BOOL' && own.some((value) => value > 1))
      fail(`'${name}' is BOOL and holds other bytes than 0 and 1`);
    return [name, { shape, dtype: formats.get(format)!.dtype, data: restored(format, own.buffer) }];
  });
  if (end !== held) fail(`the tensors take ${end} bytes and the file holds ${held}; it has a tail`);
  return { tensors: new Map(tensors), metadata: new Map(metadata) };
}

/** The header's members. */
function parseHeader(bytes: Uint8Array): Readonly<Record<string, Entry>> {
  if (bytes[0] !== 0x7b) fail("the header does not begin with '{'; is this a safetensors file?");
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError('safetensors: the header is no JSON in UTF-8', { cause });
  }
}
