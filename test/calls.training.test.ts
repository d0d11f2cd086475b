// What a caller without types may get wrong in layers, optimizers, steps and training.
import { describe, expect, it } from 'vitest';
import { CpuBackend } from '../src/cpu/backend.js';
import { openWith } from '../src/engine/open.js';
import * as typed from '../src/index.common.js';
import { NablaError } from '../src/index.common.js';
import { image, loose, type n, testCalls, type Wrong, x } from './support/calls.js';

const { nn, optim, loss, input, parameter } = typed;
const untyped = nn as unknown as typeof n;
const engine = new typed.Engine(new CpuBackend());
const p = parameter(1, { name: 'p' });
const model = nn.sequential(nn.dense(2, 2));
const data = typed.dataset([[1, 2]], [1]);
const optimizer = optim.sgd();
const training = { model, data, optimizer, loss: loss.crossEntropy, epochs: 1, batchSize: 1 };
const without = (name: string) => loose({ ...training, [name]: undefined });
const open = openWith(async () => new CpuBackend());
const { schedules } = optim;
const wrong = loose({ activate: 'relu' });
const layers = {
  dense: () => nn.dense(2, 2, wrong),
  dropout: () => nn.dropout(0.5, wrong),
  embedding: () => nn.embedding(2, 2, wrong),
  layerNorm: () => nn.layerNorm(2, wrong),
  batchNorm1d: () => nn.batchNorm1d(2, wrong),
  batchNorm2d: () => nn.batchNorm2d(2, wrong),
  conv2d: () => nn.conv2d(1, 1, 1, wrong),
  maxPool2d: () => nn.maxPool2d(2, wrong),
  rnn: () => nn.rnn(2, 2, wrong),
  lstm: () => nn.lstm(2, 2, wrong),
  sequential: () => nn.sequential([], wrong),
};

testCalls([
  ['nn.maxPool2d(2n)', () => nn.maxPool2d(loose(2n)).apply(image), /^maxPool2d: window 2n is not/],
  [
    'nn.dense of texts',
    () => nn.dense(loose('2'), 2),
    /^dense: inputs is "2"; give a whole number/,
  ],
  [
    'nn.flatten({ a: 1 })',
    () => untyped.flatten!({ a: 1 }),
    /^nn.flatten: .*no options, and \{"a":1\} is/,
  ],
  ['nn.reshape([2], { a: 1 })', () => untyped.reshape!([2], { a: 1 }), /^nn.reshape: .*no options/],
  [
    'nn.lstm({ outputs })',
    () => nn.lstm(2, 2, loose({ outputs: 'lst' })),
    /lstm: outputs is 'lst'; use 'all' or 'last'/,
  ],
  ['nn.dense(2, 2, null)', () => nn.dense(2, 2, loose(null)), /nn.dense: options are null/],
  ...Object.entries(layers).map(
    ([layer, make]): Wrong => [
      `nn.${layer} with a misspelt option`,
      make,
      new RegExp(`^nn.${layer}: there is no option 'activate'; pass an object of `),
    ],
  ),
  [
    'apply({ train })',
    () => model.apply(x, loose({ train: true })),
    /nn: there is no option 'train'; .* training/,
  ],
  ['nn.conv2d()', () => nn.conv2d(1, 1, loose(undefined)), /conv2d: kernel height is undefined/],
  ['nn.layerNorm()', () => nn.layerNorm(loose(undefined)), /layerNorm: a shape is an array/],
  [
    'clipByGlobalNorm(x, 1)',
    () => optim.clipByGlobalNorm(loose(x), 1),
    /clipByGlobalNorm: gradients are a list/,
  ],
  [
    'clipByGlobalNorm([1], 1)',
    () => optim.clipByGlobalNorm(loose([1]), 1),
    /clipByGlobalNorm: 1 is not a tensor/,
  ],
  [
    'compile()',
    () => engine.compile(loose(undefined)),
    /compile: options are undefined; pass an object/,
  ],
  [
    'an update to nothing',
    () => engine.compile({ updates: [[p, loose(undefined)]] }),
    /compile: the next value of p: undef/,
  ],
  [
    'updates uncalled',
    () => engine.compile({ updates: loose(optimizer.updates) }),
    /compile: updates are a list of pairs/,
  ],
  [
    'updates unpaired',
    () => engine.compile({ updates: loose([p, p]) }),
    /compile: updates are a list of pairs/,
  ],
  [
    'cosine(.1)',
    () => schedules.cosine(0.1, loose(undefined)),
    /schedules.cosine: options are undefined; pass an object of steps, minimum/,
  ],
  [
    'step(.1)',
    () => schedules.step(0.1, loose({})),
    /schedules.step: every is missing; pass an object of every/,
  ],
  [
    'sgd({ lr })',
    () => optim.sgd(loose({ lr: 1 })),
    /sgd: there is no option 'lr'; .* learningRate, weightDecay/,
  ],
  [
    'adamW({ beta })',
    () => optim.adamW(loose({ beta: 1 })),
    /adamW: there is no option 'beta'; .*betas/,
  ],
  [
    'batchNorm1d({ eps })',
    () => nn.batchNorm1d(2, loose({ eps: 1 })),
    /batchNorm1d: there is no option 'eps'; .*epsilon/,
  ],
  [
    'rmsProp({ eps })',
    () => optim.rmsProp(loose({ eps: 1 })),
    /rmsProp: there is no option 'eps'; .*epsilon/,
  ],
  ...['model', 'data', 'optimizer', 'loss', 'epochs', 'batchSize'].map(
    (name): Wrong => [
      `fit without ${name}`,
      () => typed.fit(engine, without(name)),
      new RegExp(`fit: ${name} is missing; pass an object of model, loss, optimizer, data`),
    ],
  ),
  ['fit(engine)', () => typed.fit(engine, loose(undefined)), /fit: options are undefined/],
  [
    'fit({ epoch })',
    () => typed.fit(engine, loose({ ...training, epoch: 1 })),
    /fit: there is no option 'epoch'/,
  ],
  [
    'a loss of an array',
    () => loss.crossEntropy(loose([[1, 2]]), x),
    /crossEntropy: 1,2 is not a tensor; wrap values/,
  ],
  [
    'a loss without labels',
    () => loss.squaredError(x, loose(undefined)),
    /squaredError: undefined is not a tensor/,
  ],
  [
    'a layer of an array',
    () => model.apply(loose([[1, 2]])),
    /nn: 1,2 is not a tensor; wrap values with tensor/,
  ],
]);

