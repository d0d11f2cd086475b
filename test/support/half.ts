// Graphs of f16 tensors with the numbers that PyTorch gives for them, and cases of the rule that f16 is storage.
import { grad } from '../../src/autodiff/reverse.js';
import type { Tensor } from '../../src/graph/tensor.js';
import {
  add,
  div,
  exp,
  maximum,
  minimum,
  mul,
  sqrt,
  square,
  sub,
} from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { greater, where } from '../../src/ops/compare.js';
import { gather } from '../../src/ops/indexing.js';
import { tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { max, mean, min, sum } from '../../src/ops/reduce.js';
import { logSoftmax, logSumExp, softmax } from '../../src/ops/softmax.js';
import { broadcastTo } from '../../src/ops/view.js';

/** a and b of the programs below, [2, 3]. */
export const [A, B] = [
  [0.71, -1.3, 2.05, -0.42, 1.6, 0.11],
  [1.21, 0.37, -0.9, 2.2, -1.05, 0.58],
] as const;

type Program = readonly [text: string, values: readonly number[], gradient: readonly number[]];
/**
 * Programs, their result and the gradient of its sum by a. Each line takes two earlier values by number, from a = 0 and
 * b = 1 on. By PyTorch 1.13, each op as its GPU kernels do it: op(x.float(), y.float()).half().
 */
export const programs: readonly Program[] = [
  ['add 0 1', [1.9199, -0.92969, 1.1504, 1.7793, 0.5498, 0.68994], [1, 1, 1, 1, 1, 1]],
  ['sub 0 1', [-0.5, -1.6699, 2.9512, -2.6191, 2.6484, -0.47021], [1, 1, 1, 1, 1, 1]],
  [
    'mul 0 1',
    [0.85889, -0.4812, -1.8457, -0.92334, -1.6797, 0.063782],
    [1.21, 0.37012, -0.8999, 2.1992, -1.0498, 0.58008],
  ],
  [
    'over 0 1',
    [0.28809, -1.1436, 1.1328, -0.07196, 0.76123, 0.082336],
    [0.40576, 0.87988, 0.55225, 0.17139, 0.47583, 0.74854],
  ],
  [
    'exp 0 1',
    [2.0332, 0.27271, 7.3906, 0.65723, 4.9492, 1.1162],
    [2.0332, 0.27271, 0, 0.65723, 4.9492, 1.1162],
  ],
  ['center 0 1', [0.2229, -1.7871, 1.5635, -0.84961, 1.1699, -0.31982], [0, 0, 0, 0, 0, 0]],
  ['total 0 1', [1, -1, 4.2109, -0.12988, 1.8994, 2.2695], [3, 3, 3, 3, 3, 3]],
  ['softmax 0 1', [0.20178, 0.027039, 0.771, 0.097717, 0.73633, 0.16602], [0, 0, 0, 0, 0, 0]],
  [
    'product 0 1',
    [7.2773, -4.8672, 3.709, -5.6016, 2.6602, -1.459],
    [4.625, -1.5635, 0.39111, 4.625, -1.5635, 0.39111],
  ],
  ['larger 0 1', [1.21, 0.37012, 2.0508, 2.1992, 1.5996, 0.58008], [0, 0, 1, 0, 1, 0]],
  [
    'pick 0 1',
    [1.21, 0.37012, 0.20508, 2.1992, 0.15991, 0.58008],
    [0, 0, 0.099976, 0, 0.099976, 0],
  ],
  [
    'spread 0 1',
    [-1.6006, -3.6094, -0.25977, -2.3242, -0.30566, -1.7949],
    [0.39453, 0.91895, -1.3145, 0.70703, -1.209, 0.50195],
  ],
  [
    'total 0 1; larger 1 2; softmax 3 1; softmax 3 4; mul 5 1',
    [0.056152, 0.0074196, -0.84033, 0.78174, -0.27661, 0.22119],
    [0, -0.46777, -0.28613, 0, -0.93555, -0.22681],
  ],
  [
    'exp 1 1; larger 2 0; larger 3 1; larger 4 1; spread 5 0',
    [-0.35156, -2.2578, -1.6543, -0.0078125, -5.7969, -5.6133],
    [0, 0, 0.42627, 0, 0.99072, 0],
  ],
  [
    'pick 1 0; mul 0 1; exp 0 3; product 4 0; add 5 1',
    [12.578, -20.109, 32.469, -3.6719, 16.156, -6.1094],
    [17.5, 20.25, 25, 11.953, 15.703, 22.625],
  ],
  [
    'product 1 0; pick 2 0; total 3 1; spread 4 3; pick 1 2; total 6 2',
    [4.2305, 3.6641, 7.9805, 8.0938, 1.6738, 16.234],
    [25.844, -14.531, 20.656, -3.8574, 2.707, -12.469],
  ],
  [
    'larger 1 0; pick 2 0; center 3 0; sub 4 0',
    [-1.3252, 0.60059, -0.73633, 0.013916, -0.62598, -0.67773],
    [-1, -1, -1, -1, -1, -1],
  ],
  [
    'sub 1 1; sub 2 0; add 1 3; over 4 4',
    [0.3999, 0.44067, -0.30396, 0.33325, -0.33032, 0.38525],
    [-0.47974, 0.12451, 0.081604, 0.094849, 0.093628, -0.52246],
  ],
  [
    'add 1 0; softmax 0 0; sub 3 1; exp 4 3',
    [0.36499, 0.70947, 5.3164, 0.12225, 5.9648, 0.66113],
    [-0.77246, -0.094177, 0.8667, -0.4292, 1.0684, -0.63965],
  ],
  [
    'over 1 0; product 2 2; mul 3 1',
    [3.7617, -0.11346, -0.59521, 18.484, 1.0137, 1.1631],
    [-8.8516, -0.23718, 0.21362, 40.75, -1.583, -0.74072],
  ],
  [
    'spread 1 1; over 2 2; sub 3 0',
    [-1.0781, 0.81445, -2.3906, 0.21619, -1.8662, -0.53076],
    [-1, -1, -1, -1, -1, -1],
  ],
  [
    'tiny 0 0; product 1 0; product 0 2; mul 2 1; pick 5 1; pick 6 0',
    [0.12097, 0.037018, 2.0508, 0.21997, 1.5996, 0.058014],
    [0, 0, 1, 0, 1, 0],
  ],
  [
    'product 1 0; center 2 0; mul 0 0',
    [0.50391, 1.6895, 4.207, 0.17639, 2.5586, 0.0121],
    [1.4199, -2.5996, 4.1016, -0.83984, 3.1992, 0.21997],
  ],
  [
    'over 0 1; exp 0 1; over 3 3',
    [0.39624, 0.25391, 0.13281, 0.45898, 0.19409, 0.49707],
    [-0.24182, 0.21863, 0, 0.18225, -0.17871, -0.054504],
  ],
];

const rows = { axis: 1, keepDims: true } as const;
const steps: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  ...{ add, sub, mul, softmax: (x) => softmax(x), larger: maximum },
  over: (x, y) => div(x, add(square(y), 1)),
  exp: (x) => exp(minimum(x, 2)),
  center: (x) => sub(x, mean(x, rows)),
  total: (x) => add(x, sum(x, { axis: 0, keepDims: true })),
  product: (x, y) => matmul(matmul(x, y, { transposeB: true }), y),
  pick: (x, y) => where(greater(x, y), mul(x, 0.1), y),
  spread: (x) => sub(x, logSumExp(x, rows)),
  tiny: (x) => mul(x, 1e-3),
};

