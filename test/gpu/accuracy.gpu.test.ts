// How near the functions of kernels are to the numbers that they stand for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { ulp } from '../../src/core/bounds.js';
import type { Engine } from '../../src/engine/engine.js';
import { cos, sin } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { openGpuEngine } from '../support/engine.js';
import { seed } from '../support/property.js';
import { uniforms } from '../support/samples.js';

let gpu: Engine;
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

/** Angles up to 2¹⁶ of all sizes, and the f32 numbers around multiples of π/2. */
const random = uniforms(seed);
const angles = Float32Array.from([
  ...Array.from({ length: 100_000 }, () => (random() < 0.5 ? -1 : 1) * 2 ** (36 * random() - 20)),
  ...Array.from({ length: 100_000 }, () => (2 * random() - 1) * 2 ** 16),
  ...Array.from({ length: 60_000 }, (_, k) => {
    const multiple = Math.fround((Math.floor(k / 3) * Math.PI) / 2); // to 31,416
    return multiple + ((k % 3) - 1) * ulp(multiple);
  }),
]);

describe('sin and cos to |x| = 2¹⁶', () => {
  const x = tensor(angles);
  const cases = [
    ['sin', sin(x), Math.sin],
    ['cos', cos(x), Math.cos],
    ['the slope of sin', grad(sum(sin(x)), x), Math.cos],
    ['the slope of cos', grad(sum(cos(x)), x), (a: number) => -Math.sin(a)],
  ] as const;
  it.each(cases)('%s is within 2 ulp, below 2⁻¹⁰ within 2⁻³³', async (_, y, exact) => {
    const { data } = await gpu.run(y);
    let worst = 0;
    angles.forEach((angle, i) => {
      const wanted = exact(angle);
      const allowed = Math.abs(wanted) >= 2 ** -10 ? 2 * ulp(wanted) : 2 ** -33;
      worst = Math.max(worst, Math.abs(data[i]! - wanted) / allowed);
    });
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('are within |x| 2⁻²² to 2²²', async () => {
    const large = angles.map(
      (angle) => (angle < 0 ? -1 : 1) * 2 ** (16 + (6 * Math.abs(angle)) / 2 ** 16),
    );
    const [sines, cosines] = await gpu.run([sin(tensor(large)), cos(tensor(large))]);
    let worst = 0;
    large.forEach((angle, i) => {
      const errors = [sines.data[i]! - Math.sin(angle), cosines.data[i]! - Math.cos(angle)].map(
        Math.abs,
      );
      worst = Math.max(worst, Math.max(...errors) / (Math.abs(angle) * 2 ** -22));
    });
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('stay within [−1, 1] beyond, and are NaN of ±∞', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => 2 ** (22 + i / 10));
    const far = await gpu.run([sin(tensor(values)), cos(tensor(values))]);
    for (const { data } of far)
      expect(Array.from(data).filter((y) => !(Math.abs(y) <= 1))).toEqual([]);
    const none = await gpu.run(sin(tensor([Infinity, -Infinity, Number.NaN])));
    expect([...none.data]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });
});
