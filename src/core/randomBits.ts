// Random bits on the host; shaders/random.wgsl computes the same.
//
// The generator is Threefry-2x32 of 20 rounds: a bijection of 64-bit counters for each 64-bit key. An element takes a block
// of its own, of which a uniform number uses one word and a normal one both. Per block that is 20 rounds of 5 instructions
// (a rotation counts 3) and 18 for the key: about 120. Philox-4x32-10 needs the upper half of 32-bit products, which WGSL
// does not have: 14 instructions each, 20 times, about 360 a block. Its four words would make up for that only where four
// elements shared a block.
//
//              key                            counter
// seeded       seed, 0                        element, 0
// host         seed, purpose ≥ 1              place, 0
// fresh        the run's seed, the draw       element, 1 + run count
//
// All are whole numbers below 2³²; the draw is its number in the step, or the seed that was given for it. No two rows share
// an input, so that no two numbers come from the same block: not of two seeds, elements, runs (2³² − 1 of them) or draws.
// In runs on many machines an element is to be counted over the global batch: add the elements of the examples before.
import { inCode } from './bytes.js';
import { ShapeError } from './errors.js';

/** Bits by which rounds rotate: those of the first four, then of the next four, then from the start again. */
const ODD_ROUNDS = [13, 15, 26, 6];
const EVEN_ROUNDS = [17, 29, 16, 24];

/** Threefry-2x32 of 20 rounds (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"): two words of 32 bits. */
export function threefry(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
): [number, number] {
  // the three words of the key take turns: after each four rounds the next two are added
  let used = key0;
  let first = key1;
  let second = key0 ^ key1 ^ 0x1bd11bda;
  let x = (counter0 + key0) | 0;
  let y = (counter1 + key1) | 0;
  for (let part = 1; part <= 5; part++) {
    for (const bits of part % 2 === 1 ? ODD_ROUNDS : EVEN_ROUNDS) {
      x = (x + y) | 0;
      y = x ^ ((y << bits) | (y >>> (32 - bits)));
    }
    x = (x + first) | 0;
    y = (y + second + part) | 0;
    const next = used;
    used = first;
    first = second;
    second = next;
  }
  return [x >>> 0, y >>> 0];
}

/** The two words of an element's block. */
export type Words = readonly [number, number];

/** A uniform number in [0, 1), a multiple of 2⁻²⁴. */
export const uniformOf = ([word]: Words): number => (word >>> 8) * 2 ** -24;

/** N(0, 1) by Box–Muller, as in shaders/random.wgsl; cos 2πv = sin 2π(|v − ½| − ¼), which is exact where either is 0. */
export function normalOf([first, second]: Words): number {
  const u = 1 - (first >>> 8) * 2 ** -24;
  const v = (second >>> 8) * 2 ** -24;
  return Math.sqrt(-2 * Math.log(u)) * Math.sin(2 * Math.PI * (Math.abs(v - 0.5) - 0.25));
}

// What numbers of the host are for: each purpose has numbers of its own.
/** A sequence, one after the other. */
export const SEQUENCE = 1;
/** Rows that a cross-check looks at. */
export const SAMPLE = 2;
/** A shuffle's purpose is this + its stream (an epoch, say). */
export const SHUFFLE = 2 ** 16;

/** A number in [0, 1), a multiple of 2⁻⁵³, from a seed, a purpose and a place. */
export function uniformAt(seed: number, purpose: number, place: number): number {
  const [high, low] = threefry(seed, purpose, place, 0);
  return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
}

/** The seed; throws ShapeError unless it is a whole number in [0, 2³²). */
export function checkSeed(op: string, seed: number): number {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw new ShapeError(`${op}: seed ${inCode(seed)} is not a whole number in [0, 2³²); give one`);
}
