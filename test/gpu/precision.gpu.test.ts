// Mixed precision: products read halves, the cost is scaled, and a step that overflows changes nothing but the scale.
import { describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { crossEntropy } from '../../src/loss.js';
import { dense, lstm, rnn, sequential } from '../../src/nn/index.js';
import { mul, square } from '../../src/ops/arithmetic.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { adam, sgd } from '../../src/optim/index.js';
import { openBackend, openCpuEngine, openGpuEngine } from '../support/engine.js';
import { forAllAsync, gpuGraphs } from '../support/property.js';
import { checkScaled, scaledCases } from '../support/scaled.js';

/** An engine that has f16; where the adapter lacks it, a step says so and there is none. */
async function open(crossCheck: 'off' | 'every' = 'off'): Promise<Engine | undefined> {
  const engine = new Engine(await openBackend(), { crossCheck });
  if (engine.info.features.includes('shader-f16')) return engine;
  const x = input([4, 4]);
  const compile = () => engine.compile({ inputs: { x }, outputs: matmul(x, x), precision: 'f16' });
  expect(compile).toThrow('this adapter has no shader-f16; use f32');
  engine.dispose();
  return undefined;
}

function network(sizes: readonly [number, number, number], batch: number) {
  const [inputs, hidden, classes] = sizes;
  const model = sequential(
    dense(inputs, hidden, { activation: 'relu', seed: 1 }),
    dense(hidden, hidden, { activation: 'gelu', seed: 2 }),
    dense(hidden, classes, { seed: 3 }),
  );
  const x = input([batch, inputs], { name: 'x' });
  const y = input([batch], { dtype: 'i32', name: 'y' });
  return { model, inputs: { x, y }, cost: crossEntropy(model.apply(x), y) };
}
const feedsFor = (batch: number, size: number, classes: number) => ({
  x: Float32Array.from({ length: batch * size }, (_, i) => Math.sin(i * i)),
  y: Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes),
});

describe('precision f16', () => {
  it('learns as f32 does, with half the bytes between products, and every kernel checked', async () => {
    const engine = await open('every');
    if (!engine) return;
    const { model, inputs, cost } = network([64, 96, 8], 32);
    const feeds = feedsFor(32, 64, 8);
    const optimizer = adam({ learningRate: 1e-2 });
    const definition = {
      inputs,
      outputs: { cost },
      updates: optimizer.updates(cost, model.parameters),
    };
    const half = engine.compile({ ...definition, precision: 'f16' });
    const costs: number[] = [];
    for (let step = 0; step < 20; step++) costs.push((await half(feeds)).cost.data[0]!);
    const reference = openCpuEngine();
    const exact = reference.compile(definition);
    const expected: number[] = [];
    for (let step = 0; step < 20; step++) expected.push((await exact(feeds)).cost.data[0]!);
    expect(Math.abs(costs[0]! - expected[0]!)).toBeLessThan(5e-3 * expected[0]!);
    expect(costs.at(-1)).toBeLessThan(0.05 * costs[0]!);
    expect(Math.abs(costs.at(-1)! - expected.at(-1)!)).toBeLessThan(0.02);
    expect(half.plan.dispatches.some(({ wgsl }) => wgsl.includes('array<vec4<f16>'))).toBe(true);
    engine.dispose();
  });

  /** w ← w − rate · dC/dw with C = factor · (x w)², where x = 1: the derivative that reaches the product is 2 factor w. */
  async function descend(
    start: number,
    factor: number,
    rate: number,
    steps: number,
  ): Promise<number[] | undefined> {
    const engine = await open();
    if (!engine) return undefined;
    const w = parameter([[start]], { name: 'w' });
    const x = input([1, 1]);
    const cost = mul(sum(square(matmul(x, w))), factor);
    const updates = sgd({ learningRate: rate }).updates(cost, [w]);
    const step = engine.compile({ inputs: { x }, updates, precision: 'f16' });
    const path: number[] = [];
    for (let i = 0; i < steps; i++) {
      await step.enqueue({ x: [[1]] });
      path.push((await engine.read(w)).data[0]!);
    }
    engine.dispose();
    return path;
  }

  it('keeps gradients that f16 would lose', async () => {
    const path = await descend(2 ** -10, 2 ** -16, 1, 1);
    if (path) expect(path).toEqual([2 ** -10 - 2 ** -25]);
  });

  it('skips steps that overflow, and halves the scale until they do not', async () => {
    // 20 · 2¹⁶ is above 65504, and so on down to 20 · 2¹¹
    const path = await descend(10, 1, 1 / 8, 6);
    if (path) expect(path).toEqual([10, 10, 10, 10, 10, 7.5]);
  });

  it('scales updates however they were made, and an unsound step changes nothing but the scale', async () => {
    const engine = await openGpuEngine();
    await forAllAsync(scaledCases, gpuGraphs, (given) => checkScaled(engine, given));
    engine.dispose();
  });

  it.each([
    ['rnn', rnn],
    ['lstm', lstm],
  ])('runs an %s, whose states are read as halves and as they are', async (_, make) => {
    const engine = await open('every');
    if (!engine) return;
    const model = sequential(make(8, 16, { outputs: 'last' }), dense(16, 4));
    const x = input([4, 6, 8], { name: 'x' });
    const y = input([4], { dtype: 'i32', name: 'y' });
    const cost = crossEntropy(model.apply(x), y);
    const updates = sgd({ learningRate: 0.1, momentum: 0.9 }).updates(cost, model.parameters);
    const step = engine.compile({ inputs: { x, y }, outputs: { cost }, updates, precision: 'f16' });
    const feeds = {
      x: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
      y: Int32Array.of(0, 1, 2, 3),
    };
    const costs: number[] = [];
    for (let i = 0; i < 8; i++) costs.push((await step(feeds)).cost.data[0]!);
    expect(costs.at(-1)).toBeLessThan(costs[0]!);
    engine.dispose();
  });
});
