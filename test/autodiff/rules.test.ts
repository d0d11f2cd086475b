// What rules are asked for, and what happens where user code goes in circles.
import { expect, it } from 'vitest';
import { jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { NablaError } from '../../src/core/errors.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor, Tree } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { relu } from '../../src/ops/activation.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { openCpuEngine } from '../support/engine.js';

it('gradients that nobody asks for are not formed, however large they would be', () => {
  const [x, w, v, u] = [input([784]), input([784, 4096]), input([4096, 4096]), input([4096, 1000])];
  const y = matmul(relu(matmul(relu(matmul(x, w)), v)), u);
  expect(jacobian(y, x).shape).toEqual([1000, 784]);
  const products = topological([grad(sum(y), x)]).filter(({ op }) => op.name === 'matmul');
  expect(products).toHaveLength(5); // two of the three forwards, whose signs ReLU needs, and three backwards
});

it('a rule that differentiates its own op is told so', () => {
  const circle: (x: Tensor) => Tensor = defineOp({
    name: 'circle',
    kernel: pointwise('circle', 'fn circle(x: f32) -> f32 { return x; }'),
    reference: (x: number) => x,
    vjp: ({ inputs: [x], output }) => [grad(sum(output), x!)],
  });
  const x = tensor([1, 2]);
  const y = sum(circle(x));
  expect(() => grad(y, x)).toThrow(
    'circle: its vjp differentiates its own output; write the rule in other ops',
  );
  expect(() => grad(y, x)).toThrow(NablaError);
});

it('a tree that holds itself is told so', async () => {
  const tree: { a: Tensor; self?: unknown } = { a: tensor(1) };
  tree.self = tree;
  await expect(openCpuEngine().run(tree as Tree)).rejects.toThrow('self: the tree holds itself');
});

it('gradCheck passes a rule that forms every gradient', async () => {
  const [a, b] = [tensor([1, 2, 3, 4], [2, 2]), tensor([5, 6, 7, 8], [2, 2])];
  expect((await gradCheck(sum(matmul(a, b)), [a, b])).ok).toBe(true);
});
