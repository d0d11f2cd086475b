import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/core/dtype.js';
import { FormatError } from '../../src/core/errors.js';
import { decode, encode } from '../../src/io/safetensors.js';
import { entry, f32, file, one } from '../support/safetensors.js';

const floats: TensorData = { shape: [2], dtype: 'f32', data: new Float32Array(2) };

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
