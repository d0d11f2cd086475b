// What consoles show of what people hold: a line that says what it is, and none of the graph, the WGSL or the data in it.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as nabla from '../src/index.common.js';
import { openCpuEngine } from './support/engine.js';

const { nn, optim, dataset, fit, loss, relu, input, mul, parameter, add, softmax } = nabla;
const engine = openCpuEngine();
const images = input([2, 4]);
const p = parameter(1);
const step = engine.compile({
  inputs: { images },
  outputs: { y: mul(images, p) },
  updates: [[p, add(p, 1)]],
});
const data = dataset(new Uint8Array(8), [0, 1]);
const model = nn.sequential(
  nn.dense(4, 3, { name: 'first' }),
  relu,
  nn.dropout(0.2),
  (x) => x,
  nn.dense(3, 2),
);
const training = {
  model,
  data,
  loss: loss.crossEntropy,
  optimizer: optim.sgd(),
  epochs: 2,
  batchSize: 1,
};
const run = fit(engine, training);
void run[Symbol.asyncIterator]();

const lines: [string, object, string][] = [
  ['an engine', engine, 'Engine: cpu, float64 CPU reference'],
  ['a step', step, 'Step: inputs images; 1 outputs, 1 updates, 0 dispatches'],
  ['a data set', data, 'Dataset: 2 examples; inputs [4] u8; labels [] i32, class numbers'],
  ['a run', run, 'Fit: 0 of 2 epochs done, 0 steps; await it or iterate over it'],
  ['an optimizer', optim.adam({ learningRate: 0.01 }), 'Optimizer: adam, learningRate 0.01'],
  [
    'one with a schedule',
    optim.sgd({ learningRate: () => p }),
    'Optimizer: sgd, learningRate by a schedule',
  ],
  ['one with a tensor', optim.sgd({ learningRate: p }), `Optimizer: sgd, learningRate ${p}`],
  ['a model', model, 'sequential(first: dense(4, 3), relu, dropout(0.2), function, dense(3, 2))'],
  ['conv2d', nn.conv2d(1, 2, [3, 4]), 'conv2d(1, 2, [3, 4])'],
  ['maxPool2d', nn.maxPool2d(2), 'maxPool2d(2)'],
  ['flatten', nn.flatten(), 'flatten()'],
  ['reshape', nn.reshape([1, 2]), 'reshape([1, 2])'],
  ['embedding', nn.embedding(5, 2), 'embedding(5, 2)'],
  ['layerNorm', nn.layerNorm(4), 'layerNorm([4])'],
  ['batchNorm1d', nn.batchNorm1d(4), 'batchNorm1d(4)'],
  ['batchNorm2d', nn.batchNorm2d(4), 'batchNorm2d(4)'],
  ['rnn', nn.rnn(2, 3), 'rnn(2, 3)'],
  ['lstm', nn.lstm(2, 3), 'lstm(2, 3)'],
  ["a user's own layer", nn.sequential({ parameters: [], apply: (x) => x }), 'sequential(layer)'],
  ['an op', relu, '[Function: relu]'],
];

describe('printed', () => {
  it.each(lines)('%s', (_, object, line) => {
    for (const text of [inspect(object), inspect({ object }, { depth: 9 })]) {
      expect(text).toContain(line);
      expect(text.length).toBeLessThan(line.length + 20);
    }
  });
  it('parameters do not come to be by being looked at', () => {
    const inner = nn.dense(2, 2);
    inspect(inner, { depth: 9 });
    const outer = nn.sequential([inner], { name: 'outer' });
    expect(inspect(outer)).toBe('sequential(dense(2, 2))');
    expect(outer.parameters.map(({ name }) => name)).toEqual(['outer.0.weight', 'outer.0.bias']);
  });
  it('a run says how far it is', async () => {
    const other = fit(engine, training);
    for await (const _ of other) break;
    expect(inspect(other)).toBe('Fit: 1 of 2 epochs done, 2 steps; await it or iterate over it');
  });
  it('a disposed engine says so', () => {
    const gone = openCpuEngine();
    gone.dispose();
    expect(inspect(gone)).toBe('Engine: cpu, float64 CPU reference, disposed');
  });
  it('values that an engine gives are plain, and their receiver may do with them what he likes', async () => {
    const x = nabla.tensor([0, 0]);
    const values = [
      (await engine.run({ y: softmax(x) })).y,
      (await step({ images: new Float32Array(8) })).y,
    ];
    expect(inspect(values[0])).toBe(
      "{ shape: [ 2 ], dtype: 'f64', data: Float64Array(2) [ 0.5, 0.5 ] }",
    );
    for (const { shape } of [...values, await engine.read(p)]) (shape as number[]).push(9);
    expect([x.shape, images.shape, p.shape]).toEqual([[2], [2, 4], []]);
  });
});
