import { describe, expect, it } from 'vitest';
import {
  type Dataset,
  dataset,
  fit,
  input,
  loss,
  nn,
  optim,
  softmax,
} from '../../src/index.common.js';
import { agrees, engine, wave } from '../support/onnx.js';

const classes = (examples: number, count: number): number[] =>
  Array.from({ length: examples }, (_, i) => i % count);

async function train(model: nn.Layer, data: Dataset, steps = 6): Promise<void> {
  const optimizer = optim.adam({ learningRate: 0.02 });
  const run = fit(engine, {
    model,
    optimizer,
    loss: loss.crossEntropy,
    data,
    epochs: steps,
    steps,
    batchSize: 4,
  });
  for await (const _ of run);
}

describe('a trained model gives the same outputs in ONNX Runtime', () => {
  it('a network of dense layers, as Gemm, with dropout left out', async () => {
    const hidden = [
      nn.dense(6, 8, { activation: 'relu' }),
      nn.dropout(0.5),
      nn.dense(8, 8, { activation: 'sigmoid' }),
    ];
    const model = nn.sequential(
      ...hidden,
      nn.dense(8, 8, { activation: 'tanh', bias: false }),
      nn.dense(8, 3),
    );
    await train(model, dataset(wave(24 * 6), classes(24, 3)));
    const x = input([5, 6]);
    const logits = model.apply(x);
    const used = await agrees({ x }, { logits, share: softmax(logits) }, { x: wave(30, 1.3) });
    expect([...used].sort()).toEqual([
      'Add',
      'Gemm',
      'Identity',
      'Relu',
      'Sigmoid',
      'Softmax',
      'Tanh',
    ]);
  });

  it('a convolutional network, as Conv and MaxPool', async () => {
    const model = nn.sequential(
      nn.conv2d(1, 4, 5, { padding: 2, activation: 'relu' }),
      nn.maxPool2d(2),
      nn.conv2d(4, 6, [3, 2], { stride: [2, 1], dilation: [1, 2], bias: false }),
      nn.maxPool2d(3, { stride: 1, padding: 1 }),
      nn.flatten(),
      nn.dense(6 * 2 * 4, 10),
    );
    await train(
      model,
      dataset({ shape: [8, 1, 12, 12], dtype: 'f32', data: wave(8 * 144) }, classes(8, 10)),
      3,
    );
    const x = input([2, 1, 12, 12]);
    const used = await agrees({ x }, { logits: model.apply(x) }, { x: wave(288, 0.31) });
    expect([...used].sort()).toEqual([
      'Add',
      'Conv',
      'Gemm',
      'Identity',
      'MaxPool',
      'Relu',
      'Reshape',
    ]);
  });

  it('layer norm and the smooth activations', async () => {
    const activations = ['gelu', 'softplus', 'silu', 'elu', 'leakyRelu'] as const;
    const layers = activations.flatMap((activation) => [
      nn.dense(6, 6, { activation }),
      nn.layerNorm(6),
    ]);
    const model = nn.sequential(...layers, nn.dense(6, 2));
    await train(model, dataset(wave(20 * 6), classes(20, 2)));
    const x = input([3, 4, 6]);
    await agrees({ x }, { logits: model.apply(x) }, { x: wave(72, 2.1).map((value) => 3 * value) });
  });

  it.each([
    ['lstm', nn.lstm],
    ['rnn', nn.rnn],
  ])('an embedding and an %s over time', async (_, recurrent) => {
    const model = nn.sequential(
      nn.embedding(7, 4),
      recurrent(4, 5),
      recurrent(5, 5, { outputs: 'last' }),
      nn.dense(5, 3),
    );
    const tokens = Int32Array.from({ length: 12 * 6 }, (_, i) => (i * i + 3) % 7);
    await train(model, dataset({ shape: [12, 6], dtype: 'i32', data: tokens }, classes(12, 3)));
    const words = input([3, 6], { dtype: 'i32' });
    const feeds = { words: Int32Array.from({ length: 18 }, (_, i) => (5 * i) % 7) };
    expect(await agrees({ words }, { logits: model.apply(words) }, feeds)).toContain('Gather');
  });
});
