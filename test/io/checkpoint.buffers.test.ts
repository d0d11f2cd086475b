// Buffers in checkpoints: running statistics are saved under PyTorch's names, and a run goes on from them bit for bit.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import {
  checkpoint,
  data,
  type FitOptions,
  fit,
  loss,
  nn,
  optim,
  parameter,
  relu,
  type StepReport,
  safetensors,
  type TensorData,
} from '../../src/index.node.js';
import { openCpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';

const build = (momentum: number | null = 0.1): nn.Module =>
  nn.sequential(
    [
      nn.dense(2, 4),
      nn.batchNorm1d(4, { momentum }),
      relu,
      nn.dense(4, 4),
      nn.batchNorm1d(4, { affine: false }),
      nn.dense(4, 2),
    ],
    { seed: 4 },
  );
const settings = (model = build(), precision: 'f32' | 'f16' = 'f32'): FitOptions => ({
  ...{ model, precision, loss: loss.crossEntropy, optimizer: optim.adam({ learningRate: 0.05 }) },
  ...{ data: data.moons({ examples: 22 }), epochs: 3, batchSize: 5, seed: 8 },
});

/** Trains, as far as `steps` at most; gives the costs of the steps and where the run stands. */
async function train(engine: Engine, options: FitOptions, steps = Infinity) {
  const controller = new AbortController();
  const costs: number[] = [];
  const onStep = ({ step, cost }: StepReport): void => {
    costs.push(cost);
    if (step === steps) controller.abort();
  };
  const run = fit(engine, { ...options, onStep, reportEvery: 1, signal: controller.signal });
  await run;
  return { costs, progress: run.progress };
}
const valuesOf = (engine: Engine, model: nn.Layer): Promise<unknown[]> =>
  Promise.all(
    [...(model as nn.Module).state().values()].map(async (each) => (await engine.read(each)).data),
  );

describe('a checkpoint of a model with buffers', () => {
  it('lets another process go on bit for bit, wherever the run stopped', async () => {
    const cases = fc.record({
      stop: fc.integer({ min: 1, max: 14 }),
      momentum: fc.constantFrom(0.1, 0.5, null),
      precision: fc.constantFrom('f32' as const, 'f16' as const),
    });
    await forAllAsync(cases, 8, async ({ stop, momentum, precision }) => {
      const whole = settings(build(momentum), precision);
      const reference = openCpuEngine();
      const expected = await train(reference, whole);
      const before = settings(build(momentum), precision);
      const first = openCpuEngine();
      const part = await train(first, before, stop);
      const file = await checkpoint.save(first, { ...before, progress: part.progress });
      const after = settings(build(momentum), precision);
      const second = openCpuEngine();
      const { progress } = await checkpoint.load(second, file, after);
      const rest = await train(second, { ...after, resume: progress! });
      const done = part.costs.slice(0, part.progress.step);
      expect([...done, ...rest.costs]).toEqual(expected.costs);
      expect(await valuesOf(second, after.model)).toEqual(await valuesOf(reference, whole.model));
    });
  });

  it("holds running statistics under PyTorch's names, the count as whole number", async () => {
    const engine = openCpuEngine();
    const options = settings();
    await train(engine, options);
    const { tensors } = safetensors.decode(await checkpoint.save(engine, { model: options.model }));
    expect([...tensors.keys()].sort()).toEqual([...build().state().keys()].sort());
    expect(tensors.get('1.num_batches_tracked')).toEqual({
      shape: [],
      dtype: 'i32',
      data: Int32Array.of(15),
    });
    expect(tensors.get('4.running_var')!.data.some((value) => value !== 1)).toBe(true);
  });

  it('of a model of a user is saved too, by the names of its own tensors', async () => {
    const model = {
      parameters: [parameter([1], { name: 'w' })],
      buffers: [parameter([2], { name: 'average' }), parameter(3)],
    };
    const engine = openCpuEngine();
    const file = await checkpoint.save(engine, { model });
    expect([...safetensors.decode(file).tensors.keys()].sort()).toEqual([
      'average',
      'buffer1',
      'w',
    ]);
    await engine.write(model.buffers[0]!, [9]);
    await checkpoint.load(engine, file, { model });
    expect(Array.from((await engine.read(model.buffers[0]!)).data)).toEqual([2]);
  });

  it('writes nothing where a count is no whole number, or running statistics have no place', async () => {
    const engine = openCpuEngine();
    const model = nn.sequential(nn.batchNorm1d(1));
    const { tensors } = safetensors.decode(await checkpoint.save(engine, { model }));
    const one = (dtype: 'f32', value: number): TensorData => ({
      shape: [],
      dtype,
      data: Float32Array.of(value),
    });
    const wrong = new Map<string, TensorData>([
      ...tensors,
      ['0.weight', { shape: [1], dtype: 'f32', data: Float32Array.of(7) }],
      ['0.num_batches_tracked', one('f32', 2.5)],
    ]);
    const loaded = checkpoint.load(engine, safetensors.encode(wrong), { model });
    await expect(loaded).rejects.toThrow(
      /'0.num_batches_tracked' does not fit the i32 here: 2.5 at 0/,
    );
    expect(Array.from((await engine.read(model.parameters[0]!)).data)).toEqual([1]);
    const stateless = nn.sequential(nn.batchNorm1d(1, { trackRunningStats: false }));
    const misplaced = checkpoint.load(engine, safetensors.encode(tensors), { model: stateless });
    await expect(misplaced).rejects.toThrow(/nothing here is named '0.running_/);
  });
});
