// What lies in buffers: dtypes, limits, and how memory is given back.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { DType } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { tanh } from '../../src/ops/activation.js';
import { add, exp, mul, sin, square } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { gather } from '../../src/ops/indexing.js';
import { input, parameter, tensor, zeros } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { forcedClass, openGpuEngine } from '../support/engine.js';

let engine: Engine;
beforeEach(async () => {
  engine = await openGpuEngine();
});
afterEach(() => engine.dispose());

it.for<[DType, number[]]>([
  ['f32', [1.5, -2, 3]],
  ['i32', [-7, 0, 2_000_000_000]],
  ['u32', [0, 5, 4_000_000_000]],
  ['bool', [1, 0, 1]],
  ['u8', [255, 0, 7]],
])('%s values come back as they went in', async ([dtype, values]) => {
  const c = tensor(values, [3], { dtype });
  if (dtype !== 'bool' && dtype !== 'u8')
    expect([...(await engine.read(parameter(c))).data]).toEqual(values);
  expect([...(await engine.run(c)).data]).toEqual(values);
  expect([...(await engine.run(cast(c, 'f32'))).data]).toEqual(values.map(Math.fround));
});

it('f16 is stored in half the bytes, or refused where the adapter has none', async () => {
  const half = tensor([1.5, -0.25, 1000.4], [3], { dtype: 'f16' });
  const run = engine.run({ half, wide: cast(half, 'f32'), sum: add(half, half) });
  if (!engine.info.features.includes('shader-f16'))
    return expect(run).rejects.toThrow(/no shader-f16; use f32/);
  const { wide, sum, half: same } = await run;
  expect([...same.data]).toEqual([1.5, -0.25, 1000.5]);
  expect([...wide.data]).toEqual([1.5, -0.25, 1000.5]);
  expect([...sum.data]).toEqual([3, -0.5, 2001]);
});

it('u8 is unpacked by gather and cast, and made by no kernel', async () => {
  const bytes = tensor([10, 20, 30, 40, 50, 60], [3, 2], { dtype: 'u8' });
  const rows = gather(cast(bytes, 'f32'), tensor([2, 0], [2], { dtype: 'i32' }));
  expect([...(await engine.run(rows)).data]).toEqual([50, 60, 10, 20]);
  await expect(engine.run(slice(bytes, [1]))).rejects.toThrow('slice [2, 2]: u8 is storage only');
});

it('a result above the binding limit is refused before the GPU sees it', async () => {
  const limit = engine.info.limits.maxStorageBufferBindingSize!;
  const x = input([1, 1024]);
  const size = Math.floor(limit / 4096) + 1;
  expect(() => engine.compile({ inputs: { x }, outputs: mul(x, zeros([size, 1024])) })).toThrow(
    /takes \d+ bytes, above this adapter's binding limit of \d+; use a smaller batch/,
  );
});

it('a step goes on after an error of other work', async () => {
  const p = parameter(0);
  const step = engine.compile({ outputs: { twice: mul(p, 2) }, updates: [[p, add(p, 1)]] });
  await step();
  const call = step();
  const device = engine.gpu!.device as GPUDevice;
  device.onuncapturederror!({ error: { message: 'planted' } } as GPUUncapturedErrorEvent);
  await expect(call).rejects.toThrow(/WebGPU: planted/);
  for (let i = 0; i < 3; i++) expect((await step()).twice.data[0]).toBe(2 * (i + 2));
});

it('disposal in the middle of work frees everything and says so', async () => {
  const step = engine.compile({ outputs: add(parameter([1, 2]), 1) });
  const warm = engine.warmUp(step);
  const call = step();
  engine.dispose();
  const outcomes = await Promise.allSettled([warm, call, engine.finish()]);
  for (const outcome of outcomes.filter(({ status }) => status === 'rejected'))
    expect(String((outcome as PromiseRejectedResult).reason)).toMatch(
      /NablaError: engine: it is disposed/,
    );
  expect(outcomes[1]!.status).toBe('rejected');
  expect(engine.stats().liveBuffers).toBe(0);
});

it('recomputing elementwise values takes fewer bytes and gives the same bits', async () => {
  const x = input([64, 64], { name: 'x' });
  let h: Tensor = x;
  for (let i = 0; i < 3; i++) h = tanh(exp(mul(sin(h), 0.5)));
  const cost = sum(square(h));
  const outputs = { cost, slope: grad(cost, x) };
  const feeds = { x: Float32Array.from({ length: 4096 }, (_, i) => Math.cos(i)) };
  const [stored, again] = [false, true].map((recompute) =>
    engine.compile({ inputs: { x }, outputs, recompute }),
  );
  // a row kernel has no buffer for what it alone reads
  if ((await forcedClass()) === 'gpu') expect(again!.plan.bytes).toBe(stored!.plan.bytes);
  else expect(again!.plan.bytes).toBeLessThan(stored!.plan.bytes);
  expect(await again!(feeds)).toEqual(await stored!(feeds));
});
