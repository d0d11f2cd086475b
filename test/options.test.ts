// Every public function that takes named options refuses a misspelt one, and says its name. A function that is exported has
// to be listed here, among those that take options or those that take none.
import { describe, expect, it } from 'vitest';
import { NablaError } from '../src/core/errors.js';
import { checkOptions } from '../src/core/options.js';
import { CpuBackend } from '../src/cpu/backend.js';
import { openWith } from '../src/engine/open.js';
import * as browser from '../src/index.browser.js';
import * as node from '../src/index.node.js';
import * as worker from '../src/index.worker.js';

const { tensor, parameter, nn, optim, loss, data, random } = browser;
const x = tensor([1, 2]);
const p = parameter(1, { name: 'p' });
const image = browser.ones([1, 1, 2, 2]);
const whole = tensor([0, 1], { dtype: 'i32' });
const engine = new browser.Engine(new CpuBackend());
const model = nn.sequential(nn.dense(2, 2));
const examples = browser.dataset(
  [
    [1, 2],
    [3, 4],
  ],
  [0, 1],
);
const kernel = browser.pointwise('same', 'fn same(x: f32) -> f32 { return x; }');
const op = { name: 'same', kernel, reference: (z: number) => z };
const training = {
  model,
  loss: loss.crossEntropy,
  optimizer: optim.sgd(),
  data: examples,
  epochs: 1,
  batchSize: 1,
};
const evaluated = { model, loss: loss.crossEntropy, data: examples };
const event = { step: 1, time: 0, values: {} };
const exported = { inputs: {}, outputs: { p } };
const open = openWith(async () => new CpuBackend());
const port = { postMessage: () => {}, on: () => {} };

type Wrong = Record<string, unknown>;
/** A call with options that hold something more than they may. */
type Call = (wrong: Wrong) => unknown;
const { sum, mean, max, min, logSumExp, softmax, logSoftmax, leakyRelu, elu, cumSum } = browser;
const ofOne = { sum, mean, max, min, logSumExp, softmax, logSoftmax, leakyRelu, elu, cumSum };
const pools = { size: 2 };