/** A program's result and the gradient of its sum by a. */
export function runProgram(text: string, a: Tensor, b: Tensor): { y: Tensor; gradient: Tensor } {
  const values = [a, b];
  for (const line of text.split('; ')) {
    const [name, i, j] = line.split(' ');
    values.push(steps[name!]!(values[Number(i)]!, values[Number(j)]!));
  }
  const y = values.at(-1)!;
  return { y, gradient: grad(sum(y), a) };
}

/** The distance between neighbouring numbers of f16 at `value`. */
export const halfUlp = (value: number): number =>
  2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10);

/** Makes an f16 tensor of numbers. */
export type Halves = (values: readonly number[], shape?: readonly number[]) => Tensor;
/** f16 in a buffer. */
export const stored: Halves = (values, shape) =>
  tensor([...values], shape ?? [values.length], { dtype: 'f16' });
/** f16 in a kernel alone, for adapters whose buffers hold none. */
export const computed: Halves = (values, shape) =>
  cast(tensor([...values], shape ?? [values.length]), 'f16');

const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
/** More ones than f16 can count. */
const many = (value = 1): number[] => new Array<number>(70_000).fill(value);
const normalized = (x: Tensor): Tensor => {
  const centered = sub(x, mean(x));
  return div(centered, sqrt(add(mean(square(centered)), 1e-5)));
};

