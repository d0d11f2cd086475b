import { halfToNumber, numberToHalf, type TensorData, type TypedArray } from '../dtype.js';
import { FormatError } from '../errors.js';
import { formatShape, MAX_RANK, sizeOf } from '../shape.js';

/** The contents of a safetensors file. */
export interface Contents {
  readonly tensors: Map<string, TensorData>;
  readonly metadata: Map<string, string>;
}
interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

type Format = {
  readonly bytes: number;
  readonly dtype: TensorData['dtype'];
  readonly read: (bytes: ArrayBuffer) => TypedArray;
};
const formats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['F64', { bytes: 8, dtype: 'f64', read: (b) => new Float64Array(b) }],
  ['F32', { bytes: 4, dtype: 'f32', read: (b) => new Float32Array(b) }],
  ['F16', { bytes: 2, dtype: 'f16', read: (b) => Float32Array.from(new Uint16Array(b), halfToNumber) }],
  // The upper half of an f32.
  [
    'BF16',
    {
      bytes: 2,
      dtype: 'f32',
      read: (b) => new Float32Array(Uint32Array.from(new Uint16Array(b), (x) => x << 16).buffer),
    },
  ],
  ['I32', { bytes: 4, dtype: 'i32', read: (b) => new Int32Array(b) }],
  ['U32', { bytes: 4, dtype: 'u32', read: (b) => new Uint32Array(b) }],
  ['U8', { bytes: 1, dtype: 'u8', read: (b) => new Uint8Array(b) }],
  ['BOOL', { bytes: 1, dtype: 'bool', read: (b) => new Uint8Array(b) }],
]);
const formatOf = { f64: 'F64', f32: 'F32', f16: 'F16', i32: 'I32', u32: 'U32', u8: 'U8', bool: 'BOOL' } as const;

const fail = (fact: string): never => {
  throw new FormatError(`safetensors: ${fact}`);
};

/** Values as the bytes that a format stores. */
function stored({ dtype, data }: TensorData): Uint8Array {
  const make = { f64: Float64Array, f32: Float32Array, f16: Uint16Array, i32: Int32Array, u32: Uint32Array } as const;
  const Kind = dtype === 'u8' || dtype === 'bool' ? Uint8Array : make[dtype];
  const halves = dtype === 'f16' && !(data instanceof Uint16Array);
  const values = data instanceof Kind ? data : halves ? Uint16Array.from(data, numberToHalf) : new Kind(data);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Writes tensors and metadata as a safetensors file, wider dtypes first so that all values are aligned. */
export function encode(
  tensors: ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries: [string, TensorData][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const width = ([, { dtype }]: readonly [string, TensorData]): number => formats.get(formatOf[dtype])!.bytes;
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length) header.set('__metadata__', metadata);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, value] of entries.sort((a, b) => width(b) - width(a))) {
    if (name === '__metadata__' || name === '__proto__') fail(`a tensor cannot be named ${name}; rename it`);
    if (sizeOf(value.shape) !== value.data.length)
      fail(`'${name}' has ${value.data.length} values, which do not fill ${formatShape(value.shape)}`);
    const bytes = stored(value);
    header.set(name, { dtype: formatOf[value.dtype], shape: value.shape, data_offsets: [at, at + bytes.length] });
    parts.push(bytes);
    at += bytes.length;
  }
  const text = JSON.stringify(Object.fromEntries(header));
  const head = new TextEncoder().encode(text);
  const length = Math.ceil(head.length / 8) * 8;
  const file = new Uint8Array(8 + length + at).fill(32, 8 + head.length, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(head, 8);
  let next = 8 + length;
  for (const bytes of parts) {
    file.set(bytes, next);
    next += bytes.length;
  }
  return file;
}

export interface DecodeOptions {
  /** Refuses a longer header: 1 MiB unless given. */
  maxHeaderBytes?: number;
  /** Refuses more tensors: 65,536 unless given. */
  maxTensors?: number;
}

