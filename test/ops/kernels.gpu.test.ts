// Every op of the table on the GPU: generated calls and their gradients, each kernel against its float64 reference.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { isFloat, type TensorData } from '../../src/dtype.js';
import type { Engine } from '../../src/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { tensor } from '../../src/ops/leaf.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { table } from '../support/ops.js';
import { instantiate, seed } from '../support/property.js';
import { floats, type Sample } from '../support/samples.js';

const RUNS = 3;
let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => {
  gpu.dispose();
  expect(gpu.stats().liveBuffers).toBe(0);
});

/** Outputs and gradients of some samples as one graph, so that their kernels compile together. */
function combine(
  samples: readonly Sample[],
  differentiable: boolean,
): { tree: Tensor[]; feeds: Map<Tensor, TensorData> } {
  const tree: Tensor[] = [];
  const feeds = new Map<Tensor, TensorData>();
  for (const sample of samples) {
    const { y, inputs, feeds: values } = instantiate(sample);
    for (const [node, value] of values) feeds.set(node, value);
    tree.push(y);
    const xs = inputs.filter(({ dtype }) => isFloat(dtype));
    if (differentiable && isFloat(y.dtype) && xs.length > 0)
      tree.push(...grad(y, xs, { cotangent: tensor(floats(1, y.shape)) }));
  }
  return { tree, feeds };
}

describe(`kernels of generated calls (seed ${seed})`, () => {
  it.each(table)('$name', async ({ samples, differentiable }) => {
    const { tree, feeds } = combine(fc.sample(samples(300), { seed, numRuns: RUNS }), differentiable);
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
        if (Math.abs(x - data[at]!) > 2e-3 * scale) expect(x).toBe(data[at]);
      });
    });
  });
});
