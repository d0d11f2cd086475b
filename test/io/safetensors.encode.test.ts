// What encode writes, decode reads back; for everything else it throws FormatError and says what to do.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rangeOf, roundTo, type TensorData } from '../../src/core/dtype.js';
import { FormatError } from '../../src/core/errors.js';
import { halfToNumber } from '../../src/core/half.js';
import { sizeOf } from '../../src/core/shape.js';
import { tensor } from '../../src/index.common.js';
import { decode, encode } from '../../src/io/safetensors.js';
import { forAll } from '../support/property.js';

const value: TensorData = { shape: [2], dtype: 'f32', data: new Float32Array(2) };
const arrays = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

const shapes = fc
  .array(fc.integer({ min: 0, max: 4 }), { maxLength: 8 })
  .filter((shape) => sizeOf(shape) <= 64);
const numbersOf = (dtype: TensorData['dtype']): fc.Arbitrary<number> => {
  if (dtype === 'f64') return fc.double();
  if (dtype === 'f32') return fc.float();
  if (dtype === 'f16') return fc.integer({ min: 0, max: 0xffff }).map(halfToNumber);
  const [min, max] = rangeOf(dtype) as [number, number];
  return fc.integer({ min, max });
};
/** Values of any dtype and shape, in a view that may begin anywhere. */
const tensors = fc
  .tuple(fc.constantFrom(...(Object.keys(arrays) as (keyof typeof arrays)[])), shapes, fc.nat(3))
  .chain(([dtype, shape, skip]) => {
    const size = sizeOf(shape);
    return fc
      .array(numbersOf(dtype), { minLength: size, maxLength: size })
      .map((values): TensorData => {
        const data = new arrays[dtype](size + skip).subarray(skip);
        data.set(values);
        return { shape, dtype, data };
      });
  });
const names = fc
  .oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('toString', 'toJSON', '0', '1e3', 'constructor', ''),
  )
  .filter((name) => name !== '__proto__' && name !== '__metadata__');
const pairs = <T>(values: fc.Arbitrary<T>) =>
  fc.uniqueArray(fc.tuple(names, values), { selector: ([name]) => name, maxLength: 6 });

describe('what encode writes', () => {
  it('decode reads back, bit for bit', () => {
    forAll(
      fc.tuple(pairs(tensors), pairs(fc.string({ unit: 'binary' })), fc.boolean()),
      300,
      ([named, about, asMap]) => {
        const form = <T>(list: [string, T][]) => (asMap ? new Map(list) : Object.fromEntries(list));
        const back = decode(encode(form(named), form(about)));
        expect(back.skipped.size).toBe(0);
        expect(new Map([...back.metadata].sort())).toEqual(new Map(about.sort()));
        expect([...back.tensors.keys()].sort()).toEqual(named.map(([name]) => name).sort());
        for (const [name, { shape, dtype, data }] of named) {
          const read = back.tensors.get(name)!;
          expect([read.shape, read.dtype]).toEqual([shape, dtype]);
          expect(read.data).toEqual(data);
        }
      },
    );
  });

  it('or it throws FormatError, whatever it is given', () => {
    const anything = fc.anything({
      withTypedArray: true,
      withBigInt: true,
      withMap: true,
      withSet: true,
      withDate: true,
    });
    const likely = fc.record(
      {
        shape: fc.oneof(anything, shapes),
        dtype: fc.oneof(anything, fc.constantFrom(...Object.keys(arrays), 'i64', 'bf16')),
        data: fc.oneof(
          anything,
          fc.array(fc.oneof(fc.double(), anything)),
          fc.float32Array(),
          fc.int32Array(),
        ),
      },
      { requiredKeys: [] },
    );
    const entries = fc.dictionary(fc.string(), fc.oneof(anything, likely, tensors), { maxKeys: 3 });
    const calls = fc.tuple(
      fc.oneof(anything, entries),
      fc.oneof(anything, fc.dictionary(fc.string(), anything)),
    );
    let written = 0;
    forAll(calls, 2000, ([given, metadata]) => {
      let bytes: Uint8Array;
      try {
        bytes = encode(given as never, metadata as never);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        return;
      }
      written++;
      const back = decode(bytes);
      const count = given instanceof Map ? given.size : Object.keys(given as object).length;
      expect(back.tensors.size).toBe(count);
    });
    expect(written).toBeGreaterThan(20);
  });

  it('takes metadata as a Map, as decode gives them', () => {
    const metadata = new Map([['made', 'here']]);
    expect(decode(encode({ a: value }, metadata)).metadata).toEqual(metadata);
  });

  it('takes bits of f16 and lists of numbers', () => {
    const bits = { shape: [2], dtype: 'f16', data: Uint16Array.of(0x3c00, 0xc000) } as const;
    const list = { shape: [2], dtype: 'i32', data: [1, -2] } as never;
    const { tensors } = decode(encode({ bits, list }));
    expect(tensors.get('bits')!.data).toEqual(Float32Array.of(1, -2));
    expect(tensors.get('list')!.data).toEqual(Int32Array.of(1, -2));
  });
});

