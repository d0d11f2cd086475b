// Published numbers against an engine's: to 1e-11 in float64, to 1e-6 on a GPU.
import { expect } from 'vitest';
import type { TensorData } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';

export type Open = () => Promise<Engine>;

/** Holds each number to the published one, relative to its size where that is above 1. */
export function expectNear(engine: Engine, actual: TensorData, expected: readonly number[]): void {
  const tolerance = engine.info.backend === 'cpu' ? 1e-11 : 1e-6;
  expect(actual.data.length).toBe(expected.length);
  expected.forEach((number, i) => {
    const difference = Math.abs(actual.data[i]! - number) / Math.max(1, Math.abs(number));
    expect(difference, `element ${i}: ${actual.data[i]} against ${number}`).toBeLessThanOrEqual(
      tolerance,
    );
  });
}
