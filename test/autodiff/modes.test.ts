// Jacobians, Hessians, forward mode and per-example gradients, and how much of a graph each computes.
import { describe, expect, it } from 'vitest';
import { jvp, pushThrough } from '../../src/autodiff/forward.js';
import { hessian, jacobian, jacobianMode } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { sizeOf } from '../../src/core/shape.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { sigmoid, tanh } from '../../src/ops/activation.js';
import { exp, mul, square } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { greater } from '../../src/ops/compare.js';
import { eye, input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { concat, slice } from '../../src/ops/slice.js';
import { softmax } from '../../src/ops/softmax.js';
import { broadcastTo, reshape } from '../../src/ops/view.js';
import { valuesOf } from '../support/property.js';
import { floats } from '../support/samples.js';

const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];
const near = (numbers: readonly number[]) => numbers.map((number) => expect.closeTo(number, 9));
const work = async (x: Tensor): Promise<number> => {
  const engine = new Engine(new CpuBackend());
  await engine.run(x);
  return engine.stats().nodesEvaluated;
};

describe('jacobian', () => {
  const x = tensor(floats(1, [2, 2, 3]));
  it('takes several passes where one would be too large', () => {
    const wide = input([5000]);
    const rows = topological([jacobian(square(wide), wide)]).filter(
      ({ op, rank }) => op.name === 'mul' && rank === 2,
    );
    expect(new Set(rows.map(({ shape }) => shape.join(' × ')))).toEqual(
      new Set(['3355 × 5000', '1645 × 5000']),
    );
  });
  it('has the shape [...y, ...x], for any ranks', () => {
    expect(jacobian(sum(x, { axis: 1 }), x).shape).toEqual([2, 3, 2, 2, 3]);
    expect(jacobian(sum(x), x).shape).toEqual([2, 2, 3]);
    expect(jacobian(x, tensor(1)).shape).toEqual([2, 2, 3]);
    expect(jacobian(tensor([1, 2]), [tensor([3]), tensor(4)]).map(({ shape }) => shape)).toEqual([
      [2, 1],
      [2],
    ]);
  });
  it('of x by itself is the identity', () => {
    const v = tensor([1, 2, 3]);
    expect(value(jacobian(v, v))).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
  it('agrees in both modes', () => {
    const wide = tanh(matmul(tensor(floats(2, [4, 3])), sum(x, { axis: [0, 1] })));
    const y = slice(wide, [0], [3]);
    const s = sum(x, { axis: [0, 1] });
    expect([jacobianMode(wide, s), jacobianMode(y, s)]).toEqual(['forward', 'reverse']);
    const w = tensor(floats(2, [4, 3]));
    const v = tensor(floats(3, [3]));
    const all = tanh(matmul(w, v));
    const rows = [0, 1, 2, 3].map((i) => grad(reshape(slice(all, [i], [i + 1]), []), v));
    expect(value(jacobian(all, v))).toEqual(near(rows.flatMap(value)));
  });
  it('takes reverse mode for few outputs and forward mode for few inputs, which the work shows', async () => {
    const chain = (from: Tensor): Tensor =>
      [1, 2, 3, 4].reduce((y) => tanh(matmul(tensor(floats(4, [12, 12])), y)), from);
    const scalar = tensor(0.5);
    const vector = tensor(floats(5, [12]));
    const vectorOfScalar = chain(mul(scalar, vector));
    const scalarOfVector = sum(chain(vector));
    expect([jacobianMode(vectorOfScalar, scalar), jacobianMode(scalarOfVector, vector)]).toEqual([
      'forward',
      'reverse',
    ]);
    // numbers computed in the mode that it picks, and in the other one
    const numbers = (y: Tensor): number =>
      topological([y]).reduce(
        (total, { inputs, shape }) => total + (inputs.length ? sizeOf(shape) : 0),
        0,
      );
    const identity = eye(12);
    expect(numbers(jacobian(vectorOfScalar, scalar)) * 3).toBeLessThan(
      numbers(grad(vectorOfScalar, scalar, { cotangent: identity })),
    );
    expect(numbers(jacobian(scalarOfVector, vector)) * 3).toBeLessThan(
      numbers(pushThrough(scalarOfVector, [vector], [identity], [12])),
    );
  });
  it('reaches rank 8 and says so beyond', () => {
    const four = tensor(floats(1, [1, 2, 1, 2]));
    expect(jacobian(square(four), four).shape).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
    expect(() => jacobian(square(four), tensor(floats(1, [1, 1, 1, 1, 1])))).toThrow(
      /rank 9, above 8/,
    );
  });
  it('goes through nodes of rank 8, which have no axis left for a stack', () => {
    const x = tensor(floats(1, [2, 3]));
    const deep = reshape(x, [1, 1, 1, 1, 1, 1, 2, 3]);
    const squares = reshape(mul(deep, deep), [2, 3]);
    const double = near(value(jacobian(mul(x, x), x)));
    expect(value(jacobian(squares, x))).toEqual(double);
    expect(
      value(jacobian(reshape(concat([deep, square(deep)], { axis: 0 }), [12]), x)).slice(36),
    ).toEqual(double);
    expect(value(hessian(sum(square(deep)), x))).toEqual(near(value(mul(2, eye(6)))));
  });
  it('is empty where there is nothing', () => {
    const none = tensor([]);
    expect(
      valuesOf([jacobian(square(none), none), jacobian(x, none)]).map(({ shape }) => shape),
    ).toEqual([
      [0, 0],
      [2, 2, 3, 0],
    ]);
  });
});

describe('hessian', () => {
  it('gives all blocks of several inputs', () => {
    const [a, b] = [tensor([1, 2]), tensor(3)];
    const blocks = hessian(sum(mul(square(a), b)), [a, b]);
    expect(blocks.map((row) => row.map(value))).toEqual([
      [
        [6, 0, 0, 6],
        [2, 4],
      ],
      [[2, 4], [0]],
    ]);
    expect(blocks.map((row) => row.map(({ shape }) => shape))).toEqual([
      [[2, 2], [2]],
      [[2], []],
    ]);
  });
  it('is symmetric', () => {
    const v = tensor([0.3, -0.2, 0.9]);
    const h = value(hessian(sum(mul(softmax(v), tensor([1, 2, 4]))), v));
    expect(h).toEqual(near([0, 3, 6, 1, 4, 7, 2, 5, 8].map((i) => h[i]!)));
  });
  it('nests to any order: d⁵ e²ˣ = 2⁵ e²ˣ', () => {
    const x = tensor(0);
    let y = exp(mul(2, x));
    for (let i = 0; i < 5; i++) y = grad(y, x);
    expect(value(y)).toEqual([32]);
  });
  it('multiplies a vector without being formed, forward over reverse', () => {
    const v = tensor([1, 2]);
    const f = sum(mul(square(v), tensor([3, 5])));
    expect(value(jvp(grad(f, v), v, tensor([10, 100])))).toEqual([60, 1000]);
  });
});

describe('jvp', () => {
  it("takes a record's own forward rule where it has one", () => {
    const doubled = defineOp({
      name: 'doubled',
      kernel: pointwise('doubled', 'fn doubled(x: f32) -> f32 { return 2.0 * x; }'),
      reference: (x) => 2 * x,
      vjp: ({ cotangent }) => [mul(2, cotangent)],
      jvp: ({ tangents: [tangent] }) => mul(20, tangent!), // wrong on purpose: it shows who was asked
      bound: { ulp: 0 },
    });
    const x = tensor([1, 2]);
    expect(value(jvp(doubled(x), x, tensor([1, 10])))).toEqual([20, 200]);
    expect(value(grad(sum(doubled(x)), x))).toEqual([2, 2]);
  });
});

describe('wrt', () => {
  it('may be any node, inner ones too', () => {
    const x = tensor(2);
    const inner = square(x);
    expect(grad(mul(inner, inner), [inner, x]).map(value)).toEqual([[8], [32]]);
    expect(value(grad(inner, inner))).toEqual([1]);
  });
  it('gives zeros where nothing depends on it', () => {
    expect(value(grad(tensor(1), tensor([1, 2])))).toEqual([0, 0]);
    expect(value(jvp(tensor([1, 2]), tensor(1), tensor(1)))).toEqual([0, 0]);
    expect(value(grad(sum(cast(greater(tensor([1]), 0), 'f32')), tensor([1])))).toEqual([0]);
  });
  it('may name one node twice, or nodes that depend on each other: both modes agree', () => {
    const x = tensor(2);
    const inner = square(x);
    const y = mul(inner, x);
    expect(grad(y, [x, inner, x]).map(value)).toEqual([[12], [2], [12]]);
    expect(value(jvp(y, [x, inner, x], [tensor(1), tensor(10), tensor(100)]))).toEqual([
      12 + 20 + 1200,
    ]);
  });
  it('may be a parameter or an input', async () => {
    const engine = new Engine(new CpuBackend());
    const [w, x] = [parameter([1, 2], { name: 'w' }), input([2], { name: 'x' })];
    const [dw, dx] = grad(sum(mul(w, square(x))), [w, x]) as [Tensor, Tensor];
    const values = await engine.run({ dw, dx }, { x: [3, 4] });
    expect([[...values.dw.data], [...values.dx.data]]).toEqual([
      [9, 16],
      [6, 16],
    ]);
  });
});

describe('per-example gradients', () => {
  it('come without a loop: W broadcast over the batch, differentiated by the copy', () => {
    const [w, x] = [tensor(floats(1, [2, 3])), tensor(floats(2, [4, 3]))];
    const copies = broadcastTo(w, [4, 2, 3]);
    const cost = (weights: Tensor, inputs: Tensor): Tensor =>
      sum(square(tanh(matmul(weights, reshape(inputs, [...inputs.shape, 1])))));
    const together = grad(cost(copies, x), copies);
    const alone = [0, 1, 2, 3].map((i) => grad(cost(w, reshape(slice(x, [i], [i + 1]), [3])), w));
    expect(together.shape).toEqual([4, 2, 3]);
    expect(value(together)).toEqual(near(alone.flatMap(value)));
    // no value is larger than [samples, neurons, weights]
    expect(
      topological([together]).every(({ shape }) => shape.reduce((a, b) => a * b, 1) <= 24),
    ).toBe(true);
  });
});

describe('laziness', () => {
  it('computes only what the asked derivatives need, each node once (seed 003 §13)', async () => {
    const [w1, w2, w3] = [tensor(1), tensor(2), tensor(3)];
    const y = mul(sigmoid(mul(w1, w2)), exp(exp(w3)));
    expect(await work(grad(y, w1))).toBeLessThan(await work(sum(mul(grad(y, w1), grad(y, w3)))));
    expect(topological([grad(y, w1)]).length).toBe(await work(grad(y, w1)));
  });
});
