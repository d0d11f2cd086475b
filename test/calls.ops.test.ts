// What a caller without types may get wrong in calls of ops and of gradients.
import * as typed from '../src/index.common.js';
import {
  classes,
  holdsItself,
  image,
  loose,
  n,
  testCalls,
  type Wrong,
  x,
} from './support/calls.js';

const p = typed.parameter(1, { name: 'p' });
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

testCalls([
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
    'equal(bools, true)',
    () => n.equal!(n.greater!(x, 1), true),
    /^equal: true is .*nor a number; use 1, and cast\(x, 'i32'\)/,
  ],
  [
    'notEqual(false, bools)',
    () => n.notEqual!(false, n.greater!(x, 1)),
    /^notEqual: false is .*; use 0, and cast/,
  ],
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
  ...misspelt.map(
    ([op, ...args]): Wrong => [
      `${op} with a misspelt option`,
      () => n[op]!(...args),
      new RegExp(`^${op}: there is no option '[a-z]+'; pass an object of `),
    ],
  ),
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
    .map((op): Wrong => [`${op}()`, () => n[op]!(), new RegExp(`^${op}: .*`)]),
  ['reshape(x, 2)', () => n.reshape!(x, 2), /reshape: a shape is an array of whole numbers, not 2/],
  [
    'transpose(x, 0, 1)',
    () => n.transpose!(x, 0, 1),
    /transpose: \[\] is no permutation of the 1 axes/,
  ],
  ['concat(x, x)', () => n.concat!(x, x), /concat: nothing to join; pass a list/],
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
  ['pad of integers with 0.5', () => n.pad!(classes, [[1, 1]], 0.5), /pad: 0.5 is no i32/],
  [
    'defineOp({})',
    () => n.defineOp!({}),
    /defineOp: name is missing; pass an object of name, kernel, reference/,
  ],
  ['defineOp()', () => n.defineOp!(), /defineOp: options are undefined/],
]);
