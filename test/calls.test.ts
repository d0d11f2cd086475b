// What a caller without types may get wrong: every public entry answers with an error of Nabla's that names itself.
import { describe, expect, it } from 'vitest';
import { CpuBackend } from '../src/cpu/backend.js';
import { openWith } from '../src/engine/open.js';
import * as typed from '../src/index.common.js';
import { NablaError } from '../src/index.common.js';

/** The public functions as JavaScript sees them. */
const n = typed as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
const { nn, optim, loss } = typed;
const untyped = nn as unknown as typeof n;
const loose = (value: unknown) => value as never;
const { tensor, input, parameter, random } = typed;
const engine = new typed.Engine(new CpuBackend());
const x = tensor([1, 2]);
const p = parameter(1, { name: 'p' });
const model = nn.sequential(nn.dense(2, 2));
const data = typed.dataset([[1, 2]], [1]);
const optimizer = optim.sgd();
const training = { model, data, optimizer, loss: loss.crossEntropy, epochs: 1, batchSize: 1 };
const without = (name: string) => loose({ ...training, [name]: undefined });
const open = openWith(async () => new CpuBackend());
const { schedules } = optim;

const image = typed.ones([1, 1, 2, 2]);
const classes = tensor([0, 1], [2], { dtype: 'i32' });
const misspelt: [string, ...unknown[]][] = [
  ...['sum', 'mean', 'max', 'min', 'logSumExp'].map((op): [string, ...unknown[]] => [
    op,
    x,
    { axes: 0 },
  ]),
  ...['softmax', 'logSoftmax', 'leakyRelu', 'elu'].map((op): [string, ...unknown[]] => [
    op,
    x,
    { dim: 0 },
  ]),
  ['argMax', x, { axis: 0, keepdims: true }],
  ['concat', [x, x], { axis: 0, along: 1 }],
  ['gather', x, classes, { dim: 0 }],
  ['conv2d', image, image, { strides: 2 }],
  ['maxPool2d', image, { size: 2, strides: 2 }],
  ['matmul', x, x, { transposeb: true }],
  ['grad', p, p, { cotangents: p }],
  ['tensor', 1, [], { type: 'i32' }],
  ['input', [], { type: 'i32' }],
  ['parameter', 1, { label: 'p' }],
  ['full', [2], 1, { type: 'i32' }],
  ['arange', 0, 4, { by: 2 }],
  ['eye', 2, { type: 'i32' }],
  ['dataset', [1], [1], { scaled: 2 }],
];
const numeric = typed.defineOp({
  name: 'numeric',
  vjp: () => loose([1]),
  reference: (value) => value,
  kernel: typed.pointwise('numeric', 'fn numeric(value: f32) -> f32 { return value; }'),
});
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

const holdsItself: unknown[] = [];
holdsItself.push(holdsItself);

