// What is said of users' records whose rules return something else than they are to, for records made wrong at random.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { evaluateBounds } from '../../src/cpu/bounds.js';
import { evaluateNode } from '../../src/cpu/evaluate.js';
import {
  add,
  cast,
  DTypeError,
  defineOp,
  grad,
  input,
  jvp,
  mul,
  NablaError,
  ones,
  pointwise,
  ShapeError,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.common.js';
import { forAll } from '../support/property.js';

/** What a rule may return in the place of a tensor of a form, and the error that tells it. */
const wrongs = {
  shape: {
    of: ({ shape }: Tensor): Tensor => zeros([...shape, 2]),
    error: ShapeError,
    text: / returned \[.*\] for an (input|output) of shape \[.*\]; return that$/,
  },
  dtype: {
    of: ({ shape }: Tensor): Tensor => zeros(shape, { dtype: 'i32' }),
    error: DTypeError,
    text: / returned i32 for an (input|output) of dtype f32; cast it$/,
  },
  half: {
    of: ({ shape }: Tensor): Tensor => cast(zeros(shape), 'f16'),
    error: DTypeError,
    text: / returned f16 for an (input|output) of dtype f32; cast it$/,
  },
  value: {
    of: () => 1 as never,
    error: ShapeError,
    text: /: 1 is not a tensor; wrap values with tensor/,
  },
} as const;
const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 });
const kinds = fc.constantFrom(...(Object.keys(wrongs) as (keyof typeof wrongs)[]));
const cases = fc.record({ shape: shapes, kind: kinds, isPointwise: fc.boolean() });

/** A record of the sum of two tensors, as an op of scalars or of tensors, with rules of its own. */
function sumOp(isPointwise: boolean, rules: object) {
  const ofScalars = {
    kernel: pointwise('plus', 'fn plus(a: f32, b: f32) -> f32 { return a + b; }'),
    reference: (a: number, b: number) => a + b,
  };
  const ofTensors = {
    kernel: { kind: 'index', write: () => '0.0' },
    reference: ([a, b]: { data: Float64Array }[]) => a!.data.map((x, i) => x + b!.data[i]!),
  };
  const record = { name: 'plus', ...(isPointwise ? ofScalars : ofTensors), ...rules };
  return defineOp(record as never) as unknown as (a: Tensor, b: Tensor) => Tensor;
}
const pair = (shape: Shape) => [input(shape), input(shape)] as const;

/** Calls what is to throw, and looks at the error. */
function expectThrow(call: () => unknown, error: new (...args: never[]) => Error, text: RegExp) {
  try {
    call();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(error);
    expect((thrown as NablaError).message).toMatch(text);
    expect((thrown as NablaError).op).toBe('plus');
    return;
  }
  expect.fail(`nothing was thrown, where ${text} is expected`);
}

describe('a rule that returns something else', () => {
  it('is told of vjp', () => {
    forAll(cases, 60, ({ shape, kind, isPointwise }) => {
      const { of, error, text } = wrongs[kind];
      const [a, b] = pair(shape);
      const op = sumOp(isPointwise, { vjp: () => [of(a), undefined] });
      expectThrow(() => grad(sum(op(a, b)), a), error, text);
    });
  });

  it('is told of jvp', () => {
    forAll(cases, 60, ({ shape, kind, isPointwise }) => {
      const { of, error, text } = wrongs[kind];
      const [a, b] = pair(shape);
      const op = sumOp(isPointwise, { jvp: () => of(a) });
      expectThrow(() => jvp(op(a, b), a, ones(shape)), error, text);
    });
  });

  it('is told of a definition, when the op is called', () => {
    forAll(cases, 60, ({ shape, kind, isPointwise }) => {
      const { of, error, text } = wrongs[kind];
      const [a, b] = pair(shape);
      const op = sumOp(isPointwise, { definition: () => of(a) });
      expectThrow(() => op(a, b), error, text);
      const composed = sumOp(false, {
        kernel: { kind: 'composed', compose: () => of(a) },
        reference: undefined,
      });
      expectThrow(() => composed(a, b), error, text);
    });
  });

  it('is told where there are several outputs', () => {
    const x = input([2]);
    const outputs = () => [
      { shape: [2], dtype: 'f32' },
      { shape: [2], dtype: 'f32' },
    ];
    const made = (count: number) =>
      defineOp({
        ...{ name: 'plus', outputs, kernel: { kind: 'composed' } },
        kernel: { kind: 'composed', compose: () => new Array(count).fill(x) },
      } as never) as (x: Tensor) => Tensor[];
    expect(made(2)(x)).toHaveLength(2);
    for (const count of [0, 1, 3])
      expectThrow(
        () => made(count)(x),
        NablaError,
        / returned \d tensors for 2 outputs; return one/,
      );
  });
});

describe('too few inputs', () => {
  it('are told where a rule fails on them', () => {
    const op = sumOp(false, { shape: ([, b]: Tensor[]) => b!.shape });
    const call = op as unknown as (a: Tensor) => Tensor;
    expectThrow(() => call(input([2])), NablaError, /its rules failed on 1 inputs \(/);
  });

  it('are told where the reference fails on them', () => {
    const call = sumOp(false, { shape: ([a]: Tensor[]) => a!.shape }) as unknown as (
      a: Tensor,
    ) => Tensor;
    const x = tensor([1, 2]);
    const value = { shape: [2], dtype: 'f64', data: Float64Array.of(1, 2) } as const;
    expectThrow(
      () => evaluateNode(call(x), [value]),
      NablaError,
      /its reference failed on 1 inputs/,
    );
  });
});

describe('a bound that gives too few errors', () => {
  it('is told', () => {
    forAll(fc.record({ size: fc.nat(5), given: fc.nat(5) }), 40, ({ size, given }) => {
      fc.pre(size !== given);
      const op = sumOp(true, { bound: () => new Float64Array(given) });
      const value = { shape: [size], dtype: 'f64', data: new Float64Array(size) } as const;
      const node = op(...pair([size]));
      const call = () => evaluateBounds(node, [value, value], [value]);
      expectThrow(call, NablaError, /its bound gave \d errors for \d elements; give one for each/);
    });
  });
});

describe('an unknown field of a kernel', () => {
  const text = 'fn plus(a: f32, b: f32) -> f32 { return a + b; }';
  const written = { kind: 'written', wgsl: '', workgroups: () => [1, 1, 1] };
  it.each([
    [{ kind: 'pointwise', name: 'plus', source: text, workgroup: 64 }, "no option 'workgroup'"],
    [{ ...written, constant: () => ({}) }, "no option 'constant'"],
    [{ ...written, variants: { gpus: {} } }, "its variants: there is no option 'gpus'"],
    [{ ...written, variants: { gpu: { text } } }, "variant gpu: there is no option 'text'"],
    [{ ...written, wgsl: 3 }, 'wgsl is a text, and workgroups a function'],
    [{ kind: 'composed', define: () => 1 }, "no option 'define'"],
    [{ kind: 'toString' }, "is of kind 'toString'; use pointwise"],
  ])('is told: %#', (kernel, message) => {
    expect(() => sumOp(true, { kernel })).toThrow(message);
    expect(() => sumOp(true, { kernel })).toThrow(/^defineOp: the kernel of plus/);
  });
});

it('tells a BigInt from a number', () => {
  expect(() => add(input([2]), 1n as never)).toThrow(
    /^add: 1n is not a tensor nor a number; use 1,/,
  );
  expect(mul(input([2]), 1).shape).toEqual([2]);
});
