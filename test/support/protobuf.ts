/** The fields of a protobuf message, by their numbers: whole numbers, or the bytes of anything else. */
export function readMessage(bytes: Uint8Array): Map<number, (bigint | Uint8Array)[]> {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(bytes[at++]!);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return BigInt.asIntN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [field, type] = [tag >> 3, tag & 7];
    const sizes = new Map([
      [1, 8],
      [5, 4],
    ]);
    let value: bigint | Uint8Array;
    if (type === 0) value = varint();
    else {
      const size = type === 2 ? Number(varint()) : sizes.get(type)!;
      value = bytes.slice(at, at + size);
      if (value.length !== size)
        throw new Error(`field ${field} has ${value.length} bytes of ${size}`);
      at += size;
    }
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

export const messagesOf = (bytes: Uint8Array, field: number): Uint8Array[] =>
  (readMessage(bytes).get(field) ?? []) as Uint8Array[];
export const textsOf = (bytes: Uint8Array, field: number): string[] =>
  messagesOf(bytes, field).map((each) => new TextDecoder().decode(each));