const calls: [string, () => unknown, RegExp][] = [
  ['tensor(null)', () => n.tensor!(null), /tensor: null is not a number/],
  [
    'tensor(BigInt64Array)',
    () => n.tensor!(BigInt64Array.of(1n)),
    /tensor: BigInt64Array is not accepted; pass Float32/,
  ],
  [
    'tensor([1n])',
    () => n.tensor!([1n]),
    /^tensor: 1n is not a number but a BigInt; pass Number\(x\), with dtype i32/,
  ],
  ['tensor(1n)', () => n.tensor!(1n), /^tensor: 1n is not a number but a BigInt; pass Number/],
  [
    'tensor of BigInts in i32',
    () => n.tensor!([[1, 2n]], { dtype: 'i32' }),
    /^tensor: 2n is not a number but a BigInt/,
  ],
  [
    'tensor data of BigInts',
    () => n.tensor!({ shape: [1], data: [3n] }),
    /^tensor: 3n is not a number but a BigInt/,
  ],
  ['parameter([1n])', () => n.parameter!([1n]), /^parameter: 1n is not a number but a BigInt/],
  ['dataset([1n])', () => n.dataset!([1n], [1]), /1n is not a number but a BigInt/],
  ['full of a BigInt', () => n.full!([1], 1n), /^full: 1n is not a number/],
  [
    'a stride of a BigInt',
    () => n.conv2d!(image, image, { stride: 1n }),
    /^conv2d: stride 1n is not one or two/,
  ],
  [
    'strides of BigInts',
    () => n.conv2d!(image, image, { stride: [1n, 2] }),
    /^conv2d: stride \["1n",2\] is not/,
  ],
  [
    'slice at a BigInt',
    () => n.slice!(x, [0n, 0n], [1n]),
    /^slice: .*bounds \[\["0n","0n"\],\["1n"\]\]/,
  ],
  ['pad by a BigInt', () => n.pad!(x, [[1n, 0]]), /^pad: .*widths \[\["1n",0\]\]/],
  ['pad by what holds itself', () => n.pad!(x, holdsItself), /^pad: .*widths an Array/],
  ['nn.maxPool2d(2n)', () => nn.maxPool2d(loose(2n)).apply(image), /^maxPool2d: window 2n is not/],
  [
    'an object among numbers',
    () => n.tensor!([{ of: 1n }]),
    /^tensor: \{"of":"1n"\} is not a number/,
  ],
  [
    'an object that holds itself',
    () => n.tensor!([{ holdsItself }]),
    /^tensor: an Object is not a number/,
  ],
  ['texts', () => n.tensor!(['1']), /^tensor: "1" is not a number/],
  ['a shape of texts', () => n.zeros!(['1', 2]), /^zeros: \["1", 2\] is no shape/],
  ['a shape of BigInts', () => n.zeros!([2n]), /^zeros: \[2n\] is no shape/],
  [
    'nn.dense of texts',
    () => nn.dense(loose('2'), 2),
    /^dense: inputs is "2"; give a whole number/,
  ],
  [
    'a seed of text',
    () => random.normal([2], loose({ seed: '1' })),
    /^random: seed "1" is not a whole number/,
  ],
  ['an axis of text', () => n.sum!(x, { axis: '0' }), /^sum: axis "0" is a text; use -1 to 0/],
  ['axes of texts', () => n.sum!(x, { axis: ['0'] }), /^sum: axis "0" is a text/],
  ['an axis of two digits', () => n.mean!(image, { axis: '12' }), /^mean: axis "12" is a text/],
  ['an axis that is an object', () => n.max!(x, { axis: {} }), /^max: axis \{\} is no number/],
  ['an axis that is null', () => n.sum!(x, { axis: null }), /^sum: axis null is no number/],
  ['an axis of a BigInt', () => n.softmax!(x, { axis: 0n }), /^softmax: axis 0n is no number/],
  ['axes that are a text', () => n.transpose!(image, '3210'), /^transpose: axis "3" is a text/],
  [
    'argMax(x, { dim })',
    () => n.argMax!(x, { dim: 1 }),
    /^argMax: there is no option 'dim'; pass an object of axis/,
  ],
  ['concat(xs, { dim })', () => n.concat!([x, x], { dim: 1 }), /^concat: there is no option 'dim'/],
  [
    'arange(5, { dtype })',
    () => n.arange!(5, { dtype: 'f32' }),
    /^arange: options stand third; use arange\(0, 5, \{/,
  ],
  [
    'equal(bools, true)',
    () => n.equal!(n.greater!(x, 1), true),
    /^equal: true is .*nor a number; use 1, and cast\(x, 'i32'\)/,
  ],
  [
    'notEqual(false, bools)',
    () => n.notEqual!(false, n.greater!(x, 1)),
    /^notEqual: false is .*; use 0, and cast/,
  ],
  [
    'nn.flatten({ a: 1 })',
    () => untyped.flatten!({ a: 1 }),
    /^nn.flatten: .*no options, and \{"a":1\} is/,
  ],
  ['nn.reshape([2], { a: 1 })', () => untyped.reshape!([2], { a: 1 }), /^nn.reshape: .*no options/],
  [
    'tensor(DataView)',
    () => n.tensor!(new DataView(new ArrayBuffer(8))),
    /tensor: DataView is not accepted/,
  ],
  [
    'tensor of no data',
    () => n.tensor!({ shape: [1], data: null }),
    /tensor: Null is not accepted/,
  ],
  ['tensor of no shape', () => n.tensor!({ shape: 1, data: x }), /tensor: .* is not accepted/],
  [
    'tensor of a dtype',
    () => n.tensor!(1, [1], { dtype: 'float32' }),
    /tensor: there is no dtype 'float32'; use f32, f16/,
  ],
  ['input of f64', () => n.input!([2], { dtype: 'f64' }), /input: there is no dtype 'f64'/],
  ['full of a dtype', () => n.zeros!([2], { dtype: 'int' }), /zeros: there is no dtype 'int'/],
  ['cast to f64', () => n.cast!(x, 'f64'), /cast: there is no dtype 'f64'/],
  ['cast(x)', () => n.cast!(x), /cast: there is no dtype 'undefined'/],
  ['cast()', () => n.cast!(undefined, 'i32'), /cast: undefined is not a tensor/],
  ['argMax(x)', () => n.argMax!(x), /argMax: options are undefined; pass an object of axis/],
  ['concat(xs)', () => n.concat!([x, x]), /concat: options are undefined; pass an object of axis/],
  ['sum(x, 1)', () => n.sum!(x, 1), /sum: options are 1; pass an object of axis, keepDims/],
  ['concat of a number', () => n.concat!([x, 1], { axis: 0 }), /concat: 1 is not a tensor/],
  [
    'leakyRelu(x, 0.2)',
    () => n.leakyRelu!(x, 0.2),
    /leakyRelu: options are 0.2; pass an object of slope/,
  ],
  [
    'maxPool2d(image)',
    () => n.maxPool2d!(image),
    /maxPool2d: options are undefined; .* size, stride/,
  ],
  ['oneHot without classes', () => n.oneHot!(classes), /oneHot: classes is undefined/],
  [
    'a stride of text',
    () => n.conv2d!(image, image, { stride: 'ab' }),
    /conv2d: stride "ab" is not one or two/,
  ],
  [
    'nn.lstm({ outputs })',
    () => nn.lstm(2, 2, loose({ outputs: 'lst' })),
    /lstm: outputs is 'lst'; use 'all' or 'last'/,
  ],
  ['nn.dense(2, 2, null)', () => nn.dense(2, 2, loose(null)), /nn.dense: options are null/],
  ...misspelt.map(([op, ...args]): [string, () => unknown, RegExp] => [
    `${op} with a misspelt option`,
    () => n[op]!(...args),
    new RegExp(`^${op}: there is no option '[a-z]+'; pass an object of `),
  ]),
  ...Object.entries(layers).map(([layer, make]): [string, () => unknown, RegExp] => [
    `nn.${layer} with a misspelt option`,
    make,
    new RegExp(`^nn.${layer}: there is no option 'activate'; pass an object of `),
  ]),
  [
    'uniform without a seed',
    () => random.uniform([2], {} as never),
    /^random.uniform: there is no seed; give .*fresh/,
  ],
  [
    'normal of a shape alone',
    () => random.normal([2], undefined as never),
    /^random.normal: there is no seed; give \{ seed: 1 \}/,
  ],
  [
    'fresh: false',
    () => random.normal([2], { fresh: false } as never),
    /random.normal: there is no seed/,
  ],
  [
    'uniform({ lo })',
    () => random.uniform([2], loose({ lo: 1 })),
    /random.uniform: there is no option 'lo'/,
  ],
  [
    'normal({ stddev })',
    () => random.normal([2], loose({ stddev: 1 })),
    /random.normal: .* 'stddev'; .*deviation/,
  ],
  [
    'apply({ train })',
    () => model.apply(x, loose({ train: true })),
    /nn: there is no option 'train'; .* training/,
  ],
  ['gather(x)', () => n.gather!(x), /gather: indices are undefined; use i32/],
  ['matmul(2, x)', () => n.matmul!(2, x), /matmul: 2 is not a tensor; wrap values with tensor/],
  ...[
    'max',
    'mean',
    'argMax',
    'softmax',
    'logSumExp',
    'transpose',
    'broadcastTo',
    'reshape',
    'stopGradient',
    'relu',
  ]
    .concat([
      'matmul',
      'outer',
      'dot',
      'conv2d',
      'maxPool2d',
      'gather',
      'oneHot',
      'add',
      'div',
      'where',
    ])
    .map((op): [string, () => unknown, RegExp] => [
      `${op}()`,
      () => n[op]!(),
      new RegExp(`^${op}: .*`),
    ]),
  ['reshape(x, 2)', () => n.reshape!(x, 2), /reshape: a shape is an array of whole numbers, not 2/],
  [
    'transpose(x, 0, 1)',
    () => n.transpose!(x, 0, 1),
    /transpose: \[\] is no permutation of the 1 axes/,
  ],
  ['concat(x, x)', () => n.concat!(x, x), /concat: nothing to join; pass a list/],
  ['nn.conv2d()', () => nn.conv2d(1, 1, loose(undefined)), /conv2d: kernel height is undefined/],
  ['nn.layerNorm()', () => nn.layerNorm(loose(undefined)), /layerNorm: a shape is an array/],
  ['slice', () => n.slice!(1, [0]), /slice: 1 is not a tensor/],
  ['pad', () => n.pad!(1, [[0, 0]]), /pad: 1 is not a tensor/],
  ['jvp(y, x)', () => n.jvp!(x, x), /jvp: undefined is not a tensor/],
  ['grad(y)', () => n.grad!(n.sum!(x)), /grad: undefined is not a tensor/],
  [
    'grad({ cotangent: 1 })',
    () => n.grad!(p, p, { cotangent: 1 }),
    /grad: 1 is not a tensor; wrap values/,
  ],
  [
    'grad({ cotangent: [1, 1] })',
    () => n.grad!(p, p, { cotangent: [1, 1] }),
    /grad: 1,1 is not a tensor/,
  ],
  [
    'a vjp of numbers',
    () => n.grad!(typed.sum(numeric(x)), x),
    /numeric: its vjp: 1 is not a tensor/,
  ],
  ['a bias of a number', () => n.conv2d!(image, image, { bias: 1 }), /conv2d: 1 is not a tensor/],
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
  ["full([2], 'a')", () => n.full!([2], 'a'), /full: "a" is not a number/],
  ['full([], 1e39)', () => n.full!([], 1e39), /full: 1e\+39 is beyond the f32 range/],
  ['mul(x, 1e39)', () => n.mul!(x, 1e39), /mul: 1e\+39 is beyond the f32 range/],
  [
    'where(…, -1e39)',
    () => n.where!(n.greater!(x, 1), x, -1e39),
    /where: -1e\+39 is beyond the f32 range/,
  ],
  ['pad with 1e39', () => n.pad!(x, [[1, 1]], 1e39), /pad: 1e\+39 is beyond the f32 range/],
  ['pad of integers with 0.5', () => n.pad!(classes, [[1, 1]], 0.5), /pad: 0.5 is no i32/],
  [
    'defineOp({})',
    () => n.defineOp!({}),
    /defineOp: name is missing; pass an object of name, kernel, reference/,
  ],
  ['defineOp()', () => n.defineOp!(), /defineOp: options are undefined/],
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
    (name): [string, () => unknown, RegExp] => [
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
];

const promises: [string, () => Promise<unknown>, RegExp][] = [
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
  it.each(calls)('%s names itself', (_, call, message) => {
    expect(call).toThrow(NablaError);
    expect(call).toThrow(message);
  });
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