const calls: Record<string, Call> = {
  ...Object.fromEntries(
    Object.entries(ofOne).map(([name, call]) => [name, (wrong: Wrong) => call(x, wrong)]),
  ),
  argMax: (wrong) => browser.argMax(x, { axis: 0, ...wrong }),
  concat: (wrong) => browser.concat([x, x], { axis: 0, ...wrong }),
  gather: (wrong) => browser.gather(x, whole, wrong),
  conv2d: (wrong) => browser.conv2d(image, image, wrong),
  maxPool2d: (wrong) => browser.maxPool2d(image, { ...pools, ...wrong }),
  matmul: (wrong) => browser.matmul(x, x, wrong),
  tensor: (wrong) => tensor([1], undefined, wrong),
  'tensor, second': (wrong) => tensor([1], wrong),
  input: (wrong) => browser.input([], wrong),
  parameter: (wrong) => parameter(1, wrong),
  full: (wrong) => browser.full([2], 1, wrong),
  zeros: (wrong) => browser.zeros([2], wrong),
  ones: (wrong) => browser.ones([2], wrong),
  arange: (wrong) => browser.arange(0, 4, wrong),
  eye: (wrong) => browser.eye(2, wrong),
  'random.uniform': (wrong) => random.uniform([2], { seed: 1, ...wrong }),
  'random.normal': (wrong) => random.normal([2], { seed: 1, ...wrong }),
  grad: (wrong) => browser.grad(p, p, wrong),
  gradCheck: (wrong) => browser.gradCheck(p, p, wrong),
  defineOp: (wrong) => browser.defineOp({ ...op, ...wrong }),
  dataset: (wrong) => browser.dataset([1], [1], wrong),
  'dataset().split': (wrong) => examples.split(0.5, wrong),
  'dataset().batches': (wrong) => examples.batches(1, wrong),
  fit: (wrong) => browser.fit(engine, { ...training, ...wrong }),
  evaluate: (wrong) => browser.evaluate(engine, { ...evaluated, ...wrong }),
  open: (wrong) => open(wrong),
  'Engine.compile': (wrong) => engine.compile(wrong),
  'checkpoint.save': (wrong) => browser.checkpoint.save(engine, { model, ...wrong }),
  'checkpoint.load': async (wrong) =>
    browser.checkpoint.load(engine, await browser.checkpoint.save(engine, { model }), {
      model,
      ...wrong,
    }),
  'onnx.encode': (wrong) => browser.onnx.encode(engine, { ...exported, ...wrong }),
  'tensorboard.encode': (wrong) => browser.tensorboard.encode([{ ...event, ...wrong }]),
  'data.csv': (wrong) => data.csv('1', wrong),
  'data.spiral': (wrong) => data.spiral(wrong),
  'data.moons': (wrong) => data.moons(wrong),
  'data.circles': (wrong) => data.circles(wrong),
  'data.xor': (wrong) => data.xor(wrong),
  'data.mnist': (wrong) => data.mnist('nowhere', wrong),
  'nn.dense': (wrong) => nn.dense(2, 2, wrong),
  'nn.dropout': (wrong) => nn.dropout(0.5, wrong),
  'nn.embedding': (wrong) => nn.embedding(2, 2, wrong),
  'nn.layerNorm': (wrong) => nn.layerNorm(2, wrong),
  'nn.batchNorm1d': (wrong) => nn.batchNorm1d(2, wrong),
  'nn.batchNorm2d': (wrong) => nn.batchNorm2d(2, wrong),
  'nn.conv2d': (wrong) => nn.conv2d(1, 1, 1, wrong),
  'nn.maxPool2d': (wrong) => nn.maxPool2d(2, wrong),
  'nn.rnn': (wrong) => nn.rnn(2, 2, wrong),
  'nn.lstm': (wrong) => nn.lstm(2, 2, wrong),
  'nn.sequential': (wrong) => nn.sequential([], wrong),
  'nn.dense().apply': (wrong) => nn.dense(2, 2).apply(x, wrong),
  'nn.flatten().apply': (wrong) => nn.flatten().apply(image, wrong),
  'nn.reshape().apply': (wrong) => nn.reshape([4]).apply(image, wrong),
  'nn.maxPool2d().apply': (wrong) => nn.maxPool2d(1).apply(image, wrong),
  'nn.batchNorm1d().apply': (wrong) => nn.batchNorm1d(2).apply(browser.ones([2, 2]), wrong),
  'nn.sequential().load': (wrong) => nn.sequential([]).load(engine, {}, wrong),
  'nn.sequential().apply': (wrong) => nn.sequential([]).apply(x, wrong),
  'optim.sgd': (wrong) => optim.sgd(wrong),
  'optim.adam': (wrong) => optim.adam(wrong),
  'optim.adamW': (wrong) => optim.adamW(wrong),
  'optim.rmsProp': (wrong) => optim.rmsProp(wrong),
  'optim.schedules.step': (wrong) => optim.schedules.step(1, { every: 1, ...wrong }),
  'optim.schedules.cosine': (wrong) => optim.schedules.cosine(1, { steps: 1, ...wrong }),
  remoteTrainer: (wrong) => worker.remoteTrainer(port, {}, wrong),
};

/** Functions without named options: their arguments are tensors, numbers, lists, values by name, paths. */
const without = `
  Engine Tensor NablaError ShapeError DTypeError FeedError DeviceLostError DeviceError CheckError FormatError
  jvp jacobian hessian jacobianMode explain toMermaid chromeTrace pointwise
  add sub mul hadamard div neg square sqrt pow exp log abs sin cos maximum minimum where
  equal notEqual less lessEqual greater greaterEqual outer dot transpose
  sigmoid tanh relu gelu silu softplus cast stopGradient reshape broadcastTo slice pad oneHot
  loss.squaredError loss.halfSquaredError loss.crossEntropy loss.binaryCrossEntropy
  optim.clipByGlobalNorm nn.flatten nn.reshape
  safetensors.encode safetensors.decode data.gunzip data.idx saveFile loadFile serveTrainer
`.match(/\S+/g)!;
/** Tables of functions that are named by strings, and what is exported for Nabla's own modules alone. */
const others = ['nn.initializers', 'safetensors.stored'];

