// An op takes as many inputs as its kernel, and its vjp gives as many cotangents; anything else names the op.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { NablaError } from '../../src/core/errors.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu, sigmoid } from '../../src/ops/activation.js';
import { add, div, exp, maximum } from '../../src/ops/arithmetic.js';
import { less } from '../../src/ops/compare.js';
import { tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';

const x = tensor(1);
const product = (cotangents: number) =>
  defineOp({
    name: 'product',
    kernel: pointwise('product', 'fn product(x: f32, y: f32) -> f32 { return x * y; }'),
    reference: (a, b) => a * b,
    vjp: ({ cotangent }) => new Array<Tensor>(cotangents).fill(cotangent),
  });

const miscalls: [string, () => unknown, RegExp][] = [
  // @ts-expect-error: it takes two
  ['one of two', () => add(x), /add: inputs: 2 expected, 1 given/],
  // @ts-expect-error: it takes one
  ['none of one', () => sigmoid(), /sigmoid: inputs: 1 expected, 0 given/],
  // @ts-expect-error: it takes one
  ['three for one', () => relu(x, x, x), /relu: inputs: 1 expected, 3 given/],
  // @ts-expect-error: it takes two
  ['one of a comparison', () => less(x), /less: inputs: 2 expected, 1 given/],
  // @ts-expect-error: it takes two
  ['one of a division', () => div(x), /div: inputs: 2 expected, 1 given/],
  // @ts-expect-error: it takes two
  ['three of two', () => maximum(x, x, 3), /maximum: inputs: 2 expected, 3 given/],
  [
    "one of a user's own two",
    // @ts-expect-error: it takes two
    () => product(2)(x),
    /product: inputs: 2 expected, 1 given; pass one for each/,
  ],
  [
    'WGSL in place of a kernel',
    () =>
      defineOp({
        name: 'same',
        kernel: 'fn same(x: f32) -> f32 { return x; }' as never,
        reference: (z: number) => z,
      }),
    /defineOp: the kernel of same is string; make it with pointwise/,
  ],
  ['a missing value', () => exp(undefined as never), /exp: undefined is not a tensor/],
];

describe('inputs', () => {
  it.each(miscalls)('%s throws', (_, call, message) => {
    expect(call).toThrow(NablaError);
    expect(call).toThrow(message);
  });
  it('as many as the kernel takes make a node', () => {
    expect(product(2)(x, 2).inputs).toHaveLength(2);
  });
});

describe('cotangents', () => {
  it.each([1, 3])('%i for two inputs throw, in reverse and in forward mode', (count) => {
    const y = product(count)(x, x);
    const message = `product: its vjp returned ${count} cotangents for 2 inputs; return one for each`;
    expect(() => grad(y, x)).toThrow(NablaError);
    expect(() => grad(y, x)).toThrow(message);
    expect(() => jvp(y, x, x)).toThrow(message);
  });
  it('that fit neither the output nor the input throw', () => {
    const y = defineOp({
      name: 'wide',
      kernel: pointwise('wide', 'fn wide(x: f32) -> f32 { return x; }'),
      reference: (z) => z,
      vjp: () => [tensor([1, 2, 3])],
    })(tensor([1, 2]));
    expect(() => grad(sum(y), y.inputs[0]!)).toThrow(
      /^wide: its vjp returned \[3\] for an input of shape \[2\]/,
    );
  });
  it('that are not returned throw', () => {
    const y = defineOp({
      name: 'mute',
      kernel: pointwise('mute', 'fn mute(x: f32) -> f32 { return x; }'),
      reference: (z) => z,
      vjp: (() => {}) as never,
    })(x);
    expect(() => grad(y, x)).toThrow(/mute: its vjp returned no cotangents for 1 inputs/);
  });
});

it('takes every trait in a user’s record, and refuses what is none', () => {
  const record = {
    name: 'plus',
    kernel: pointwise('plus', 'fn plus(x: f32, y: f32) -> f32 { return x + y; }'),
    reference: (a: number, b: number) => a + b,
  };
  const traits = {
    cost: 'cheap',
    neutral: 0,
    commutes: true,
    comparesBits: false,
    passesIntegers: false,
  } as const;
  expect(defineOp({ ...record, ...traits })(x, 0).shape).toEqual([]);
  expect(() => defineOp({ ...record, costs: 'cheap' } as never)).toThrow(
    /there is no option 'costs'/,
  );
});
