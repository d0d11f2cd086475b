import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/core/dtype.js';
import { FormatError } from '../../src/core/errors.js';
import { decode, encode } from '../../src/io/safetensors.js';
import { forAll } from '../support/property.js';

/** A file from header text (or bytes) and values; `length` is what the file says of its header. */
function file(header: string | Uint8Array, values = 0, length?: bigint): Uint8Array {
  const head = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + head.length + values);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(head.length), true);
  bytes.set(head, 8);
  return bytes;
}
const entry = (dtype: unknown, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
const one = (dtype: unknown, shape: unknown, offsets: unknown, values: number): Uint8Array =>
  file(`{"a":${entry(dtype, shape, offsets)}}`, values);
const floats: TensorData = { shape: [2], dtype: 'f32', data: new Float32Array(2) };
const f32 = (begin: number, end: number): string => entry('F32', [(end - begin) / 4], [begin, end]);

describe('safetensors', () => {
  it('gives back what it wrote, in every dtype, with names and metadata', () => {
    const tensors = new Map<string, TensorData>([
      [
        '0.weight',
        { shape: [2, 2], dtype: 'f32', data: Float32Array.of(1.5, -0, Infinity, 1e-45) },
      ],
      ['ä "x"\\', { shape: [3], dtype: 'u8', data: Uint8Array.of(1, 2, 255) }],
      ['flags', { shape: [1], dtype: 'bool', data: Uint8Array.of(1) }],
      ['exact', { shape: [], dtype: 'f64', data: Float64Array.of(Math.PI) }],
      ['half', { shape: [2], dtype: 'f16', data: Float32Array.of(0.5, -65504) }],
      ['i', { shape: [1], dtype: 'i32', data: Int32Array.of(-5) }],
      ['u', { shape: [1], dtype: 'u32', data: Uint32Array.of(2 ** 32 - 1) }],
      ['empty', { shape: [0, 4], dtype: 'f32', data: new Float32Array(0) }],
    ]);
    const { tensors: back, metadata } = decode(encode(tensors, { made: 'here' }));
    expect(metadata).toEqual(new Map([['made', 'here']]));
    expect(new Map([...back].sort())).toEqual(new Map([...tensors].sort()));
  });

  it('reads a file that PyTorch wrote in layout: header, spaces, values', () => {
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},"w":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}   ';
    const bytes = file(header, 8);
    new DataView(bytes.buffer).setFloat32(8 + header.length, 2.5, true);
    bytes.set([0x80, 0x3f, 0x20, 0xc0], 12 + header.length);
    const { tensors } = decode(bytes);
    expect(Array.from(tensors.get('w')!.data)).toEqual([2.5]);
    expect(tensors.get('b')).toEqual({ shape: [2], dtype: 'f32', data: Float32Array.of(1, -2.5) });
  });

  it('starts wide values at multiples of their size', () => {
    const bytes = encode({
      a: { shape: [1], dtype: 'u8', data: Uint8Array.of(1) },
      b: { shape: [1], dtype: 'f64', data: Float64Array.of(1) },
    });
    const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(start % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, start))).toContain(
      '"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}',
    );
  });

  it('accepts a file without tensors', () => {
    expect(decode(file('{}')).tensors.size).toBe(0);
  });

  const bad: [string, Uint8Array][] = [
    ['an empty file', new Uint8Array(0)],
    ['seven bytes', new Uint8Array(7)],
    ['a header past the end', file('{}', 0, 3n)],
    ['a header of 2⁶³ bytes', file('{}', 0, 2n ** 63n)],
    ['a header that begins with a space', file(' {}')],
    ['a byte-order mark', file(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d))],
    ['bad UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))],
    ['cut JSON', file('{"a":')],
    ['text after the JSON', file('{} x')],
    ['a header of zero bytes', file('')],
    ['an array', file('[1]')],
    ['metadata of numbers', file('{"__metadata__":{"a":1}}')],
    ['an entry that is no object', file('{"a":1}')],
    ['an entry that is null', file('{"a":null}')],
    ['an empty entry', file('{"a":{}}')],
    ['no dtype', one(undefined, [1], [0, 4], 4)],
    ['an unknown dtype without a shape', one('XYZ', undefined, [0, 4], 4)],
    ['an unknown dtype with a size of text', one('XYZ', ['1'], [0, 4], 4)],
    [
      'an unknown dtype with sizes whose product overflows',
      one('XYZ', [2 ** 40, 2 ** 40], [0, 4], 4),
    ],
    ['an unknown dtype with one offset', one('XYZ', [1], [0], 4)],
    ['an unknown dtype with three offsets', one('XYZ', [1], [0, 4, 4], 4)],
    [
      'an unknown dtype that ends before it begins',
      file(`{"a":${f32(0, 4)},"b":${entry('XYZ', [1], [4, 0])}}`),
    ],
    ['an unknown dtype in a file that is cut', one('XYZ', [1], [0, 8], 4)],
    ['an unknown dtype with a tail', one('XYZ', [1], [0, 4], 5)],
    [
      'an unknown dtype over another tensor',
      file(`{"a":${f32(0, 8)},"b":${entry('XYZ', [1], [4, 12])}}`, 12),
    ],
    [
      'nine axes that are smaller than their range',
      one('F32', [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 8], 8),
    ],
    ['a dtype that is a list', one(['F32'], [1], [0, 4], 4)],
    ['64-bit integers in 32 bits', one('I64', [1], [0, 4], 4)],
    ['a range that is no tensor of an F8', one('F8_E4M3', [3], [0, 4], 4)],
    ['half a byte', one('F4', [3], [0, 2], 2)],
    [
      'a hole before what is skipped',
      file(`{"a":${f32(0, 4)},"b":${entry('C64', [1], [8, 16])}}`, 16),
    ],
    ['a file that is cut within what is skipped', one('F8_E5M2', [9], [0, 9], 8)],
    ['a name twice', file(`{"a":${f32(0, 4)},"a":${f32(0, 4)}}`, 4)],
    ['a name twice, once escaped', file(`{"a":${f32(0, 4)},"\\u0061":${f32(0, 4)}}`, 4)],
    ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}')],
    ['a name of metadata twice', file('{"__metadata__":{"a":"1","a":"2"}}')],
    [
      'two dtypes of one tensor',
      file('{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', 4),
    ],
    ['the name __proto__', file(`{"__proto__":${f32(0, 4)}}`, 4)],
    ['the name __proto__, escaped', file(`{"\\u005f_proto__":${f32(0, 4)}}`, 4)],
    ['metadata named __proto__', file('{"__metadata__":{"__proto__":"1"}}')],
    ['a name of half a character', file(`{"\\ud800":${f32(0, 4)}}`, 4)],
    ['metadata that are a list', file('{"__metadata__":["a"]}')],
    ['metadata that are a text', file('{"__metadata__":"a"}')],
    ['a size of −0', file('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}')],
    ['lists in lists without an end', file(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)],
    ['objects in objects without an end', file(`{"a":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}`)],
    ['a header above 100 MB', file(new Uint8Array(1e8 + 1).fill(32))],
    ['no shape', one('F32', undefined, [0, 4], 4)],
    ['a negative size', one('F32', [-1], [0, 4], 4)],
    ['a fractional size', one('F32', [0.5, 2], [0, 4], 4)],
    ['a size as text', one('F32', ['1'], [0, 4], 4)],
    ['an unsafe size', one('F32', [2 ** 53], [0, 4], 4)],
    ['sizes whose product overflows', one('F32', [2 ** 40, 2 ** 40], [0, 4], 4)],
    ['no offsets', one('F32', [1], undefined, 4)],
    ['one offset', one('F32', [1], [0], 4)],
    ['three offsets', one('F32', [1], [0, 4, 4], 4)],
    ['negative offsets', one('F32', [1], [-4, 0], 4)],
    ['fractional offsets', one('F32', [1], [0.5, 4.5], 5)],
    ['offsets as text', one('F32', [1], ['0', '4'], 4)],
    ['unsafe offsets', one('F32', [0], [2 ** 53, 2 ** 53], 4)],
    ['an end before the begin', one('F32', [1], [4, 0], 4)],
    ['an end past the file', one('F32', [2], [0, 8], 4)],
    ['a shape that is smaller than its range', one('F32', [1], [0, 8], 8)],
    ['a shape that is larger than its range', one('F32', [3], [0, 8], 8)],
    ['a hole at the start', one('F32', [1], [4, 8], 8)],
    ['a hole in the middle', file(`{"a":${f32(0, 4)},"b":${f32(8, 12)}}`, 12)],
    ['an overlap', file(`{"a":${f32(0, 8)},"b":${f32(4, 12)}}`, 12)],
    ['the same range twice', file(`{"a":${f32(0, 4)},"b":${f32(0, 4)}}`, 4)],
    ['a tail', one('F32', [1], [0, 4], 5)],
    ['values without tensors', file('{}', 4)],
  ];
  it.each(bad)('refuses %s', (_, bytes) => {
    expect(() => decode(bytes)).toThrow(FormatError);
  });

  it('takes a name in its text for a name in a header', () => {
    const name = '"a":{"a":1,"a":';
    const text = { [name]: '{"b":1,"b":2}', b: '\\"}{' };
    const { tensors, metadata } = decode(encode({ [name]: floats, 'c\\': floats }, text));
    expect([[...tensors.keys()], Object.fromEntries(metadata)]).toEqual([[name, 'c\\'], text]);
  });

  it('reads metadata of any length', () => {
    const text = JSON.stringify({ '"': '\\"'.repeat(2e6) });
    expect(decode(encode({}, { text })).metadata.get('text')).toBe(text);
  });

  it('keeps the order of tensors whose names are numbers', () => {
    const names = ['10', 'b', '2', 'a'];
    expect([
      ...decode(encode(new Map(names.map((name) => [name, floats])))).tensors.keys(),
    ]).toEqual(names);
  });
});

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