/**
 * Reads a safetensors file: F64, F32, F16, BF16 (as f32), I32, U32, U8 and BOOL. Everything is checked before values are
 * copied; throws FormatError for anything that the format does not allow.
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): Contents {
  const { maxHeaderBytes = 2 ** 20, maxTensors = 2 ** 16 } = options;
  if (bytes.length < 8) fail(`the file has ${bytes.length} bytes; the length of its header takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) fail(`the header's ${length} bytes reach past the end of the file`);
  if (length > BigInt(maxHeaderBytes))
    fail(`the header has ${length} bytes, more than ${maxHeaderBytes}; raise maxHeaderBytes if that is right`);
  const start = 8 + Number(length);
  const header = parseHeader(bytes.subarray(8, start));
  const metadata = readMetadata(header.get('__metadata__'));
  header.delete('__metadata__');
  if (header.size > maxTensors)
    fail(`${header.size} tensors are more than ${maxTensors}; raise maxTensors if that is right`);
  const entries = [...header].map(([name, value]) => readEntry(name, value));
  checkOffsets(entries, bytes.length - start);
  const view = (entry: Entry): TensorData => {
    const { dtype, read } = formats.get(entry.dtype)!;
    const own = bytes.slice(start + entry.begin, start + entry.end);
    if (dtype === 'bool' && own.some((value) => value > 1))
      fail(`'${entry.name}' is BOOL and holds other bytes than 0 and 1`);
    return { shape: entry.shape, dtype, data: read(own.buffer) };
  };
  return { tensors: new Map(entries.map((entry) => [entry.name, view(entry)])), metadata };
}

/** The header's members. JSON.parse alone would hide names that occur twice. */
function parseHeader(bytes: Uint8Array): Map<string, unknown> {
  if (bytes[0] !== 0x7b) fail("the header does not begin with '{'; is this a safetensors file?");
  let value: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('safetensors: the header is no JSON in UTF-8', { cause });
  }
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(token.slice(0, -colon.length)) as string;
      if (name === '__proto__' || open.at(-1)!.has(name))
        fail(`the header names '${name}' ${name === '__proto__' ? 'a member' : 'twice'}`);
      open.at(-1)!.add(name);
    }
  }
  return new Map(Object.entries(value as object));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readMetadata(value: unknown): Map<string, string> {
  if (value === undefined) return new Map();
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== 'string'))
    return fail('__metadata__ is not an object of strings');
  return new Map(Object.entries(value as Record<string, string>));
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(name: string, value: unknown): Entry {
  if (!isRecord(value)) return fail(`'${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const format = formats.get(String(dtype));
  if (typeof dtype !== 'string' || !format)
    return fail(`'${name}' has dtype ${JSON.stringify(dtype)}; these can be read: ${[...formats.keys()].join(', ')}`);
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount))
    return fail(`'${name}' has shape ${JSON.stringify(shape)}; it is a list of at most ${MAX_RANK} whole numbers`);
  const [begin = -1, end = -1] =
    Array.isArray(offsets) && offsets.length === 2 && offsets.every(isCount) ? offsets : [];
  if (begin < 0 || begin > end)
    return fail(`'${name}' has data_offsets ${JSON.stringify(offsets)}; they are [begin, end] in bytes`);
  const size = sizeOf(shape as number[]) * format.bytes;
  if (size !== end - begin)
    return fail(`'${name}' is ${dtype} ${formatShape(shape as number[])}, ${size} bytes, and has ${end - begin}`);
  if (Object.keys(rest).length)
    return fail(`'${name}' has a field '${Object.keys(rest)[0]}', which the format does not know`);
  return { name, dtype, shape: shape as number[], begin, end };
}

/** The tensors must cover the data without overlaps or holes, to its end. */
function checkOffsets(entries: readonly Entry[], size: number): void {
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      fail(`'${name}' begins at ${begin}, where ${at} is next: tensors ${begin < at ? 'overlap' : 'leave a hole'}`);
    at = end;
  }
  if (at !== size) fail(`the tensors take ${at} bytes and the file holds ${size}; it is cut short or has a tail`);
}
