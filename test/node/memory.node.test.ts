// Tensors own no memory: what an engine keeps for them goes when they do.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { dataset } from '../../src/data/dataset.js';
import type { Engine } from '../../src/engine/engine.js';
import { crossEntropy } from '../../src/loss.js';
import { dense } from '../../src/nn/layers.js';
import { adam } from '../../src/optim/optimizers.js';
import { fit } from '../../src/train/fit.js';
import { openGpuEngine } from '../support/engine.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function train(engine: Engine): Promise<void> {
  const data = dataset(
    { shape: [256, 64], dtype: 'f32', data: new Float32Array(256 * 64).fill(0.5) },
    { shape: [256], dtype: 'i32', data: new Int32Array(256).fill(1) },
  );
  const options = {
    loss: crossEntropy,
    epochs: 1,
    batchSize: 64,
    optimizer: adam({ learningRate: 0.01 }),
  };
  for await (const _ of fit(engine, { model: dense(64, 32), data, ...options }));
}

it('models and data sets that are dropped give their GPU memory back', async () => {
  const engine = await openGpuEngine();
  const bytes: number[] = [];
  for (let round = 0; round < 4; round++) {
    await train(engine);
    for (let turn = 0; turn < 5; turn++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    bytes.push(engine.stats().liveBytes);
  }
  expect(bytes.at(-1)).toBeLessThanOrEqual(bytes[0]!);
  engine.dispose();
});
