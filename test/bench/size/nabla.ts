// What a page that trains an MLP by a compiled step takes from Nabla.
import { input, loss, nn, open, optim } from '../../../src/index.browser.js';

export async function train(images: Float32Array, labels: Int32Array): Promise<void> {
  const engine = await open();
  const model = nn.sequential(nn.dense(784, 128, { activation: 'relu' }), nn.dense(128, 10));
  const inputs = { images: input([64, 784]), labels: input([64], { dtype: 'i32' }) };
  const cost = loss.crossEntropy(model.apply(inputs.images), inputs.labels);
  const updates = optim.adam().updates(cost, model.parameters);
  const step = engine.compile({ inputs, outputs: { cost }, updates });
  console.log((await step({ images, labels })).cost.data[0]);
}
