// Batch normalisation in ONNX Runtime: in inference it is its ops, with the running statistics as values of the file.
import { describe, expect, it } from 'vitest';
import { dataset, fit, input, loss, nn, optim, relu } from '../../src/index.common.js';
import { wave } from '../support/batchNorm.js';
import { agrees, engine } from '../support/onnx.js';

const classes = (examples: number): number[] => Array.from({ length: examples }, (_, i) => i % 2);
const rest = { loss: loss.crossEntropy, epochs: 3, batchSize: 4 };

describe('a trained model with batch normalisation gives the same outputs in ONNX Runtime', () => {
  it.each([
    ['[batch, features]', [6], () => [nn.dense(6, 5), nn.batchNorm1d(5)]],
    [
      '[batch, features, length]',
      [3, 4],
      () => [nn.batchNorm1d(3, { affine: false }), nn.flatten()],
    ],
    [
      'images',
      [2, 5, 5],
      () => [nn.conv2d(2, 3, 3, { bias: false }), nn.batchNorm2d(3), relu, nn.flatten()],
    ],
    ['statistics of the batch', [6], () => [nn.batchNorm1d(6, { trackRunningStats: false })]],
  ] as const)('of %s', async (_, shape, parts) => {
    const body = nn.sequential(...parts());
    const features = body.apply(input([4, ...shape])).shape[1]!;
    const model = nn.sequential(body, nn.dense(features, 2));
    const inputs = {
      shape: [12, ...shape],
      dtype: 'f32',
      data: wave([12, ...shape], 0.7),
    } as const;
    const optimizer = optim.adam({ learningRate: 0.02 });
    await fit(engine, { ...rest, model, optimizer, data: dataset(inputs, classes(12)) });
    const x = input([4, ...shape]);
    const used = await agrees({ x }, { logits: model.apply(x) }, { x: wave([4, ...shape], 1.3) });
    expect(used.has('Sqrt')).toBe(true);
  });
});
