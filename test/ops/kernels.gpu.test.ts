// Every op of the table on the GPU: generated calls and their gradients, each kernel against its float64 reference.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { combine } from '../support/combine.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { table } from '../support/ops.js';
import { seed } from '../support/property.js';

const RUNS = 3;
let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => {
  gpu.dispose();
});

describe(`kernels of generated calls (seed ${seed})`, () => {
  it.each(table)('$name', async ({ samples, differentiable }) => {
    const { tree, feeds } = combine(
      fc.sample(samples(300), { seed, numRuns: RUNS }),
      differentiable,
    );
    const report = await gpu.verify(tree, feeds);
    const failed = report.checks.filter(({ worst }) => !(worst.ratio <= 1));
    expect(failed).toEqual([]);
    // the whole graph too: shapes and values in place, not only each kernel by itself
    const [values, expected] = [await gpu.run(tree, feeds), await cpu.run(tree, feeds)];
    values.forEach((value, i) => {
      expect(value.shape).toEqual(expected[i]!.shape);
      const { data } = expected[i]!;
      const scale = Array.from(data).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      Array.from(value.data).forEach((x, at) => {
        if (!(Math.abs(x - data[at]!) <= 2e-3 * scale)) expect(x).toBe(data[at]);
      });
    });
  });
});
