// Wrong calls throw typed errors that name the op, the fact and the fix.
import { describe, expect, it } from 'vitest';
import { DTypeError, FeedError, type NablaError, ShapeError } from '../../src/core/errors.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, exp, mul, neg } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { equal, where } from '../../src/ops/compare.js';
import { gather, oneHot } from '../../src/ops/indexing.js';
import { arange, input, parameter, tensor, zeros } from '../../src/ops/leaf.js';
import { dot, matmul, outer } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { max, mean, sum } from '../../src/ops/reduce.js';
import { concat, pad, slice } from '../../src/ops/slice.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import { valuesOf } from '../support/property.js';

const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];

const m = zeros([64, 784]);
const whole = tensor([1, 2], [2], { dtype: 'i32' });
const bytes = tensor(new Uint8Array(4));
const bad: [string, () => unknown, new (message: string) => NablaError, RegExp][] = [
  [
    'matmul of unequal inner sizes',
    () => matmul(m, zeros([128, 10])),
    ShapeError,
    /matmul: inner sizes differ: \[64, 784\] × \[128, 10\]; transpose one side, or change 784 or 128/,
  ],
  [
    'matmul of scalars',
    () => matmul(zeros([]), m),
    ShapeError,
    /matmul: a scalar operand; use mul/,
  ],
  [
    'matmul of integers',
    () => matmul(whole, whole),
    DTypeError,
    /matmul: dtype i32 is not a float; use cast/,
  ],
  [
    'matmul of batches that differ',
    () => matmul(zeros([2, 3, 3]), zeros([4, 3, 3])),
    ShapeError,
    /matmul: shapes \[2\] and \[4\] do not broadcast/,
  ],
  [
    'shapes that do not broadcast',
    () => add(zeros([2, 3]), zeros([2])),
    ShapeError,
    /add: shapes \[2, 3\] and \[2\] do not broadcast: .*make the sizes equal or one of them 1/,
  ],
  [
    'mixed dtypes',
    () => add(zeros([2]), whole),
    DTypeError,
    /add: mixed dtypes f32 and i32; cast one/,
  ],
  ['integer division', () => div(whole, 2), DTypeError, /div: dtype i32 is not a float; use cast/],
  ['the mean of integers', () => mean(whole), DTypeError, /mean: dtype i32 is not a float/],
  ['exp of integers', () => exp(whole), DTypeError, /exp: dtype i32 is not a float/],
  ['a negative u32', () => neg(tensor(new Uint32Array(1))), DTypeError, /neg: u32 has no sign/],
  ['arithmetic on u8', () => add(bytes, bytes), DTypeError, /add: u8 is storage only/],
  [
    'arithmetic on bools',
    () => add(equal(m, m), equal(m, m)),
    DTypeError,
    /add: bool is not a number/,
  ],
  ['a fraction beside integers', () => add(whole, 0.5), DTypeError, /0.5 is no i32/],
  ['a number too large for i32', () => mul(whole, 2 ** 31), DTypeError, /2147483648 is no i32/],
  ['where on floats', () => where(m, m, m), DTypeError, /where: the condition is f32; compare it/],
  [
    'where of mixed dtypes',
    () => where(equal(m, m), m, whole),
    DTypeError,
    /where: mixed dtypes f32 and i32/,
  ],
  [
    'an axis out of range',
    () => sum(m, { axis: 2 }),
    ShapeError,
    /sum: axis 2 is outside rank 2; use -2 to 1/,
  ],
  [
    'an axis named twice',
    () => sum(m, { axis: [0, -2] }),
    ShapeError,
    /sum: axis list \[0, 0\] names an axis twice/,
  ],
  [
    'joined scalars',
    () => concat([zeros([])], { axis: 0 }),
    ShapeError,
    /concat: a scalar has no axis; reshape it to/,
  ],
  [
    'a row of a scalar',
    () => gather(zeros([]), whole),
    ShapeError,
    /gather: a scalar has no axis; reshape it to/,
  ],
  ['a fractional axis', () => max(m, { axis: 0.5 }), ShapeError, /max: axis 0.5/],
  [
    'a wrong permutation',
    () => transpose(m, [0, 0]),
    ShapeError,
    /transpose: \[0, 0\] is no permutation of the 2 axes/,
  ],
  [
    'a short permutation',
    () => transpose(m, [0]),
    ShapeError,
    /transpose: \[0\] is no permutation/,
  ],
  [
    'a reshape that does not fill',
    () => reshape(m, [3, -1]),
    ShapeError,
    /reshape: \[64, 784\] has 50176 elements, which do not fill \[3, -1\]/,
  ],
  [
    'a reshape with two open sizes',
    () => reshape(m, [-1, -1]),
    ShapeError,
    /reshape: \[-1, -1\] leaves more than one size open/,
  ],
  [
    'a broadcast that shrinks',
    () => broadcastTo(m, [784]),
    ShapeError,
    /broadcastTo: \[64, 784\] does not broadcast to \[784\]/,
  ],
  [
    'a slice past the end',
    () => slice(m, [0, 0], [65, 784]),
    ShapeError,
    /slice: 0 to 65 is outside axis 0/,
  ],
  [
    'a slice from before the start',
    () => slice(m, [-65], [1]),
    ShapeError,
    /slice: -65 to 1 is outside axis 0/,
  ],
  [
    'a slice of too many axes',
    () => slice(m, [0, 0, 0]),
    ShapeError,
    /slice: \[64, 784\] and bounds \[\[0,0,0\],\[\]\]; give two lists/,
  ],
  [
    'a slice by numbers',
    // @ts-expect-error: bounds are lists
    () => slice(zeros([3]), 1, 2),
    ShapeError,
    /slice: \[3\] and bounds \[1,2\]; give two lists/,
  ],
  [
    'a pad of too few axes',
    () => pad(m, [[1, 1]]),
    ShapeError,
    /pad: \[64, 784\] and widths \[\[1,1\]\]; give \[before, after\]/,
  ],
  [
    'a negative pad',
    () =>
      pad(m, [
        [-1, 1],
        [0, 0],
      ]),
    ShapeError,
    /pad: \[64, 784\] and widths \[\[-1,1\],\[0,0\]\]/,
  ],
  // @ts-expect-error: both sides
  ['half a pair', () => pad(zeros([3]), [[1]]), ShapeError, /pad: \[3\] and widths \[\[1\]\]/],
  ['zeros of a negative size', () => zeros([-1]), ShapeError, /^zeros: \[-1\] is no shape/],
  ['concat of nothing', () => concat([], { axis: 0 }), ShapeError, /concat: nothing to join/],
  [
    'concat of misfits',
    () => concat([m, zeros([64, 783])], { axis: 0 }),
    ShapeError,
    /concat: \[64, 783\] does not fit \[64, 784\] off axis 0/,
  ],
  [
    'concat of mixed dtypes, one of them empty',
    () => concat([zeros([2]), zeros([0], { dtype: 'i32' })], { axis: 0 }),
    DTypeError,
    /concat: mixed dtypes/,
  ],
  [
    'concat of mixed dtypes',
    () => concat([zeros([2]), whole], { axis: 0 }),
    DTypeError,
    /concat: mixed dtypes/,
  ],
  ['float indices', () => gather(m, zeros([2])), DTypeError, /gather: indices are f32; use i32/],
  [
    'an index out of range',
    () => value(gather(zeros([2]), tensor(new Int32Array([2])))),
    FeedError,
    /gather: index 2 at position 0 is outside 0 to 1/,
  ],
  [
    'a class out of range',
    () => value(oneHot(tensor(new Int32Array([0, 3])), 3)),
    FeedError,
    /oneHot: index 3 at position 1 is outside 0 to 2/,
  ],
  [
    'a gather from nothing',
    () => gather(zeros([0]), tensor(new Int32Array(1))),
    ShapeError,
    /gather: cannot pick from an empty axis/,
  ],
  [
    'dot of unequal lengths',
    () => dot(zeros([2]), zeros([3])),
    ShapeError,
    /dot: last axes of \[2\] and \[3\] differ/,
  ],
  [
    'outer of a scalar',
    () => outer(zeros([]), zeros([3])),
    ShapeError,
    /outer: operands are vectors/,
  ],
  [
    'logits and targets that differ',
    () => softmaxCrossEntropy(zeros([2, 3]), zeros([2])),
    ShapeError,
    /crossEntropy: logits \[2, 3\] and targets \[2\] differ/,
  ],
  [
    'logits without classes',
    () => softmaxCrossEntropy(zeros([2, 0]), zeros([2, 0])),
    ShapeError,
    /crossEntropy: \[2, 0\] has no classes/,
  ],
  ['a rank above 8', () => zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]), ShapeError, /rank 9 .*is above 8/],
  ['a negative size', () => input([-1]), ShapeError, /input: \[-1\] is no shape/],
  ['a fractional size', () => zeros([1.5]), ShapeError, /zeros: \[1.5\] is no shape/],
  [
    'values that do not fill',
    () => tensor([1, 2, 3], [2]),
    FeedError,
    /tensor: shape \[3\] where \[2\] is expected/,
  ],
  ['holes', () => tensor(new Array(3)), FeedError, /tensor: undefined is not a number/],
  [
    'an array among numbers',
    () => tensor([0, [1]] as never),
    FeedError,
    /tensor: an array is not a number/,
  ],
  ['ragged rows', () => tensor([[1, 2], [3]]), FeedError, /tensor: nested arrays are ragged/],
  [
    'a fraction in an integer tensor',
    () => tensor([0.5], [1], { dtype: 'i32' }),
    FeedError,
    /tensor: 0.5 at 0 is no i32/,
  ],
  [
    'a bool parameter',
    () => parameter({ shape: [1], dtype: 'bool', data: new Uint8Array(1) }),
    DTypeError,
    /parameter: dtype bool cannot be updated/,
  ],
  ['an endless range', () => arange(0, 1, { step: 0 }), ShapeError, /arange: no finite length/],
  [
    'a fractional integer range',
    () => arange(0, 1, { step: 0.5 }),
    DTypeError,
    /arange: 0.5 is no i32/,
  ],
  ['a seed out of range', () => random.uniform([2], { seed: -1 }), ShapeError, /random: seed -1/],
  ['a cast to u8', () => cast(m, 'u8'), DTypeError, /cast: u8 is storage only/],
  [
    'a text where a tensor belongs',
    () => exp('three' as unknown as Tensor),
    ShapeError,
    /exp: three is not a tensor/,
  ],
];

describe('wrong calls', () => {
  it.each(bad)('%s', (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
