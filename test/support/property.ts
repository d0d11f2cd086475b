// Generated tests: one seed a run, shown in the titles; VITE_SEED=… gives another, VITE_GPU_GRAPHS=… more graphs.
import fc from 'fast-check';
import type { TensorData } from '../../src/core/dtype.js';
import { evaluate, ownValue } from '../../src/cpu/evaluate.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { input } from '../../src/ops/leaf.js';
import type { Sample } from './samples.js';

const { env = {} } = import.meta as { env?: { VITE_SEED?: string; VITE_GPU_GRAPHS?: string } };
export const seed = Number(env.VITE_SEED ?? 2026);
export const gpuGraphs = Number(env.VITE_GPU_GRAPHS ?? 12);

/** Holds `property` against generated cases; a failure prints the case, the seed and the path to it. */
export const forAll = <T>(
  cases: fc.Arbitrary<T>,
  runs: number,
  property: (value: T) => void,
): void => fc.assert(fc.property(cases, property), { seed, numRuns: runs });

export const forAllAsync = <T>(
  cases: fc.Arbitrary<T>,
  runs: number,
  property: (value: T) => Promise<void>,
): Promise<void> => fc.assert(fc.asyncProperty(cases, property), { seed, numRuns: runs });

/** A sample as a graph over inputs, with what to feed them. */
export function instantiate({ values, build }: Sample): {
  y: Tensor;
  inputs: Tensor[];
  feeds: Map<Tensor, TensorData>;
} {
  const inputs = values.map(({ shape, dtype }, i) => input(shape, { dtype, name: `x${i}` }));
  return { y: build(inputs), inputs, feeds: new Map(inputs.map((node, i) => [node, values[i]!])) };
}

/** Float64 values of nodes, from values for the inputs. */
export const valuesOf = (
  nodes: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, TensorData> = new Map(),
): TensorData[] => evaluate(nodes, (node) => feeds.get(node) ?? ownValue(node));

/** Sixteen small whole numbers. */
export const grid = (k: number): Float32Array =>
  Float32Array.from({ length: 16 }, (_, i) => (i * k) % 7);

/** The largest |a − b| / (1 + |b|); NaN where only one is NaN, infinity for other lengths. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) continue;
    const each = Math.abs(a[i]! - b[i]!) / (1 + Math.abs(b[i]!));
    most = Number.isNaN(each) ? Number.POSITIVE_INFINITY : Math.max(most, each);
  }
  return most;
}
