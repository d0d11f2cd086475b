import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moons } from '../../src/data/points.js';
import type { Engine } from '../../src/engine/engine.js';
import {
  checkpoint,
  dataset,
  evaluate,
  type FitOptions,
  fit,
  gather,
  loss,
  nn,
  optim,
  parameter,
  type StepReport,
  sum,
  zeros,
} from '../../src/index.common.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openGpuEngine();
});
afterAll(() => engine.dispose());

const settings = (): FitOptions => ({
  model: nn.sequential(
    [nn.dense(2, 16, { activation: 'relu' }), nn.dropout(0.1), nn.dense(16, 2)],
    { seed: 4 },
  ),
  loss: loss.crossEntropy,
  optimizer: optim.adam({ learningRate: optim.schedules.cosine(0.05, { steps: 100 }) }),
  data: moons({ examples: 150 }),
  epochs: 4,
  batchSize: 32,
  seed: 8,
});

describe('fit on the GPU', () => {
  it('agrees with float64', async () => {
    const options = settings();
    const cpu = openCpuEngine();
    const costs: number[][] = [[], []];
    for (const [i, on] of [engine, cpu].entries())
      for await (const { cost, accuracy } of fit(on, { ...options, validation: options.data }))
        costs[i]!.push(cost, accuracy!);
    expect(costs[0]!.length).toBe(8);
    costs[0]!.forEach((value, i) => {
      expect(value).toBeCloseTo(costs[1]![i]!, 3);
    });
    const [here, there] = [await evaluate(engine, options), await evaluate(cpu, options)];
    expect(here.cost).toBeCloseTo(there.cost, 3);
    expect(here.accuracy).toBeGreaterThan(0.85);
    expect(here.examples).toBe(150);
  });

  it('uses each example once an epoch', async () => {
    const weight = parameter(new Float32Array(70));
    const data = dataset(
      Int32Array.from({ length: 70 }, (_, i) => i),
      new Float32Array(70),
    );
    const model: nn.Layer = { parameters: [weight], apply: (x) => gather(weight, x) };
    const optimizer = optim.sgd({ learningRate: 1 });
    const run = fit(engine, {
      model,
      loss: (output) => sum(output),
      optimizer,
      data,
      epochs: 3,
      batchSize: 16,
    });
    for await (const { step } of run) expect(step % 5).toBe(0);
    expect(Array.from((await engine.read(weight)).data)).toEqual(new Array(70).fill(-3));
  });

  it('uploads nothing and reads nothing in a step', async () => {
    const seen: number[][] = [];
    const options = { ...settings(), epochs: 2 };
    const onStep = (): void => {
      const { uploadedBytes, readBytes } = engine.stats();
      seen.push([uploadedBytes, readBytes]);
    };
    for await (const { epoch } of fit(engine, { ...options, onStep, reportEvery: 1 }))
      expect(epoch).toBeLessThan(3);
    const epochs = [seen.slice(0, 4), seen.slice(5, 9)];
    for (const steps of epochs) expect(new Set(steps.map(([uploaded]) => uploaded)).size).toBe(1);
    const before = engine.stats();
    for await (const { epoch } of fit(engine, { ...options, epochs: 1 })) expect(epoch).toBe(1);
    const after = engine.stats();
    expect(after.readBytes - before.readBytes).toBeLessThan(4 * 300); // the ledger, once
  });

  it('tells the cost of every step, more of them than the device keeps', async () => {
    const costs = async (reportEvery?: number): Promise<number[]> => {
      const told: number[] = [];
      const onStep = ({ step, cost }: StepReport): void => {
        told[step] = cost;
      };
      const data = moons({ examples: 1200, seed: 1 });
      const model = nn.sequential(
        nn.dense(2, 4, { activation: 'tanh', seed: 1 }),
        nn.dense(4, 2, { seed: 2 }),
      );
      const rest = {
        loss: loss.crossEntropy,
        optimizer: optim.sgd({ learningRate: 0.1 }),
        epochs: 2,
        batchSize: 4,
      };
      const run = fit(engine, {
        model,
        data,
        ...rest,
        onStep,
        ...(reportEvery && { reportEvery }),
      });
      for await (const { cost } of run) expect(cost).toBeGreaterThan(0);
      return told;
    };
    const all = await costs();
    expect(all.filter((cost) => cost > 0)).toHaveLength(600);
    expect(await costs(1)).toEqual(all);
    const some = await costs(7);
    expect(Object.keys(some)).toHaveLength(85);
    for (const step of Object.keys(some)) expect(some[Number(step)]).toBe(all[Number(step)]);
  });

  it.each([
    ['sgd', optim.sgd],
    ['momentum', () => optim.sgd({ momentum: 0.9 })],
    ['adam', optim.adam],
    ['rmsProp', optim.rmsProp],
  ])('%s gives all parameters of a model their next values in one dispatch', (_, make) => {
    const { model } = settings();
    const gradients = model.parameters.map((each) => parameter(zeros(each.shape)));
    const { plan } = engine.compile({ updates: make().updates(gradients, model.parameters) });
    expect(plan.dispatches.filter(({ kernel }) => /descend/.test(kernel))).toHaveLength(1);
  });

  it('goes on bit for bit from a checkpoint', async () => {
    const options = settings();
    const whole = await openGpuEngine();
    const expected: number[] = [];
    for await (const { cost } of fit(whole, options)) expected.push(cost);
    const before = await openGpuEngine();
    const controller = new AbortController();
    const onStep = ({ step }: StepReport): void => {
      if (step === 7) controller.abort();
    };
    const run = fit(before, { ...options, onStep, reportEvery: 1, signal: controller.signal });
    const costs: number[] = [];
    for await (const { cost } of run) costs.push(cost);
    const file = await checkpoint.save(before, { ...options, progress: run.progress });
    const after = await openGpuEngine();
    const copy = settings();
    const { progress } = await checkpoint.load(after, file, copy);
    for await (const { cost } of fit(after, { ...copy, resume: progress! })) costs.push(cost);
    expect(costs).toEqual(expected);
    const weights = async (on: Engine, of: FitOptions) =>
      Promise.all(of.model.parameters.map(async (each) => Array.from((await on.read(each)).data)));
    expect(await weights(after, copy)).toEqual(await weights(whole, options));
    for (const each of [whole, before, after]) each.dispose();
  });

  it('learns in mixed precision about as in single, or says that the adapter has none', async () => {
    if (!engine.info.features.includes('shader-f16')) {
      const first = fit(engine, { ...settings(), precision: 'f16' })
        [Symbol.asyncIterator]()
        .next();
      return expect(first).rejects.toThrow('this adapter has no shader-f16; use f32');
    }
    const [single, mixed] = await Promise.all(
      (['f32', 'f16'] as const).map(async (precision) => {
        const own = await openGpuEngine(); // its own runs, which dropout counts
        const costs: number[] = [];
        for await (const { cost } of fit(own, { ...settings(), precision })) costs.push(cost);
        own.dispose();
        return costs;
      }),
    );
    for (const [i, cost] of mixed!.entries())
      expect(Math.abs(cost - single![i]!)).toBeLessThan(0.02);
    expect(mixed).not.toEqual(single);
  });
});
