// Batch normalisation on the GPU: PyTorch's numbers, running statistics in fit, checkpoints, half precision.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moons } from '../../src/data/points.js';
import type { Engine } from '../../src/engine/engine.js';
import {
  checkpoint,
  dataset,
  evaluate,
  type FitOptions,
  fit,
  loss,
  nn,
  optim,
  relu,
  type StepReport,
} from '../../src/index.common.js';
import { cases, type Expected, threeSteps, wave } from '../support/batchNorm.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { distance } from '../support/property.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openGpuEngine();
});
afterAll(() => engine.dispose());

/** Without biases before the norm: their gradients are 0 but for rounding, of which Adam makes whole steps. */
const dense = (): nn.Module => {
  const bare = (inputs: number) => nn.dense(inputs, 8, { bias: false });
  const norms = [nn.batchNorm1d(8), nn.batchNorm1d(8, { momentum: null })] as const;
  return nn.sequential([bare(2), norms[0], relu, bare(8), norms[1], relu, nn.dense(8, 2)], {
    seed: 4,
  });
};
/** A step of 4 examples at the end of each epoch. */
const settings = (model = dense()): FitOptions => ({
  ...{ model, loss: loss.crossEntropy, optimizer: optim.adam({ learningRate: 0.02 }) },
  ...{ data: moons({ examples: 100, seed: 1 }), epochs: 4, batchSize: 32, seed: 8 },
});
const state = (on: Engine, { model }: FitOptions): Promise<number[][]> =>
  Promise.all(
    [...(model as nn.Module).state().values()].map(async (each) =>
      Array.from((await on.read(each)).data),
    ),
  );

describe('three steps give what PyTorch gives', () => {
  it.each(Object.entries(cases))('%s', async (_, each) => {
    const given = await threeSteps(engine, each);
    for (const [name, expected] of Object.entries(each.expected))
      expect(distance(given[name as keyof Expected]!, expected), name).toBeLessThan(2e-5);
  });
});

describe('batch normalisation in fit', () => {
  it('agrees with float64, running statistics and what evaluate makes of them too', async () => {
    const options = settings();
    const cpu = openCpuEngine();
    const [here, there] = [await fit(engine, options), await fit(cpu, options)];
    expect(here!.cost).toBeCloseTo(there!.cost, 3);
    const buffers = (options.model as nn.Module).buffers;
    const counts = buffers.filter(({ dtype }) => dtype === 'i32');
    for (const each of counts) expect((await engine.read(each)).data[0]).toBe(16);
    for (const each of buffers)
      expect(
        distance((await engine.read(each)).data, (await cpu.read(each)).data),
        each.name,
      ).toBeLessThan(2e-3);
    const before = await state(engine, options);
    expect((await evaluate(engine, options)).cost).toBeCloseTo(
      (await evaluate(cpu, options)).cost,
      3,
    );
    expect(await state(engine, options)).toEqual(before);
  });

  it('goes on bit for bit from a checkpoint', async () => {
    const whole = await openGpuEngine();
    const options = settings();
    await fit(whole, options);
    const first = await openGpuEngine();
    const controller = new AbortController();
    const onStep = ({ step }: StepReport): void => {
      if (step === 6) controller.abort();
    };
    const before = settings();
    const run = fit(first, { ...before, onStep, reportEvery: 1, signal: controller.signal });
    await run;
    const file = await checkpoint.save(first, { ...before, progress: run.progress });
    const second = await openGpuEngine();
    const after = settings();
    const { progress } = await checkpoint.load(second, file, after);
    await fit(second, { ...after, resume: progress! });
    expect(await state(second, after)).toEqual(await state(whole, options));
    for (const each of [whole, first, second]) each.dispose();
  });

  it('passes the cross-check of every kernel, in a convolutional network', async () => {
    const model = nn.sequential(
      nn.conv2d(1, 2, 3),
      nn.batchNorm2d(2),
      relu,
      nn.flatten(),
      nn.dense(2 * 4 * 4, 2),
    );
    const x = { shape: [6, 1, 6, 6], dtype: 'f32', data: wave([6, 1, 6, 6], 0.7) } as const;
    const own = await openGpuEngine();
    own.crossCheck = 'every';
    const options = {
      ...settings(model),
      data: dataset(x, [0, 1, 0, 1, 1, 0]),
      batchSize: 4,
      epochs: 1,
    };
    expect((await fit(own, options))!.cost).toBeGreaterThan(0);
    await own.finish();
    const count = model.buffers.at(-1)!;
    expect((await own.read(count)).data[0]).toBe(2);
    own.dispose();
  });

  it('learns in mixed precision about as in single, or says that the adapter has none', async () => {
    const mixed = async (on: Engine): Promise<number> =>
      (await fit(on, { ...settings(), precision: 'f16' }))!.cost;
    if (!engine.info.features.includes('shader-f16'))
      return expect(mixed(engine)).rejects.toThrow('this adapter has no shader-f16; use f32');
    const options = { ...settings(), precision: 'f16' } as const;
    const last = await fit(engine, options);
    const single = await fit(engine, settings());
    expect(Math.abs(last!.cost - single!.cost)).toBeLessThan(0.05);
    const counts = (options.model as nn.Module).buffers.filter(({ dtype }) => dtype === 'i32');
    for (const each of counts) expect((await engine.read(each)).data[0]).toBe(16);
  });
});
