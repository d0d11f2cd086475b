// Seed 001: layered networks (§2), the derivative of a vector by a matrix (§3.5, §4.3), helper gradients (§4).
import { beforeAll, describe, expect, it } from 'vitest';
import { jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { explain } from '../../src/check/explain.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { sigmoid } from '../../src/ops/activation.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { parameter, tensor } from '../../src/ops/leaf.js';
import { matmul, outer } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { reshape } from '../../src/ops/view.js';
import { floats } from '../support/samples.js';
import { expectNear, type Open } from './near.js';

export function seed001(open: Open): void {
  describe('seed 001', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
      return () => engine.dispose();
    });

    it('§2: a 3-4-2 network learns g: R³ → R² from samples, by its total error over the training set', async () => {
      const inputs = floats(1, [8, 3], { low: -1, high: 1 });
      const g = [...Array(8).keys()].flatMap((i) => {
        const [p, q, r] = inputs.data.slice(3 * i, 3 * i + 3);
        return [0.5 + 0.4 * Math.sin(p! + q!), 0.5 - 0.3 * q! * r!];
      });
      const parameters = [[4, 3], [4], [2, 4], [2]].map((shape, i) =>
        parameter(floats(i + 2, shape, { low: -1, high: 1 })),
      );
      const [w1, b1, w2, b2] = parameters as [Tensor, Tensor, Tensor, Tensor];
      const hidden = sigmoid(add(matmul(tensor(inputs), w1, { transposeB: true }), b1));
      const output = sigmoid(add(matmul(hidden, w2, { transposeB: true }), b2));
      const total = sum(square(sub(output, tensor(g, [8, 2]))));
      const gradients = grad(total, parameters);
      const updates = parameters.map((p, i) => [p, sub(p, mul(0.5, gradients[i]!))] as const);
      const step = engine.compile({ outputs: { total }, updates });
      const first = (await step()).total.data[0]!;
      for (let i = 0; i < 400; i++) await step.enqueue();
      expect((await step()).total.data[0]!).toBeLessThan(first / 20);
    });

    const [w, a, b] = [tensor(floats(1, [4, 3])), tensor(floats(2, [3])), tensor(floats(3, [4]))];
    const z = add(matmul(w, a), b);

    it('§3.5, §4.3: [δz/δW] has shape [N_l, N_l, N_(l−1)] and the entries [k = j] aᵢ, exactly', async () => {
      const { tensor3 } = await engine.run({ tensor3: jacobian(z, w) });
      expect(tensor3.shape).toEqual([4, 4, 3]);
      const activations = floats(2, [3]).data;
      const expected = [0, 1, 2, 3].flatMap((k) =>
        [0, 1, 2, 3].flatMap((j) => [0, 1, 2].map((i) => (k === j ? activations[i]! : 0))),
      );
      expect([...tensor3.data].map((entry) => entry + 0)).toEqual(expected);
    });

    it('§4.3 (12): contracted with δ it is the outer product of δ and a', async () => {
      const cost = sum(square(sigmoid(z)));
      const delta = grad(cost, z);
      const contracted = reshape(matmul(delta, reshape(jacobian(z, w), [4, 12])), [4, 3]);
      const values = await engine.run({
        contracted,
        product: outer(delta, a),
        gradient: grad(cost, w),
      });
      expectNear(engine, values.contracted, [...values.product.data]);
      expectNear(engine, values.gradient, [...values.product.data]);
    });

    it('§4: explain shows each helper gradient δ_l, computed from δ_(l+1)', async () => {
      const w2 = tensor(floats(5, [2, 4]));
      const z2 = matmul(w2, sigmoid(z));
      const cost = sum(square(sub(sigmoid(z2), tensor([1, 0]))));
      const { nodes } = await explain(engine, cost, [w, w2]);
      const gradientOf = (node: Tensor) => nodes.find(({ id }) => id === node.id)!.gradient!;
      const slope = (node: Tensor): Tensor => mul(sigmoid(node), sub(1, sigmoid(node)));
      const last = mul(mul(2, sub(sigmoid(z2), tensor([1, 0]))), slope(z2)); // (5)
      const before = mul(matmul(w2, last, { transposeA: true }), slope(z)); // (9)
      const expected = await engine.run({ last, before });
      expectNear(engine, gradientOf(z2), [...expected.last.data]);
      expectNear(engine, gradientOf(z), [...expected.before.data]);
    });
  });
}
