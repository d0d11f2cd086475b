// Writes protocol buffers: https://protobuf.dev/programming-guides/encoding/. A field is a list of byte arrays, so
// that large values are copied only once, when the message is joined.

/** One field or several, in pieces: what a message consists of. */
export type Fields = readonly Uint8Array[];

/** An array's bytes. */
export const bytesOf = ({ buffer }: { readonly buffer: ArrayBufferLike }): Uint8Array =>
  new Uint8Array(buffer);

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // negative numbers take ten bytes
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}
const tag = (field: number, wireType: number): Uint8Array => varint(field * 8 + wireType);

/** A whole number of any integer type but the zigzag ones; a bool; an enum. */
export const int = (field: number, value: number): Fields => [tag(field, 0), varint(value)];
export const double = (field: number, value: number): Fields => [
  tag(field, 1),
  bytesOf(Float64Array.of(value)),
];
export const float = (field: number, value: number): Fields => [
  tag(field, 5),
  bytesOf(Float32Array.of(value)),
];
export const text = (field: number, value: string): Fields =>
  message(field, [[new TextEncoder().encode(value)]]);

/** Bytes of all pieces together. */
const sizeOf = (pieces: Fields): number => pieces.reduce((size, { length }) => size + length, 0);

/** A message within a message, or bytes. */
export function message(field: number, parts: readonly Fields[]): Fields {
  const pieces = parts.flat();
  return [tag(field, 2), varint(sizeOf(pieces)), ...pieces];
}

/** Joins the pieces of a whole message into one array. */
export function join(parts: readonly Fields[]): Uint8Array {
  const pieces = parts.flat();
  const bytes = new Uint8Array(sizeOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
