import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/core/errors.js';
import { gunzip, idx, mnistFrom } from '../../src/data/idx.js';

/** An IDX file of `values` under a shape. */
function file(
  shape: readonly number[],
  values: readonly number[],
  magic = 0x800 + shape.length,
): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  shape.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size);
  });
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

describe('idx', () => {
  it('reads labels and images, also out of a larger buffer', () => {
    expect(idx(file([3], [7, 0, 9]))).toEqual({
      shape: [3],
      dtype: 'u8',
      data: Uint8Array.of(7, 0, 9),
    });
    const larger = new Uint8Array(100);
    larger.set(file([1, 2, 2], [1, 2, 3, 4]), 5);
    expect(idx(larger.subarray(5, 25))).toEqual({
      shape: [1, 2, 2],
      dtype: 'u8',
      data: Uint8Array.of(1, 2, 3, 4),
    });
  });

  it.each([
    ['nothing', new Uint8Array(0), /fewer than 4 bytes/],
    ['another magic number', file([1], [1], 0x802), /0x802/],
    ['floats', file([1], [1], 0xd01), /0xd01/],
    ['a header cut short', file([1, 2, 2], [1, 2, 3, 4]).subarray(0, 10), /header is cut short/],
    ['too few values', file([3], [1, 2]), /takes 3 bytes and 2 follow/],
    ['too many values', file([3], [1, 2, 3, 4]), /takes 3 bytes and 4 follow/],
    ['sizes beyond any file', file([2 ** 31, 2 ** 31, 2 ** 31], [1]), /follow the header/],
    ['gzip data', new Uint8Array(gzipSync(file([1], [1]))), /gunzip/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => idx(bytes)).toThrow(FormatError);
    expect(() => idx(bytes)).toThrow(message);
  });
});

describe('gunzip', () => {
  const plain = Uint8Array.from({ length: 5000 }, (_, i) => i % 7);
  it('inflates gzip data and copies other bytes', async () => {
    expect(await gunzip(new Uint8Array(gzipSync(plain)))).toEqual(plain);
    expect(await gunzip(plain)).toEqual(plain);
    expect(await gunzip(plain)).not.toBe(plain);
  });
  it('refuses damaged and cut data', async () => {
    const packed = new Uint8Array(gzipSync(plain));
    await expect(gunzip(packed.subarray(0, packed.length - 9))).rejects.toThrow(FormatError);
    await expect(gunzip(packed.map((byte, i) => (i === 15 ? byte ^ 255 : byte)))).rejects.toThrow(
      FormatError,
    );
  });
});

describe('mnist', () => {
  const images = file([2, 2, 3], [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]);
  const good: Record<string, Uint8Array> = {
    'train-images-idx3-ubyte': new Uint8Array(gzipSync(images)),
    'train-labels-idx1-ubyte': file([2], [3, 9]),
    't10k-images-idx3-ubyte': images,
    't10k-labels-idx1-ubyte': file([2], [0, 1]),
  };
  const load = (changes: Record<string, Uint8Array> = {}) =>
    mnistFrom(async (name) => ({ ...good, ...changes })[name]!);

  it('gives rows of bytes with scale 1/255 and class numbers', async () => {
    const { train, test } = await load();
    expect([train.length, test.length]).toEqual([2, 2]);
    const [batch] = [...train.batches(2)];
    expect(batch!.inputs.shape).toEqual([2, 6]);
    expect(Array.from(batch!.inputs.data.slice(0, 6))).toEqual(
      [0, 0.2, 0.4, 0.6, 0.8, 1].map(Math.fround),
    );
    expect(batch!.labels).toEqual({ shape: [2], dtype: 'i32', data: Int32Array.of(3, 9) });
  });

  it.each([
    ['fewer labels than images', { 'train-labels-idx1-ubyte': file([1], [3]) }, /do not fit/],
    ['labels in place of images', { 't10k-images-idx3-ubyte': file([2], [3, 3]) }, /do not fit/],
    [
      'a web page',
      { 't10k-labels-idx1-ubyte': new TextEncoder().encode('<!doctype') },
      /t10k-labels.*0x3c21646f/,
    ],
  ])('refuses %s', async (_, changes, message) => {
    await expect(load(changes)).rejects.toThrow(FormatError);
    await expect(load(changes)).rejects.toThrow(message);
  });
});
