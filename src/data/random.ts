// Seeded random numbers on the host: shuffled orders, uniform and normal numbers.
import { checkSeed, SEQUENCE, SHUFFLE, uniformAt } from '../core/randomBits.js';

/**
 * Returns the rows in an order that depends only on their number, the seed and the stream, such as an epoch (Fisher–Yates).
 * Throws ShapeError for a seed that is not a whole number in [0, 2³²).
 */
export function shuffled(rows: Int32Array, seed: number, stream = 0): Int32Array {
  const purpose = SHUFFLE + stream;
  checkSeed('shuffle', seed);
  const order = rows.slice();
  for (let i = rows.length - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(seed, purpose, i) * (i + 1));
    const row = order[i]!;
    order[i] = order[j]!;
    order[j] = row;
  }
  return order;
}

/** Returns a generator of numbers in [0, 1). Throws ShapeError for a seed that is not a whole number in [0, 2³²). */
export function uniforms(seed: number): () => number {
  checkSeed('data', seed);
  let place = 0;
  return () => uniformAt(seed, SEQUENCE, place++);
}

/** Returns a generator of N(0, 1) numbers (Box–Muller). */
export function normals(seed: number): () => number {
  const uniform = uniforms(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  };
}
