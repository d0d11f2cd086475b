import { halfToNumber, numberToHalf, type TensorData, type TypedArray } from '../dtype.js';
import { FormatError } from '../errors.js';
import { formatShape, MAX_RANK, sizeOf } from '../shape.js';

/** The contents of a safetensors file. */
export interface Contents {
  readonly tensors: Map<string, TensorData>;
  readonly metadata: Map<string, string>;
}
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

/** Writes tensors and metadata as a safetensors file, wider dtypes first so that all values are aligned. */
export function encode(
  tensors: ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header = new Map<string, unknown>(Object.keys(metadata).length ? [['__metadata__', metadata]] : []);
  const named: [string, TensorData][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const entries = named.map(([name, { shape, ...value }]) => {
    if (name === '__metadata__') fail(`a tensor cannot be named ${name}; rename it`);
    if (sizeOf(shape) !== value.data.length)
      fail(`'${name}' has ${value.data.length} values, which do not fill ${formatShape(shape)}`);
    return { name, shape, ...stored({ shape, ...value }) };
  });
  entries.sort((a, b) => b.width - a.width);
  let size = 0;
  for (const { name, shape, format, bytes } of entries) {
    header.set(name, { dtype: format, shape, data_offsets: [size, size + bytes.length] });
    size += bytes.length;
  }
  const head = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(head.length / 8) * 8;
  const file = new Uint8Array(8 + length + size).fill(32, 8 + head.length, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(head, 8);
  let next = 8 + length;
  for (const { bytes } of entries) {
    file.set(bytes, next);
    next += bytes.length;
  }
  return file;
}

/**
 * Reads a safetensors file: F64, F32, F16, BF16 (as f32), I32, U32, U8 and BOOL. Everything is checked before values are
 * copied; throws FormatError for anything that the format does not allow.
 */
export function decode(bytes: Uint8Array): Contents {
  if (bytes.length < 8) fail(`the file has ${bytes.length} bytes; the length of its header takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) fail(`the header's ${length} bytes reach past the end of the file`);
  const start = 8 + Number(length);
  const header = parseHeader(bytes.subarray(8, start));
  const metadata = new Map(Object.entries(header.get('__metadata__') ?? {}));
  if ([...metadata.values()].some((text) => typeof text !== 'string')) fail('__metadata__ is not an object of strings');
  header.delete('__metadata__');
  const entries = [...header].map(([name, value]) => readEntry(name, value));
  checkOffsets(entries, bytes.length - start);
  const tensors = entries.map(({ name, format, shape, begin, end }): [string, TensorData] => {
    const own = bytes.slice(start + begin, start + end);
    if (format === 'BOOL' && own.some((value) => value > 1))
      fail(`'${name}' is BOOL and holds other bytes than 0 and 1`);
    return [name, { shape, dtype: formats.get(format)!.dtype, data: restored(format, own.buffer) }];
  });
  return { tensors: new Map(tensors), metadata };
}

/** The header's members. */
function parseHeader(bytes: Uint8Array): Map<string, unknown> {
  if (bytes[0] !== 0x7b) fail("the header does not begin with '{'; is this a safetensors file?");
  try {
    return new Map(Object.entries(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as object));
  } catch (cause) {
    throw new FormatError('safetensors: the header is no JSON in UTF-8', { cause });
  }
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);

function readEntry(name: string, value: unknown) {
  const { dtype, shape, data_offsets: offsets } = Object(value) as Readonly<Record<string, unknown>>;
  const format = [...formats.keys()].find((known) => known === dtype);
  if (!format)
    return fail(`'${name}' has dtype ${JSON.stringify(dtype)}; these can be read: ${[...formats.keys()].join(', ')}`);
  if (!isCounts(shape) || shape.length > MAX_RANK)
    return fail(`'${name}' has shape ${JSON.stringify(shape)}; it is a list of at most ${MAX_RANK} whole numbers`);
  if (!isCounts(offsets) || offsets.length !== 2)
    return fail(`'${name}' has data_offsets ${JSON.stringify(offsets)}; they are [begin, end] in bytes`);
  const [begin, end] = offsets as [number, number];
  const size = sizeOf(shape) * formats.get(format)!.Kind.BYTES_PER_ELEMENT;
  if (size !== end - begin)
    return fail(`'${name}' is ${format} ${formatShape(shape)}, ${size} bytes, and has ${end - begin}`);
  return { name, format, shape, begin, end };
}

/** The tensors must cover the data without overlaps or holes, to its end. */
function checkOffsets(entries: readonly ReturnType<typeof readEntry>[], size: number): void {
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      fail(`'${name}' begins at ${begin}, where ${at} is next: tensors ${begin < at ? 'overlap' : 'leave a hole'}`);
    at = end;
  }
  if (at !== size) fail(`the tensors take ${at} bytes and the file holds ${size}; it is cut short or has a tail`);
}
