// Files in the safetensors format written by hand, right or wrong.

/** A file from header text (or bytes) and values; `length` is what the file says of its header. */
export function file(header: string | Uint8Array, values = 0, length?: bigint): Uint8Array {
  const head = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + head.length + values);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(head.length), true);
  bytes.set(head, 8);
  return bytes;
}
export const entry = (dtype: unknown, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
/** A file of one tensor `a`. */
export const one = (dtype: unknown, shape: unknown, offsets: unknown, values: number): Uint8Array =>
  file(`{"a":${entry(dtype, shape, offsets)}}`, values);

/** The entry of f32s at these bytes. */
export const f32 = (begin: number, end: number): string =>
  entry('F32', [(end - begin) / 4], [begin, end]);
