import { beforeAll, describe, expect, it } from 'vitest';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { type Dataset, data, evaluate, fit, loss, nn, optim } from '../../src/index.node.js';

describe('MNIST in float64', () => {
  let train: Dataset;
  let test: Dataset;
  beforeAll(async () => {
    const digits = await data.mnist();
    [train] = digits.train.split(2000 / 60000, { seed: 1 });
    [test] = digits.test.split(500 / 10000, { seed: 1 });
  });
  const chance = 0.1;

  it('is learnt by a 784-30-10 network from 2,000 digits', async () => {
    const engine = new Engine(new CpuBackend());
    const model = nn.sequential(nn.dense(784, 30, { activation: 'relu' }), nn.dense(30, 10));
    const optimizer = optim.adam({ learningRate: 5e-3 });
    const before = await evaluate(engine, { model, loss: loss.crossEntropy, data: test });
    expect(Math.abs(before.accuracy! - chance)).toBeLessThan(0.12);
    expect(before.examples).toBe(500);
    const settings = {
      model,
      loss: loss.crossEntropy,
      optimizer,
      data: train,
      epochs: 2,
      batchSize: 48,
    };
    for await (const { epoch, step, accuracy, validation } of fit(engine, {
      ...settings,
      validation: test,
    }))
      if (epoch === 2) {
        expect(step).toBe(84);
        expect(accuracy).toBeGreaterThan(0.85);
        expect(validation!.accuracy).toBeGreaterThan(0.84);
        expect(validation).toMatchObject({
          cost: expect.any(Number),
          accuracy: expect.any(Number),
        });
      }
  }, 60_000);

  it("begins to be learnt by Nielsen's network: sigmoid, quadratic cost, batches of 10, rate 3", async () => {
    const engine = new Engine(new CpuBackend());
    const wide = {
      activation: 'sigmoid',
      initializer: 'lecunNormal',
      biasInitializer: 'standardNormal',
    } as const;
    const model = nn.sequential(nn.dense(784, 30, wide), nn.dense(30, 10, wide));
    const optimizer = optim.sgd({ learningRate: 3 });
    const settings = {
      model,
      loss: loss.halfSquaredError,
      optimizer,
      data: train,
      epochs: 1,
      batchSize: 10,
    };
    for await (const { validation } of fit(engine, { ...settings, validation: test }))
      expect(validation!.accuracy).toBeGreaterThan(0.7);
  }, 60_000);
});