describe('encode refuses', () => {
  const of = (change: object): unknown => ({ a: { ...value, ...change } });
  const integers = (dtype: string, ...data: number[]) =>
    of({ dtype, shape: [data.length], data: Float64Array.from(data) });
  const cases: [string, unknown, unknown, RegExp][] = [
    [
      'nothing',
      undefined,
      {},
      /tensors is undefined; pass a Map or an object of \{ shape, dtype, data \}/,
    ],
    ['null', null, {}, /tensors is null/],
    ['a promise', Promise.resolve({}), {}, /tensors is a Promise/],
    ['a list', [value], {}, /tensors is an Array/],
    ['a set', new Set(), {}, /tensors is a Set/],
    [
      'a tensor that is missing',
      { a: undefined },
      {},
      /'a' is undefined; pass \{ shape, dtype, data \}/,
    ],
    ['a number for a tensor', { a: 3 }, {}, /'a' is 3/],
    ['a typed array for a tensor', { a: new Float32Array(2) }, {}, /'a' is a Float32Array; pass/],
    [
      'a tensor of a graph',
      { a: tensor([1]) },
      {},
      /'a' is a tensor, which holds no values; pass what engine.read/,
    ],
    ['no data', of({ data: undefined }), {}, /pass \{ shape, dtype, data \}/],
    ['a shape of another size', of({ shape: [3] }), {}, /do not fill \[3\]/],
    [
      'a shape that is a number',
      of({ shape: 2 }),
      {},
      /'a' has shape 2; give up to 8 whole numbers/,
    ],
    ['a shape of texts', of({ shape: ['2'] }), {}, /'a' has shape 2;/],
    ['a negative shape', of({ shape: [-1, -2] }), {}, /'a' has shape -1,-2/],
    ['nine axes', of({ shape: [2, 1, 1, 1, 1, 1, 1, 1, 1] }), {}, /up to 8/],
    [
      'a dtype that does not exist',
      of({ dtype: 'i64' }),
      {},
      /'a' has dtype i64; use f64, f32, f16, i32, u32, u8 or bool/,
    ],
    ['a dtype of Object.prototype', of({ dtype: 'toString' }), {}, /has dtype toString/],
    [
      '64-bit integers',
      of({ dtype: 'i32', data: new BigInt64Array(2) }),
      {},
      /has a BigInt64Array for i32 values/,
    ],
    ['bits of f16 as f32', of({ data: new Uint16Array(2) }), {}, /has a Uint16Array for f32/],
    ['a text for data', of({ data: 'ab' }), {}, /for f32 values; pass a Float32Array/],
    ['texts in data', of({ data: ['1', '2'] }), {}, /holds 1 at 0, which is no f32; correct it/],
    [
      'a bool of 2',
      integers('bool', 1, 2),
      {},
      /holds 2 at 1, which is no bool \(whole numbers from 0 to 1\)/,
    ],
    ['1.7 in i32', integers('i32', 1.7), {}, /holds 1.7 at 0, which is no i32/],
    ['NaN in i32', integers('i32', 0, Number.NaN), {}, /holds NaN at 1/],
    ['Infinity in u8', integers('u8', Number.POSITIVE_INFINITY), {}, /holds Infinity at 0/],
    ['2³¹ in i32', integers('i32', 2 ** 31), {}, /holds 2147483648/],
    ['−1 in u32', integers('u32', -1), {}, /holds -1 at 0/],
    ['256 in u8', integers('u8', 256), {}, /holds 256 at 0/],
    [
      '1e300 in f32',
      integers('f32', 1, 1e300),
      {},
      /holds 1e\+300 at 1, beyond the f32 range; give Infinity, or a wider/,
    ],
    ['−1e39 in f32', integers('f32', -1e39), {}, /holds -1e\+39 at 0, beyond the f32 range/],
    ['a list with 1e39', of({ data: [0, 1e39] }), {}, /holds 1e\+39 at 1, beyond the f32 range/],
    [
      '65520 in f16',
      of({ dtype: 'f16', data: Float32Array.of(65504, 65520) }),
      {},
      /holds 65520 at 1, beyond the f16/,
    ],
    [
      'metadata of numbers',
      { a: value },
      { epoch: 3 },
      /metadata 'epoch' is 3; make it text, with String/,
    ],
    [
      'metadata of numbers in a Map',
      { a: value },
      new Map([['epoch', 3]]),
      /metadata 'epoch' is 3/,
    ],
    ['metadata that are undefined', { a: value }, { a: undefined }, /metadata 'a' is undefined/],
    ['metadata that are objects', { a: value }, { a: { b: '1' } }, /metadata 'a' is an Object/],
    ['metadata that are null', { a: value }, null, /metadata is null/],
    ['metadata that are a text', { a: value }, 'made here', /metadata is made here/],
    ['metadata of half a character', { a: value }, { a: '\ud800' }, /metadata 'a' is no Unicode/],
    ['a name that is a number', new Map([[1, value]]), {}, /the name 1 is no text; rename it/],
    [
      'a name that is a symbol',
      new Map([[Symbol('s'), value]]),
      {},
      /the name Symbol\(s\) is no text/,
    ],
    ['the name __metadata__', { __metadata__: value }, {}, /cannot be named __metadata__/],
    [
      'the name __proto__',
      new Map([['__proto__', value]]),
      {},
      /the name __proto__ has a meaning of its own/,
    ],
    ['metadata named __proto__', { a: value }, new Map([['__proto__', '1']]), /the name __proto__/],
    ['a name of half a character', new Map([['\udfff', value]]), {}, /is no Unicode/],
  ];
  it.each(cases)('%s', (_, tensors, metadata, message) => {
    expect(() => encode(tensors as never, metadata as never)).toThrow(FormatError);
    expect(() => encode(tensors as never, metadata as never)).toThrow(message);
  });
});

it('encode makes no infinity of a number', () => {
  const numbers = fc.oneof(
    fc.double(),
    fc.constantFrom(65504, 65519, 65520, 3.4028235677973366e38, 3.4028235e38, 0),
  );
  forAll(
    fc.tuple(fc.constantFrom('f32', 'f16', 'f64'), fc.array(numbers, { maxLength: 4 })),
    500,
    ([dtype, list]) => {
      const given = { shape: [list.length], dtype: dtype as 'f32', data: Float64Array.from(list) };
      const rounded = list.map((each) => (dtype === 'f64' ? each : roundTo(dtype as 'f32', each)));
      const overflows = list.some(
        (each, i) => Number.isFinite(each) && !Number.isFinite(rounded[i]),
      );
      if (overflows) expect(() => encode({ given })).toThrow(FormatError);
      else expect([...decode(encode({ given })).tensors.get('given')!.data]).toEqual(rounded);
    },
  );
});
