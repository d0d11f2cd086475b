// Bytes that callers pass in: views of any buffer type, and copies of memory that the caller may change later.
import { FormatError } from './errors.js';

/** Bytes in any form: a Uint8Array, a Buffer or another view at any offset, an ArrayBuffer; shared memory too. */
export type Bytes = ArrayBufferLike | ArrayBufferView;

/** @internal The name of a value's class, also where it comes from another realm, such as a frame. */
export const classOf = (value: unknown): string =>
  Object.prototype.toString.call(value).slice(8, -1);

/** @internal Whether a value is a Map, also one from another realm. */
export const isMap = (value: unknown): value is ReadonlyMap<string, unknown> =>
  classOf(value) === 'Map';

/** @internal Whether other threads may write to a buffer's memory at any time. */
export const isShared = (buffer: ArrayBufferLike): boolean =>
  classOf(buffer) === 'SharedArrayBuffer';

interface TypedMemory {
  readonly buffer: ArrayBufferLike;
}

/** @internal Values in memory of their own; a Buffer's own slice would be a view of the same memory. */
export const copyOf = <T extends TypedMemory>(values: T): T =>
  Uint8Array.prototype.slice.call(values) as TypedMemory as T; // every typed array has this method

/** Whether no other thread writes to a buffer's memory, and its size stays. */
const isSteady = (buffer: ArrayBufferLike): buffer is ArrayBuffer =>
  !isShared(buffer) && !('resizable' in buffer && buffer.resizable);

/**
 * @internal Values in memory that no other thread writes to and whose size stays: the array itself, or a copy. WebGPU, TextDecoder
 * and Blob refuse other memory in browsers, and Dawn in Node crashes on memory that is shared.
 */
export const steady = <T extends TypedMemory>(values: T): T =>
  isSteady(values.buffer) ? values : copyOf(values);

/** @internal Bytes where they lie, as a plain Uint8Array; a copy of shared memory. Throws FormatError for what holds no bytes. */
export function viewBytes(op: string, bytes: Bytes): Uint8Array<ArrayBuffer> {
  const isView = ArrayBuffer.isView(bytes);
  if (!isView && !/^(Shared)?ArrayBuffer$/.test(classOf(bytes)))
    throw new FormatError(
      `${op}: bytes are ${describe(bytes)}; pass a Uint8Array, a Buffer or an ArrayBuffer`,
    );
  const { buffer, byteOffset, byteLength } = isView ? bytes : new Uint8Array(bytes);
  if (isSteady(buffer)) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength)); // copies
}

/** @internal Bytes in memory of their own. Throws FormatError for what holds no bytes. */
export const copyBytes = (op: string, bytes: Bytes): Uint8Array<ArrayBuffer> =>
  new Uint8Array(viewBytes(op, bytes));

/** @internal What somebody passed instead of what was wanted: "undefined", "a Promise", "an Array". */
export function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function'))
    return `${String(value)}`;
  const name = classOf(value);
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** @internal The same with what it holds, as in code, cut where that is long: `"ab"`, `[1,"2"]`. */
export function inCode(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') return describe(value);
  try {
    const text = JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each));
    return text?.slice(0, 200) ?? describe(value);
  } catch {
    return describe(value); // it holds itself
  }
}