/** What f16 tensors give, the first elements of it. */
export const cases: readonly (readonly [
  name: string,
  build: (half: Halves) => Tensor,
  expected: number[],
])[] = [
  [
    'halves of all kinds',
    (half) => half([1.9, 2049, 2051, 70_000, -70_000]),
    [1.900390625, 2048, 2052, inf, -inf],
  ],
  [
    'halves at the ends',
    (half) => half([65_519, 65_520, inf, -inf, nan, -0]),
    [65_504, inf, inf, -inf, nan, -0],
  ],
  [
    'small halves',
    (half) => half([2 ** -24, 2 ** -25, 1.5 * 2 ** -24, -1e-7]),
    [2 ** -24, 0, 2 ** -23, -(2 ** -23)],
  ],
  [
    'casts of integers',
    () => cast(tensor([2049, 70_000, -5], [3], { dtype: 'i32' }), 'f16'),
    [2048, inf, -5],
  ],
  ['a large factor', (half) => mul(half([1e-4]), 1e6), [100]],
  ['a small addend', (half) => mul(add(half([0]), 1e-9), 1e9), [1]],
  ['a large divisor', (half) => div(half([1]), 1e5), [168 * 2 ** -24]],
  ['a large numerator', (half) => div(1e6, half([100])), [1e4]],
  [
    'a large branch',
    (half) => mul(where(greater(half([1, 2]), 1), 1e6, half([5, 5])), 1e-5),
    [839 * 2 ** -24, 10],
  ],
  ['a limit beyond f16', (half) => minimum(half([65_504]), 1e6), [65_504]],
  ['what overflows', (half) => mul(half([300, -300]), 300), [inf, -inf]],
  ['what comes back before it is stored', (half) => sqrt(square(half([300]))), [300]],
  ['a cast of what overflows', (half) => sqrt(cast(square(half([300])), 'f16')), [inf]],
  ['the sum of many ones', (half) => sum(half(many())), [inf]],
  ['the mean of many ones', (half) => mean(half(many())), [1]],
  ['a sum whose parts overflow', (half) => sum(half([60_000, 60_000, -60_000])), [60_000]],
  ['the sum of many small numbers', (half) => sum(half(many(2 ** -8))), [273.5]],
  [
    'the product of long vectors',
    (half) => matmul(half(many(2 ** -4)), half(many(2 ** -4))),
    [273.5],
  ],
  ['logSumExp of many', (half) => logSumExp(half(many(0))), [11.15625]],
  ['softmax of many', (half) => softmax(half(many(0))), [240 * 2 ** -24]],
  ['logSoftmax of many', (half) => logSoftmax(half(many(0))), [-11.15625]],
  ['a normalized row', (half) => normalized(half([300, -300, 300, -300])), [1, -1, 1, -1]],
  [
    'the gradient of a maximum of many',
    (half) => {
      const x = half(many());
      return grad(max(x), x);
    },
    [240 * 2 ** -24],
  ],
  [
    'the gradient of a minimum of many',
    (half) => {
      const x = half(many());
      return grad(min(x), x);
    },
    [240 * 2 ** -24],
  ],
  [
    'the gradient of one number in many places',
    (half) => {
      const x = half([1], []);
      return grad(sum(mul(broadcastTo(x, [70_000]), half(many(2 ** -8)))), x);
    },
    [273.5],
  ],
  [
    'the gradient of a row that is picked often',
    (half) => {
      const x = half([1, 2]);
      const picked = gather(x, tensor(new Int32Array(70_000)));
      return grad(picked, x, { cotangent: half(many(2 ** -8)) });
    },
    [273.5, 0],
  ],
];
