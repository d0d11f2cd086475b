// The same with a data set and the training loop.
import { dataset, fit, loss, nn, open, optim } from '../../../src/index.browser.js';

export async function train(images: Float32Array, labels: Int32Array): Promise<void> {
  const engine = await open();
  const model = nn.sequential(nn.dense(784, 128, { activation: 'relu' }), nn.dense(128, 10));
  const data = dataset({ shape: [labels.length, 784], dtype: 'f32', data: images }, labels);
  const settings = { loss: loss.crossEntropy, optimizer: optim.adam(), epochs: 1, batchSize: 64 };
  for await (const { cost } of fit(engine, { model, data, ...settings })) console.log(cost);
}
