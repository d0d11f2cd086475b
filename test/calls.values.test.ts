// What a caller without types may get wrong in values, shapes and dtypes.
import { random } from '../src/index.common.js';
import { holdsItself, loose, n, testCalls, x } from './support/calls.js';

testCalls([
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
    'a seed of text',
    () => random.normal([2], loose({ seed: '1' })),
    /^random: seed "1" is not a whole number/,
  ],
  [
    'arange(5, { dtype })',
    () => n.arange!(5, { dtype: 'f32' }),
    /^arange: options stand third; use arange\(0, 5, \{/,
  ],
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
  ["full([2], 'a')", () => n.full!([2], 'a'), /full: "a" is not a number/],
  ['full([], 1e39)', () => n.full!([], 1e39), /full: 1e\+39 is beyond the f32 range/],
  ['mul(x, 1e39)', () => n.mul!(x, 1e39), /mul: 1e\+39 is beyond the f32 range/],
  [
    'where(…, -1e39)',
    () => n.where!(n.greater!(x, 1), x, -1e39),
    /where: -1e\+39 is beyond the f32 range/,
  ],
  ['pad with 1e39', () => n.pad!(x, [[1, 1]], 1e39), /pad: 1e\+39 is beyond the f32 range/],
]);
