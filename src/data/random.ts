import { pcg } from '../ops/random.js';

/** Numbers in [0, 1) from a seed and a place: the same on every machine. */
const uniformAt = (seed: number, stream: number, place: number): number =>
  pcg((place ^ pcg((stream + pcg(seed)) >>> 0)) >>> 0) * 2 ** -32;

/** The rows in an order that only their number, the seed and the stream (an epoch, say) decide. Fisher–Yates. */
export function shuffled(rows: Int32Array, seed: number, stream = 0): Int32Array {
  const order = rows.slice();
  for (let i = rows.length - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(seed, stream, i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** A source of numbers in [0, 1). */
export function uniforms(seed: number): () => number {
  let place = 0;
  return () => uniformAt(seed, 0, place++);
}

/** A source of normal numbers. */
export function normals(seed: number): () => number {
  const uniform = uniforms(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