const promises: Wrong<Promise<unknown>>[] = [
  [
    'open({ bakend })',
    () => open(loose({ bakend: 'cpu' })),
    /open: there is no option 'bakend'; .*backend, crossCheck/,
  ],
  [
    'compile({ precision })',
    async () => engine.compile(loose({ precision: 'f64' })),
    /compile: precision is 'f64'; use 'f32' or 'f16'/,
  ],
  ['open(null)', () => open(loose(null)), /open: options are null/],
  ['read()', () => engine.read(loose(undefined)), /read: undefined is no parameter/],
  ['write(x)', () => engine.write(x, 1), /write: constant \[2\] is no parameter/],
  ['run()', () => engine.run(loose(undefined)), /tree: undefined is not a tensor/],
  [
    'evaluate(e, {})',
    () => typed.evaluate(engine, loose({})),
    /evaluate: model is missing; .*model, loss, data/,
  ],
  [
    'a feed of BigInts',
    () => engine.run(input([1], { name: 'a' }), loose({ a: [1n] })),
    /a: 1n is not a number but a BigInt/,
  ],
  [
    'checkpoint.save({ modell })',
    () => typed.checkpoint.save(engine, loose({ modell: model })),
    /^checkpoint: there is no option 'modell'; pass an object of model/,
  ],
  [
    'evaluate({ modell })',
    () => typed.evaluate(engine, loose({ modell: model })),
    /^evaluate: there is no option 'modell'/,
  ],
  [
    'run with a misspelt feed',
    () => engine.run(input([], { name: 'here' }), { her: 1 }),
    /run: there is no input her/,
  ],
];

describe('a wrong call', () => {
  it.each(promises)('%s is refused', async (_, call, message) => {
    const answer = call();
    await expect(answer).rejects.toThrow(NablaError);
    await expect(answer).rejects.toThrow(message);
  });
});

it('a named value that the graph turns out not to need is a mistake, a node says itself what it is', async () => {
  const here = input([], { name: 'unneeded' });
  const slope = typed.grad(typed.neg(here), here);
  expect((await engine.run(slope, new Map([[here, 1]]))).data[0]).toBe(-1);
  await expect(engine.run(slope, { unneeded: 1 })).rejects.toThrow(
    /there is no input unneeded .* it has none; .*Map/,
  );
});