/** The functions of a module, by their paths. */
function functionsOf(module: object, path = ''): string[] {
  return Object.entries(module).flatMap(([name, value]) => {
    const full = path + name;
    if (others.includes(full)) return [];
    if (typeof value === 'function') return [full];
    return typeof value === 'object' && value !== null ? functionsOf(value, `${full}.`) : [];
  });
}

describe('a misspelt option', () => {
  it.each(Object.entries(calls))('of %s is refused by its name', async (_, call) => {
    for (const name of ['batchsize', 'keepdims', 'Seed', 'dtypes', 'toString'] as const) {
      const answer = (async () => call({ [name]: 1 }))();
      await expect(answer).rejects.toThrow(NablaError);
      await expect(answer).rejects.toThrow(`there is no option '${name}'; pass an object of `);
    }
  });

  it.each(
    Object.entries(calls).filter(
      ([name]) => !['checkpoint.load', 'data.mnist', 'remoteTrainer'].includes(name),
    ),
  )('is what %s objects to: without it the call is right', async (_, call) => {
    await call({});
  });

  it('settings of fit may be given whole to evaluate and checkpoints, misspelt ones may not', async () => {
    await browser.checkpoint.save(engine, training);
    const settings = { ...training, accuracy: false, steps: 1 };
    expect(await browser.evaluate(engine, settings)).toMatchObject({
      accuracy: expect.any(Number),
      examples: 2,
    });
    await expect(browser.evaluate(engine, { ...training, batchsize: 1 } as never)).rejects.toThrow(
      "evaluate: there is no option 'batchsize'; pass an object of model, loss, data, batchSize",
    );
    const wrong = browser.checkpoint.save(engine, {
      model,
      optimiser: training.optimizer,
    } as never);
    await expect(wrong).rejects.toThrow(
      /checkpoint: there is no option 'optimiser'; pass an object of model, optimizer/,
    );
  });
});

describe('the list of functions', () => {
  it.each([
    ['browser', browser],
    ['node', node],
    ['worker', worker],
  ])('holds all of index.%s', (_, module) => {
    const known = new Set([...without, ...Object.keys(calls)]);
    expect(functionsOf(module).filter((name) => !known.has(name))).toEqual([]);
  });
  it('holds no function twice, and none that there is not', () => {
    const there = new Set([browser, node, worker].flatMap((module) => functionsOf(module)));
    const ofValues = Object.keys(calls).filter((name) => /[(,]|Engine/.test(name));
    const listed = [...without, ...Object.keys(calls).filter((name) => !ofValues.includes(name))];
    expect(listed.filter((name, i) => !there.has(name) || listed.indexOf(name) < i)).toEqual([]);
  });
});

describe('the names that a function checks', () => {
  interface Settings {
    engine: number;
    feeds?: number;
  }
  const settings: Settings = { engine: 1 };

  it('are those of its options, in any split', () => {
    expect(checkOptions('f', settings, 'engine', 'feeds')).toBe(settings);
    const own: string = 'engine feeds'; // made when it runs
    expect(checkOptions('f', settings, '', own)).toBe(settings);
  });

  it('do not compile where one is forgotten or misspelt', () => {
    // @ts-expect-error: feeds is forgotten
    expect(checkOptions('f', settings, 'engine', '')).toBe(settings);
    // @ts-expect-error: it is feeds
    expect(() => checkOptions('f', settings, 'engine', 'feed')).not.toThrow();
    // @ts-expect-error: it is engine
    expect(() => checkOptions('f', settings, 'engines', 'feeds')).toThrow(/no option 'engine'/);
    const make = (): { seed: number } | { fresh: true } => ({ seed: 1 });
    const either = make();
    // @ts-expect-error: seed is forgotten
    expect(() => checkOptions('f', either, '', 'fresh')).toThrow(/no option 'seed'/);
    expect(checkOptions('f', either, '', 'fresh seed')).toBe(either);
  });
});
