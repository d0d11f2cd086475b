// What grad, jvp, jacobian and hessian refuse, and what they say of it.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { hessian, jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { DTypeError, NablaError, ShapeError } from '../../src/core/errors.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, square, sub } from '../../src/ops/arithmetic.js';
import { tensor, zeros } from '../../src/ops/leaf.js';
import { argMax, sum } from '../../src/ops/reduce.js';
import { valuesOf } from '../support/property.js';

const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];

const square3 = defineOp({
  name: 'square3',
  kernel: pointwise('square3', 'fn square3(x: f32) -> f32 { return x * x; }'),
  reference: (x) => x * x,
  bound: { ulp: 1 },
});
const v = tensor([1, 2]);
const whole = tensor([1, 2], [2], { dtype: 'i32' });
const bad: [string, () => unknown, new (message: string) => NablaError, RegExp][] = [
  [
    'a vector y without a cotangent',
    () => grad(square(v), v),
    ShapeError,
    /grad: y has shape \[2\]; sum it to a scalar, or pass \{ cotangent \}/,
  ],
  [
    'a cotangent of another shape',
    () => grad(square(v), v, { cotangent: zeros([3]) }),
    ShapeError,
    /grad: cotangent \[3\] does not end in y's shape \[2\]/,
  ],
  [
    'a cotangent of another dtype',
    () => grad(square(v), v, { cotangent: whole }),
    DTypeError,
    /grad: cotangent is i32 and y is f32/,
  ],
  [
    'an integer wrt',
    () => grad(sum(v), whole),
    DTypeError,
    /grad: constant is i32; only floats have gradients/,
  ],
  [
    'an integer y',
    () => grad(sum(whole), v),
    DTypeError,
    /grad: y is i32, which has no derivative/,
  ],
  ['an index', () => grad(argMax(v, { axis: 0 }), v), DTypeError, /grad: y is i32/],
  [
    'tangents of another shape',
    () => jvp(square(v), v, zeros([3])),
    ShapeError,
    /jvp: tangent \[3\] for an input of shape \[2\]/,
  ],
  [
    'too few tangents',
    () => jvp(square(v), [v, v], [v]),
    ShapeError,
    /jvp: 2 inputs and 1 tangents; give one for each/,
  ],
  [
    'tangents of another dtype',
    () => jvp(square(v), v, whole),
    DTypeError,
    /jvp: tangent is i32 and its input f32/,
  ],
  [
    'integer tangents',
    () => jvp(square(v), whole, whole),
    DTypeError,
    /jvp: constant is i32; only floats have tangents/,
  ],
  [
    'a jacobian by integers',
    () => jacobian(square(v), whole),
    DTypeError,
    /jacobian: constant is i32/,
  ],
  ['a jacobian of integers', () => jacobian(whole, v), DTypeError, /jacobian: y is i32/],
  ['a hessian of a vector', () => hessian(square(v), v), ShapeError, /grad: y has shape \[2\]/],
  [
    'an op without a vjp rule',
    () => grad(sum(square3(v)), v),
    NablaError,
    /square3: no vjp rule; give its record one, or cut the gradient with stopGradient/,
  ],
  [
    'what is no tensor',
    () => grad(3 as unknown as Tensor, v),
    ShapeError,
    /grad: 3 is not a tensor/,
  ],
  [
    'a wrt that is no tensor',
    () => grad(sum(v), 'x' as unknown as Tensor),
    ShapeError,
    /grad: x is not a tensor/,
  ],
];

describe('wrong calls', () => {
  it.each(bad)('%s', (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
  it('a vjp of the wrong shape names its op', () => {
    const wrong = defineOp({
      name: 'wrong',
      shape: () => [],
      reference: (inputs) => ({ ...inputs[0]!, shape: [] }),
      kernel: { kind: 'index', write: ({ read }) => read(0, '0u') },
      vjp: ({ cotangent }) => [cotangent],
      bound: { ulp: 0 },
    });
    expect(() => grad(wrong(v), v)).toThrow(
      /wrong: its vjp returned \[\] for an input of shape \[2\]; return that/,
    );
  });
  it('a difference that is fine is computed', () => {
    expect(value(grad(sum(sub(v, add(v, v))), v))).toEqual([-1, -1]);
  });
});
