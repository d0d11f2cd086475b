// Bytes and numbers in everything that may hold them: whole buffers, views at any offset, Buffers, memory that others share.
import type { TypedArray } from '../../src/core/dtype.js';

/** Memory that threads share; a page that is not isolated has no SharedArrayBuffer but by WebAssembly. */
export function sharedMemory(bytes: number): ArrayBufferLike {
  const pages = Math.max(1, Math.ceil(bytes / 65536));
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
}

/** Memory that may grow. */
export function growingMemory(bytes: number): ArrayBuffer {
  const Growing = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
  return new Growing(bytes, { maxByteLength: 2 * bytes + 8 });
}

/** What holds the bytes, and all of its memory for a test to write to. */
export interface Held {
  readonly given: ArrayBufferLike | ArrayBufferView;
  readonly memory: Uint8Array;
}

function view(memory: ArrayBufferLike, content: Uint8Array, offset: number): Held {
  const all = new Uint8Array(memory);
  all.set(content, offset);
  return { given: all.subarray(offset, offset + content.length), memory: all };
}

/** Ways to hold bytes, each with the offset that is asked for where it has one. */
export const containers: Readonly<Record<string, (content: Uint8Array, offset: number) => Held>> = {
  'a Uint8Array': (content) => {
    const memory = content.slice();
    return { given: memory, memory };
  },
  'a view': (content, offset) =>
    view(new ArrayBuffer(content.length + offset + 5), content, offset),
  'a DataView': (content, offset) => {
    const { given, memory } = view(new ArrayBuffer(content.length + offset + 5), content, offset);
    const { buffer, byteOffset, byteLength } = given as Uint8Array;
    return { given: new DataView(buffer, byteOffset, byteLength), memory };
  },
  'an ArrayBuffer': (content) => {
    const memory = content.slice();
    return { given: memory.buffer, memory };
  },
  'a view of shared memory': (content, offset) =>
    view(sharedMemory(content.length + offset), content, offset),
  'a view of growing memory': (content, offset) =>
    view(growingMemory(content.length + offset), content, offset),
};

/** Numbers in arrays of shared and of growing memory, as `Kind` has them. */
export const unsteady: Readonly<Record<string, <T extends TypedArray>(values: T) => T>> = {
  'shared memory': (values) => inMemory(values, sharedMemory(values.byteLength + 16)),
  'growing memory': (values) => inMemory(values, growingMemory(values.byteLength + 16)),
};

function inMemory<T extends TypedArray>(values: T, memory: ArrayBufferLike): T {
  const Kind = values.constructor as new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => T;
  const held = new Kind(memory, 16, values.length);
  held.set(values);
  return held;
}
