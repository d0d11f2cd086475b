// Parses the header of a safetensors file. Files may come from anybody: everything is checked before memory is allocated.
import { classOf, describe, isMap } from '../core/bytes.js';
import { FormatError } from '../core/errors.js';
import { type Shape, sameShape, sizeOf } from '../core/shape.js';
import { formats } from './safetensors.formats.js';

/** The most bytes of a header, as in the format's own library (`MAX_HEADER_SIZE`): room for a million tensors. */
export const HEADER_LIMIT = 1e8;

export function fail(fact: string): never {
  throw new FormatError(`safetensors: ${fact}`);
}

/** A tensor's place in the file: bytes from `begin` to `end`, counted from the end of the header. */
export interface Entry {
  readonly name: string;
  readonly format: string;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

/** Whether a value is a list of whole numbers ≥ 0 that float64 holds exactly. */
export const isCounts = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.every((count) => Number.isSafeInteger(count) && count >= 0 && !Object.is(count, -0));

/** Says what is wrong with a name in a header, as a phrase after it; undefined for a valid name. */
export function objectionTo(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is no text';
  if (name === '__proto__') return 'has a meaning of its own in JavaScript';
  return /\p{Surrogate}/u.test(name) ? 'is no Unicode: it holds half a character' : undefined;
}

/** Names and values: a Map, or an object. */
export type Named<T> = ReadonlyMap<string, T> | Readonly<Record<string, T>>;

/** The pairs of a Map or an object, with names that a header can hold. */
export function pairsOf(what: string, given: unknown, values: string): [string, unknown][] {
  if (!isMap(given) && classOf(given) !== 'Object')
    fail(`${what} is ${describe(given)}; pass a Map or an object of ${values}`);
  const pairs: [string, unknown][] = isMap(given) ? [...given] : Object.entries(Object(given));
  for (const [name] of pairs) {
    const objection = objectionTo(name);
    if (objection) fail(`${what}: the name ${String(name)} ${objection}; rename it`);
  }
  return pairs;
}

/** Metadata as pairs of texts. Throws FormatError for anything else. */
export function metadataOf(metadata: Named<string>): [string, string][] {
  return pairsOf('metadata', metadata, 'texts').map(([name, text]) => {
    if (typeof text !== 'string')
      fail(`metadata '${name}' is ${describe(text)}; make it text, with String(…) or JSON`);
    if (/\p{Surrogate}/u.test(text))
      fail(`metadata '${name}' is no Unicode: it holds half a character`);
    return [name, text];
  });
}

/** The deepest nesting of a header: { name: { shape: [size] } }, and some more for extensions. */
const MAX_DEPTH = 8;

/** Returns where a JSON text that begins at `at` ends: at the first quote after an even number of backslashes. */
function textEnd(json: string, at: number): number {
  for (let end = json.indexOf('"', at + 1); ; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
}

/** Throws for names in JSON text that occur twice, of which JSON.parse keeps one, or that are not allowed. */
function checkNames(json: string): void {
  const token = /["{}[\]]/g;
  const colon = /\s*:/y;
  const open: Set<string>[] = []; // the names so far in each object or list around the token
  for (let found = token.exec(json); found; found = token.exec(json)) {
    if (found[0] === '{' || found[0] === '[') open.push(new Set());
    else if (found[0] !== '"') open.pop();
    if (open.length > MAX_DEPTH) fail(`the header is nested more than ${MAX_DEPTH} deep`);
    if (found[0] !== '"') continue;
    token.lastIndex = textEnd(json, found.index) + 1;
    colon.lastIndex = token.lastIndex;
    if (!colon.test(json)) continue; // a value
    const name: string = JSON.parse(json.slice(found.index, token.lastIndex));
    const objection = open.at(-1)!.has(name) ? 'is in the header twice' : objectionTo(name);
    if (objection) fail(`the name ${JSON.stringify(name)} ${objection}`);
    open.at(-1)!.add(name);
  }
}

/** The header's members. */
function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes[0] !== 0x7b) fail("the header does not begin with '{'; is this a safetensors file?");
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const header = JSON.parse(text);
    checkNames(text);
    return header;
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('safetensors: the header is no JSON in UTF-8', { cause });
  }
}

/** Any value as JSON, short enough for a message. */
const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 200) ?? 'missing';

/** Whether a value is the bytes of a tensor, from the first to the one behind the last. */
const isRange = (value: unknown): value is readonly [begin: number, end: number] =>
  isCounts(value) && value.length === 2 && value[0]! <= value[1]!;

/** Reads one tensor's entry; its size in bytes is that of its range where the dtype is unknown. */
function read(name: string, value: unknown) {
  const member: Readonly<Record<string, unknown>> = Object(value);
  const { dtype, shape, data_offsets: offsets } = member;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isRange(offsets))
    fail(
      `'${name}' is ${shown(value)}; it needs a dtype, a shape of whole numbers and two data_offsets`,
    );
  const bits = formats.get(dtype)?.bits;
  const size = bits === undefined ? offsets[1] - offsets[0] : (sizeOf(shape) * bits) / 8;
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(sizeOf(shape)))
    fail(`'${name}', ${shown(dtype)} [${shape}], takes no whole number of bytes`);
  return { name, format: dtype, shape, offsets, size };
}

/** The tensors in the order of their bytes, which follow each other without a hole and fill what the file `holds`. */
function layOut(
  members: readonly (readonly [name: string, value: unknown])[],
  holds: number,
): Entry[] {
  const described = members.map(([name, value]) => read(name, value));
  described.sort((a, b) => a.offsets[0] - b.offsets[0] || a.size - b.size);
  let at = 0;
  const entries = described.map(({ name, format, shape, offsets, size }): Entry => {
    const begin = at;
    at += size;
    const place = `takes ${size} bytes from ${begin} on, and its data_offsets are [${offsets}]`;
    if (!sameShape(offsets, [begin, at]))
      fail(
        `'${name}', ${shown(format)} [${shape}], ${place}: they overlap, leave a hole or do not fit`,
      );
    if (at > holds) fail(`'${name}' ends at byte ${at} of ${holds}; the file is cut short`);
    return { name, format, shape, begin, end: at };
  });
  if (at !== holds)
    fail(`the tensors take ${at} bytes and the file holds ${holds}; bytes follow the last tensor`);
  return entries;
}

/** The file's metadata: texts by name. */
function readMetadata(value: unknown): Map<string, string> {
  if (value === undefined || value === null) return new Map();
  const isWrong = typeof value !== 'object' || Array.isArray(value);
  const entries: [string, unknown][] = isWrong
    ? fail('__metadata__ is no object of texts')
    : Object.entries(value);
  const texts = entries.map(([name, text]): [string, string] => {
    if (typeof text !== 'string')
      fail(`__metadata__ '${name}' is ${shown(text)}; metadata must be text`);
    return [name, text];
  });
  return new Map(texts);
}

/** Reads and checks a file's header: where the values start, the tensors in the order of their bytes, and the metadata. */
export function readHeader(bytes: Uint8Array) {
  if (bytes.length < 8)
    fail(`the file has ${bytes.length} bytes; the length of its header takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8))
    fail(`the header's ${length} bytes reach past the end of the file`);
  if (length > HEADER_LIMIT)
    fail(`the header takes ${length} bytes, above the format's ${HEADER_LIMIT}`);
  const start = 8 + Number(length);
  const { __metadata__, ...members } = parse(bytes.subarray(8, start));
  const metadata = readMetadata(__metadata__);
  return { start, metadata, entries: layOut(Object.entries(members), bytes.length - start) };
}
