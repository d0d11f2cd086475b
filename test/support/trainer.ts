// What a worker of the tests trains.
import { dataset, loss, nn, optim } from '../../src/index.common.js';
import type { ServedTrainer } from '../../src/index.worker.js';
import { openGpuEngine } from './engine.js';

export const setUp = async (settings: {
  points: Float32Array;
  labels: Int32Array;
}): Promise<ServedTrainer> => ({
  engine: await openGpuEngine(),
  model: nn.sequential([nn.dense(2, 8, { activation: 'tanh' }), nn.dense(8, 2)], { seed: 1 }),
  ...{ loss: loss.crossEntropy, optimizer: optim.adam({ learningRate: 0.05 }) },
  ...{ data: dataset(settings.points, settings.labels), epochs: 4, batchSize: 8 },
});
