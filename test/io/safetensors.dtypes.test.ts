// Files that others wrote in dtypes that there are not here: read where the values fit, else skipped with a reason.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/core/dtype.js';
import { FormatError } from '../../src/core/errors.js';
import { decode } from '../../src/io/safetensors.js';
import { forAll } from '../support/property.js';
import { entry, f32, file, one } from '../support/safetensors.js';

/** A file of one tensor, its values given as they are stored. */
function holding(dtype: string, shape: readonly number[], values: ArrayBufferView): Uint8Array {
  const stored = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = one(dtype, shape, [0, stored.length], stored.length);
  bytes.set(stored, bytes.length - stored.length);
  return bytes;
}

describe("others' dtypes", () => {
  const cases: [string, ArrayBufferView, TensorData['dtype'], readonly number[]][] = [
    [
      'I64',
      BigInt64Array.of(0n, -1n, 2n ** 31n - 1n, -(2n ** 31n)),
      'i32',
      [0, -1, 2 ** 31 - 1, -(2 ** 31)],
    ],
    ['U64', BigUint64Array.of(0n, 2n ** 31n, 2n ** 32n - 1n), 'u32', [0, 2 ** 31, 2 ** 32 - 1]],
    ['I16', Int16Array.of(-32768, 0, 32767), 'i32', [-32768, 0, 32767]],
    ['U16', Uint16Array.of(0, 40000, 65535), 'u32', [0, 40000, 65535]],
    ['I8', Int8Array.of(-128, 0, 127), 'i32', [-128, 0, 127]],
  ];
  it.each(cases)('%s is read', (format, values, dtype, expected) => {
    const { tensors, skipped } = decode(holding(format, [expected.length], values));
    expect([tensors.get('a')!.dtype, [...tensors.get('a')!.data]]).toEqual([dtype, expected]);
    expect(skipped.size).toBe(0);
  });

  const beyond: [string, ArrayBufferView, RegExp][] = [
    ['XYZ', new Uint8Array(7), /^'XYZ', which is no dtype that is known here; save it as F32/],
    ['', new Uint8Array(0), /^'', which is no dtype/],
    ['f32', new Float32Array(2), /^'f32', which is no dtype/],
    ['constructor', new Uint8Array(2), /^'constructor', which/],
    ['X'.repeat(1e5), new Uint8Array(2), /^'X{40}', which is no dtype/],
    [
      'BOOL',
      Uint8Array.of(1, 2),
      /^BOOL with the byte 2 at 1, which bool does not hold; save it as U8 \(x.byte/,
    ],
    [
      'I64',
      BigInt64Array.of(0n, 2n ** 31n),
      /^I64 with 2147483648 at 1, which i32 does not hold; save it as F64/,
    ],
    ['I64', BigInt64Array.of(-(2n ** 31n) - 1n, 0n), /^I64 with -2147483649 at 0, which i32/],
    ['I64', BigInt64Array.of(-(2n ** 63n), 0n), /^I64 with -9223372036854775808 at 0/],
    [
      'U64',
      BigUint64Array.of(1n, 2n ** 32n),
      /^U64 with 4294967296 at 1, which u32 does not hold; save it as F64/,
    ],
    ['C64', new Float32Array(4), /^C64, which no dtype here holds; save its parts as F32/],
    ['F8_E4M3', new Uint8Array(2), /^F8_E4M3, which no dtype here holds; save it as F32/],
    ['F8_E5M2', new Uint8Array(2), /^F8_E5M2/],
    ['F8_E4M3FNUZ', new Uint8Array(2), /^F8_E4M3FNUZ/],
    ['F8_E5M2FNUZ', new Uint8Array(2), /^F8_E5M2FNUZ/],
    ['F8_E8M0', new Uint8Array(2), /^F8_E8M0/],
    ['F4', new Uint8Array(1), /^F4/],
  ];
  it.each(beyond)('%s is skipped, says why, and leaves the others', (format, values, why) => {
    const { tensors, skipped } = decode(holding(format, [2], values));
    expect([tensors.size, [...skipped.keys()]]).toEqual([0, ['a']]);
    expect(skipped.get('a')).toMatch(why);
    const size = values.byteLength;
    const both = `{"x":${entry(format, [2], [4, 4 + size])},"y":${f32(0, 4)}}`;
    const bytes = file(both, 4 + size);
    bytes.set(new Uint8Array(values.buffer), bytes.length - size);
    const more = decode(bytes);
    expect([[...more.tensors.keys()], [...more.skipped.keys()]]).toEqual([['y'], ['x']]);
  });

  it('skips tensors of more than eight axes', () => {
    const shape = [2, 1, 1, 1, 1, 1, 1, 1];
    expect(decode(one('F32', shape, [0, 8], 8)).tensors.get('a')!.shape).toEqual(shape);
    const { tensors, skipped } = decode(one('F32', [...shape, 1], [0, 8], 8));
    expect(tensors.size).toBe(0);
    expect(skipped.get('a')).toMatch(/^F32 of rank 9, above 8; save it with fewer axes/);
  });

  it('never lose the other tensors of a file, wherever they lie, and the places of all are checked', () => {
    const rank9 = [1, 1, 1, 1, 1, 1, 1, 1, 1];
    const kinds = fc.constantFrom(
      { dtype: 'F32', shape: [1], bytes: 4, fits: true },
      { dtype: 'BOOL', shape: [2], bytes: 2, fits: false },
      { dtype: 'F32', shape: rank9, bytes: 4, fits: false },
      { dtype: 'C64', shape: [1], bytes: 8, fits: false },
      { dtype: 'XYZ', shape: [3], bytes: 5, fits: false },
      { dtype: 'I64', shape: [1], bytes: 8, fits: false },
    );
    const shift = fc.constantFrom(-1, 1);
    forAll(
      fc.tuple(fc.array(kinds, { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(1), shift),
      200,
      (drawn) => {
        const [list, which, end, by] = drawn;
        const ends = list.map((_, i) =>
          list.slice(0, i + 1).reduce((sum, { bytes }) => sum + bytes, 0),
        );
        const offsets = list.map(({ bytes }, i) => [ends[i]! - bytes, ends[i]!]);
        const made = (places: number[][]): Uint8Array => {
          const header = list.map(
            ({ dtype, shape }, i) => `"t${i}":${entry(dtype, shape, places[i])}`,
          );
          const bytes = file(`{${header}}`, ends.at(-1));
          return bytes.fill(7, bytes.length - ends.at(-1)!);
        };
        const { tensors, skipped } = decode(made(offsets));
        const named = (fits: boolean) =>
          list.flatMap((each, i) => (each.fits === fits ? [`t${i}`] : []));
        expect([[...tensors.keys()], [...skipped.keys()]]).toEqual([named(true), named(false)]);
        const moved = offsets.map((range) => [...range]);
        moved[which % list.length]![end]! += by;
        expect(() => decode(made(moved))).toThrow(FormatError);
      },
    );
  });

  it('skips six-bit floats of whole bytes', () => {
    const { skipped } = decode(one('F6_E2M3', [2, 4], [0, 6], 6));
    expect([...skipped.keys()]).toEqual(['a']);
  });

  it('reads 64-bit integers exactly where they fit, else says which does not', () => {
    const near = fc.oneof(
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.bigInt(-(2n ** 31n) - 2n, 2n ** 31n + 2n),
    );
    const integers = fc.array(fc.oneof({ weight: 9, arbitrary: fc.bigInt(-9n, 9n) }, near), {
      maxLength: 9,
    });
    forAll(integers, 200, (list) => {
      const { tensors, skipped } = decode(holding('I64', [list.length], BigInt64Array.from(list)));
      const at = list.findIndex((each) => BigInt.asIntN(32, each) !== each);
      if (at < 0) expect([...tensors.get('a')!.data].map(BigInt)).toEqual(list);
      else expect(skipped.get('a')).toContain(`${list[at]} at ${at},`);
    });
  });
});
