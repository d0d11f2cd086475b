import { afterAll, beforeAll, expect, it } from 'vitest';
import { hessian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu, sigmoid } from '../../src/ops/activation.js';
import { add, div, maximum, minimum, mul, square, sub } from '../../src/ops/arithmetic.js';
import { oneHot } from '../../src/ops/indexing.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { mean, sum } from '../../src/ops/reduce.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

it("gives seed 000's derivatives on the GPU", async () => {
  const x = tensor(3);
  const y = tensor(-4);
  const f = div(add(x, sigmoid(y)), add(square(x), y));
  const [dx, dy] = grad(f, [x, y]);
  const h = hessian(f, [x, y]);
  const values = await gpu.run({ f, dx: dx!, dy: dy!, h });
  expect(values.f.data[0]).toBeCloseTo(0.603597241992, 6);
  expect(values.dx.data[0]).toBeCloseTo(-0.524316690391, 6);
  expect(values.dy.data[0]).toBeCloseTo(-0.117186907156, 6);
  expect(values.h[0]![1]!.data[0]).toBeCloseTo(0.245487626665, 5);
});

function network(
  sizes: readonly number[],
  batch: number,
): { inputs: { x: Tensor; y: Tensor }; cost: Tensor; updates: [Tensor, Tensor][] } {
  const x = input([batch, sizes[0]!]);
  const y = input([batch], { dtype: 'i32' });
  const parameters: Tensor[] = [];
  let a: Tensor = x;
  sizes.slice(1).forEach((width, l) => {
    const w = parameter(random.normal([width, sizes[l]!], { seed: l + 1, deviation: 0.1 }));
    const b = parameter(random.uniform([width], { seed: 50 + l, low: -0.1, high: 0.1 }));
    parameters.push(w, b);
    const z = add(matmul(a, w, { transposeB: true }), b);
    a = l === sizes.length - 2 ? z : relu(z);
  });
  const cost = mean(softmaxCrossEntropy(a, oneHot(y, sizes.at(-1)!)));
  const gradients = grad(cost, parameters);
  return {
    inputs: { x, y },
    cost,
    updates: parameters.map((p, i) => [p, sub(p, mul(0.1, gradients[i]!))]),
  };
}

it('trains a small network as the reference does', async () => {
  const sizes = [20, 13, 7];
  const { inputs, cost, updates } = network(sizes, 6);
  const feeds = {
    x: Float32Array.from({ length: 120 }, (_, i) => Math.sin(i)),
    y: Int32Array.from([0, 1, 2, 3, 4, 6]),
  };
  const results: number[][] = [];
  for (const engine of [gpu, cpu]) {
    const step = engine.compile({ inputs, outputs: { cost }, updates });
    const costs: number[] = [];
    for (let i = 0; i < 5; i++) costs.push((await step(feeds)).cost.data[0]!);
    results.push(costs);
  }
  expect(worst(results[0]!, results[1]!)).toBeLessThan(1e-5);
  for (const [p] of updates) {
    const [a, b] = [await gpu.read(p), await cpu.read(p)];
    expect(worst(a.data, b.data)).toBeLessThan(1e-5);
  }
});

it('plans a whole step of case A in few dispatches and replays it without making anything', async () => {
  const { inputs, cost, updates } = network([784, 128, 10], 64);
  const engine = await openGpuEngine(); // its own: no other test's steps are collected meanwhile
  const step = engine.compile({ inputs, outputs: { cost }, updates });
  expect(step.plan.dispatches.length).toBeLessThanOrEqual(8);
  expect(step.plan.dispatchesUnfused).toBeGreaterThan(25);
  const feeds = {
    x: Float32Array.from({ length: 784 * 64 }, (_, i) => Math.sin(i)),
    y: new Int32Array(64),
  };
  await step(feeds);
  const before = engine.stats();
  for (let i = 0; i < 3; i++) await step.enqueue(feeds);
  await engine.finish();
  const after = engine.stats();
  expect(after.submits - before.submits).toBe(3);
  expect([after.liveBuffers, after.pipelines]).toEqual([before.liveBuffers, before.pipelines]);
  engine.dispose();
});

it('lets steps that upload and read nothing share submits, in order with all else', async () => {
  const engine = await openGpuEngine();
  const count = parameter([0], { name: 'count' });
  const step = engine.compile({ updates: [[count, add(count, 1)]] });
  const seen: number[] = [];
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 20; i++) await step.enqueue();
    seen.push((await engine.read(count)).data[0]!);
    await step.enqueue();
    await engine.write(count, [1000 * (round + 1)]);
  }
  expect(seen).toEqual([20, 1020, 2020, 3020, 4020, 5020, 6020, 7020]);
  const { submits } = engine.stats();
  expect(submits).toBeLessThan(8 * 21);
  await step.enqueue();
  await new Promise((resolve) => setTimeout(resolve, 50)); // nothing asks for it
  expect(engine.stats().submits).toBeGreaterThan(submits);
  await step.enqueue();
  step.release();
  expect([...(await engine.read(count)).data]).toEqual([8002]);
  engine.dispose();
});

it('keeps the plan of an equal graph with other data', async () => {
  const values = async (x: number) => (await gpu.run({ y: mul(tensor([x, 2 * x]), 3) })).y.data;
  expect([...(await values(1))]).toEqual([3, 6]);
  const { pipelines } = gpu.stats();
  expect([...(await values(5))]).toEqual([15, 30]);
  expect(gpu.stats().pipelines).toBe(pipelines);
});

it('gives the same bits on every run', async () => {
  const { inputs, cost, updates } = network([20, 13, 7], 6);
  const gradients = grad(
    cost,
    updates.map(([p]) => p),
  );
  const feeds = new Map<Tensor, Float32Array | Int32Array>([
    [inputs.x, Float32Array.from({ length: 120 }, (_, i) => Math.cos(i))],
    [inputs.y, Int32Array.from([0, 1, 2, 3, 4, 6])],
  ]);
  const first = await gpu.run(gradients, feeds);
  const second = await gpu.run(gradients, feeds);
  expect(second).toEqual(first);
});

it('sums over every axis', async () => {
  const x = tensor(
    Float32Array.from({ length: 5 * 600 }, (_, i) => i % 7),
    [5, 600],
  );
  const values = await gpu.run({
    all: sum(x),
    rows: sum(x, { axis: 1 }),
    columns: sum(x, { axis: 0 }),
  });
  const expected = await cpu.run({
    all: sum(x),
    rows: sum(x, { axis: 1 }),
    columns: sum(x, { axis: 0 }),
  });
  expect(values.all.data[0]).toBe(expected.all.data[0]);
  expect([...values.rows.data]).toEqual([...expected.rows.data]);
  expect([...values.columns.data]).toEqual([...expected.columns.data]);
});

it('takes the larger and the smaller of integers', async () => {
  const a = tensor(Int32Array.of(2139095041, -5, 7));
  const b = tensor(Int32Array.of(3, 4, 7));
  const values = await gpu.run({ high: maximum(a, b), low: minimum(a, b) });
  expect([...values.high.data]).toEqual([2139095041, 4, 7]);
  expect([...values.low.data]).toEqual([3, -5, 7]);
});
