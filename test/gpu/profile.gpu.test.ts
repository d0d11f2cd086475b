// Times of kernels by timestamps.
import { expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { chromeTrace } from '../../src/graph/backend.js';
import { parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { openBackend } from '../support/engine.js';

it('each kernel has its calls, its time, its arithmetic and its bytes', async () => {
  const engine = new Engine(await openBackend({ profile: true }));
  const a = parameter({ shape: [96, 64], dtype: 'f32', data: new Float32Array(96 * 64).fill(0.5) });
  const b = tensor(
    Array.from({ length: 64 * 32 }, (_, i) => i % 7),
    [64, 32],
  );
  const step = engine.compile({ outputs: { total: sum(matmul(a, b)) } });
  for (let i = 0; i < 3; i++) await step();
  const { value } = await step().then(({ total }) => ({ value: total.data[0] }));
  const profile = await engine.profile();
  const { kernels, peaks, events } = profile;
  expect(kernels.map(({ calls }) => calls)).toEqual(step.plan.dispatches.map(() => 4));
  const product = kernels.find(({ ops }) => ops.includes('matmul'))!;
  expect(product.flops).toBe(2 * 96 * 64 * 32);
  expect(product.bytes).toBe(4 * (96 * 64 + 64 * 32 + 96 * 32));
  expect(kernels.reduce((all, { share }) => all + share, 0)).toBeCloseTo(
    profile.milliseconds > 0 ? 1 : 0,
    6,
  );
  expect(Math.min(peaks.flopsPerSecond, peaks.bytesPerSecond)).toBeGreaterThan(1e6);
  expect(events).toHaveLength(4 * step.plan.dispatches.length);
  expect(chromeTrace(profile).traceEvents[0]).toMatchObject({
    name: events[0]!.kernel,
    ph: 'X',
    ts: 0,
  });
  engine.dispose();

  const plain = new Engine(await openBackend());
  expect((await plain.run(sum(matmul(a, b)))).data[0]).toBe(value); // the same bits
  await expect(plain.profile()).rejects.toThrow('open it with { profile: true }');
  plain.dispose();
});
