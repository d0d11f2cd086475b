// The generator: the published words, no block twice, and statistics of what seeds, runs, draws and elements give.
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../src/core/errors.js';
import { SEQUENCE, SHUFFLE, threefry, uniformAt } from '../src/core/randomBits.js';
import { normals, shuffled, uniforms } from '../src/data/random.js';

const hex = (words: readonly number[]): string[] =>
  words.map((word) => word.toString(16).padStart(8, '0'));

describe('Threefry-2x32 of 20 rounds', () => {
  // Random123, kat_vectors: counter, key, words
  it.each([
    [
      [0, 0],
      [0, 0],
      ['6b200159', '99ba4efe'],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      ['1cb996fc', 'bb002be7'],
    ],
    [
      [0x243f6a88, 0x85a308d3],
      [0x13198a2e, 0x03707344],
      ['c4923a9c', '483df7a0'],
    ],
  ] as const)(
    'gives of counter %j and key %j the published words %j',
    ([c0, c1], [k0, k1], words) => {
      expect(hex(threefry(k0, k1, c0, c1))).toEqual(words);
    },
  );

  it('gives no block twice over seeds, draws, runs and elements', () => {
    const blocks: number[] = [];
    const add = (key0: number, key1: number, run: number): void => {
      for (let element = 0; element < 64; element++) {
        const [high, low] = threefry(key0, key1, element, run);
        blocks.push(high * 2 ** 21 + (low >>> 11)); // 53 of 64 bits: two in 10⁹ blocks may agree
      }
    };
    for (let i = 0; i < 8192; i++) add(i, 0, 0); // seeds
    for (let i = 0; i < 8192; i++) add(0, 7, i + 1); // runs
    for (let i = 1; i <= 8192; i++) add(3, 8 + i, 5); // draws
    for (let i = 0; i < 8192; i++) add(2 ** 32 - 1 - 2 ** 18 * i, i, 9); // runs' seeds
    const sorted = Float64Array.from(blocks).sort();
    expect(sorted.filter((block, i) => block === sorted[i - 1]).length).toBe(0);
  });
});

/** Words that only one of the four coordinates tells apart, in its order. */
const SIZE = 2 ** 16;
const words = (at: (i: number) => [number, number, number, number]): Uint32Array =>
  Uint32Array.from({ length: SIZE }, (_, i) => threefry(...at(i))[0]);
const coordinates: [string, Uint32Array][] = [
  ['elements', words((i) => [580, 0, i, 0])],
  ['elements of another seed', words((i) => [583, 0, i, 0])],
  ['seeds', words((i) => [i, 0, 0, 0])],
  ['draws', words((i) => [7, i, 0, 1])],
  ['runs', words((i) => [7, 1, 0, i + 1])],
  ['second words', Uint32Array.from({ length: SIZE }, (_, i) => threefry(1, 0, i, 0)[1])],
];

/** How many standard deviations a sum of so many independent terms is from its mean. */
const distance = (sum: number, mean: number, variance: number): number =>
  Math.abs(sum - mean) / Math.sqrt(variance);

describe.each(coordinates)('over %s', (_, data) => {
  const centred = Float64Array.from(data, (word) => (word + 0.5) * 2 ** -32 - 0.5);
  const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

  it('mean and variance are those of the uniform distribution', () => {
    expect(distance(total(centred), 0, SIZE / 12)).toBeLessThan(4);
    const squares = centred.map((x) => x * x);
    expect(distance(total(squares), SIZE / 12, SIZE / 180)).toBeLessThan(4);
  });

  it.each([0, 8, 16, 24])('bytes from bit %i are equally frequent', (bits) => {
    const counts = new Float64Array(256);
    for (const word of data) counts[(word >>> bits) & 255]!++;
    const expected = SIZE / 256;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(distance(chi, 255, 2 * 255)).toBeLessThan(4.5);
  });

  it.each([1, 2, 3, 4, 32, 256])('numbers %i apart are uncorrelated', (lag) => {
    const products = centred.subarray(lag).map((x, i) => x * centred[i]!);
    expect(distance(total(products), 0, products.length / 144)).toBeLessThan(4.5);
  });

  it('each bit differs between neighbours half of the time', () => {
    const flips = new Float64Array(32);
    for (let i = 1; i < SIZE; i++)
      for (let bit = 0; bit < 32; bit++) flips[bit]! += ((data[i]! ^ data[i - 1]!) >>> bit) & 1;
    for (const count of flips) expect(distance(count, (SIZE - 1) / 2, SIZE / 4)).toBeLessThan(4.5);
  });
});

it('seeds 580 and 583 share no more of 65,536 numbers than chance has it', () => {
  const [first, second] = [580, 583].map((seed) =>
    words((i) => [seed, 0, i, 0]).map((word) => word >>> 8),
  );
  const known = new Set(first);
  // 2¹⁶ · 2¹⁶ / 2²⁴
  expect(second!.filter((word) => known.has(word)).length).toBeLessThan(256 + 5 * 16);
});

describe('the host', () => {
  it('has numbers of its own for each seed, purpose and place, of 53 bits', () => {
    const [high, low] = threefry(4, SEQUENCE, 9, 0);
    expect(uniformAt(4, SEQUENCE, 9)).toBe(high / 2 ** 32 + (low >>> 11) / 2 ** 53);
    const all = [0, 1, 2].flatMap((seed) =>
      [SEQUENCE, SHUFFLE, SHUFFLE + 1].flatMap((purpose) =>
        [0, 1, 2].map((place) => uniformAt(seed, purpose, place)),
      ),
    );
    expect(new Set(all).size).toBe(27);
  });

  it('shuffles each order equally often', () => {
    const counts = new Map<string, number>();
    const runs = 24_000;
    for (let seed = 0; seed < runs / 4; seed++)
      for (let stream = 0; stream < 4; stream++) {
        const order = shuffled(Int32Array.of(0, 1, 2, 3), seed, stream).join('');
        counts.set(order, (counts.get(order) ?? 0) + 1);
      }
    expect(counts.size).toBe(24);
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(distance(chi, 23, 2 * 23)).toBeLessThan(4);
  });

  it('draws normal numbers', () => {
    const normal = normals(3);
    const values = Float64Array.from({ length: SIZE }, normal);
    const moment = (power: number): number => values.reduce((sum, x) => sum + x ** power, 0);
    expect(distance(moment(1), 0, SIZE)).toBeLessThan(4);
    expect(distance(moment(2), SIZE, 2 * SIZE)).toBeLessThan(4);
    expect(distance(moment(4), 3 * SIZE, 96 * SIZE)).toBeLessThan(4);
  });

  it.each([-1, 0.5, 2 ** 32, Number.NaN])('refuses seed %f', (seed) => {
    expect(() => shuffled(new Int32Array(3), seed)).toThrow(ShapeError);
    expect(() => uniforms(seed)).toThrow(/data: seed .* is not a whole number in \[0, 2³²\)/);
  });
});
