// Seed 002: one neuron (examples 1–2), a regression graph (5–6), fan-out (7), Algorithm 1 and its averages (§2).
import { beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { explain } from '../../src/check/explain.js';
import type { TensorData } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { sigmoid, tanh } from '../../src/ops/activation.js';
import { add, maximum, mul, square, sub } from '../../src/ops/arithmetic.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { matmul, outer } from '../../src/ops/matmul.js';
import { mean, sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { reshape } from '../../src/ops/view.js';
import { floats } from '../support/samples.js';
import { expectNear, type Open } from './near.js';

export function seed002(open: Open): void {
  describe('seed 002', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
      return () => engine.dispose();
    });

    it('examples 1–2: ∂C/∂w = (σ−y) σ′ x and ∂C/∂b = (σ−y) σ′, each node evaluated once', async () => {
      const [w, b, x, y] = [tensor(0.75), tensor(-0.5), tensor(2), tensor(0.25)];
      const cost = mul(0.5, square(sub(sigmoid(add(mul(w, x), b)), y)));
      const all = [cost, ...grad(cost, [w, b])];
      const before = engine.stats().nodesEvaluated;
      const [, dw, db] = await engine.run(all);
      expect(engine.stats().nodesEvaluated - before).toBeLessThanOrEqual(topological(all).length);
      const sigma = 1 / (1 + Math.exp(-1));
      const delta = (sigma - 0.25) * sigma * (1 - sigma);
      expectNear(engine, dw!, [delta * 2]);
      expectNear(engine, db!, [delta]);
    });

    it('examples 5–6: linear regression, J = (wx + b − y)² with w = 5, x = 1, b = 1, y = 2', async () => {
      const [w, x, b, y] = [tensor(5), tensor(1), tensor(1), tensor(2)];
      const u = mul(w, x);
      const prediction = add(u, b);
      const e = sub(prediction, y);
      const J = square(e);
      const { nodes } = await explain(engine, J, [w, b, x, y]);
      const at = (node: Tensor) => nodes.find(({ id }) => id === node.id)!;
      const values: [Tensor, number, number][] = [
        [u, 5, 8],
        [prediction, 6, 8],
        [e, 4, 8],
        [J, 16, 1],
        [w, 5, 8],
        [b, 1, 8],
        [x, 1, 40],
        [y, 2, -8],
      ];
      for (const [node, value, gradient] of values) {
        expectNear(engine, at(node).value, [value]);
        expectNear(engine, at(node).gradient!, [gradient]);
      }
      expectNear(engine, at(J).local[0]!, [8]); // ∂J/∂e = 2e
      expectNear(engine, at(e).local[0]!, [1]); // ∂e/∂ŷ
    });

    it('example 7: f = (a + b) · max(b, c) at a = 5, b = 2, c = 1: b̄ = 2 + 7 = 9', async () => {
      const [a, b, c] = [tensor(5), tensor(2), tensor(1)];
      const x = add(a, b);
      const y = maximum(b, c);
      const f = mul(x, y);
      const { nodes } = await explain(engine, f, [a, b, c]);
      const at = (node: Tensor) => nodes.find(({ id }) => id === node.id)!;
      const values: [Tensor, number, number][] = [
        [f, 14, 1],
        [x, 7, 2],
        [y, 2, 7],
        [a, 5, 2],
        [b, 2, 9],
        [c, 1, 0],
      ];
      for (const [node, value, gradient] of values) {
        expectNear(engine, at(node).value, [value]);
        expectNear(engine, at(node).gradient!, [gradient]);
      }
      const parts = new Map(at(b).incoming.map(({ from, value }) => [from, value.data[0]]));
      expect([parts.get(x.id), parts.get(y.id)]).toEqual([2, 7]);
    });

    describe('§2: Algorithm 1', () => {
      const samples = 20;
      const [w1, b1, w2, b2] = [[5, 3], [5], [2, 5], [2]].map((shape, i) =>
        tensor(floats(i, shape, { low: -1, high: 1 })),
      ) as [Tensor, Tensor, Tensor, Tensor];
      const [xData, yData] = [floats(8, [samples, 3]), floats(9, [samples, 2])];
      const [x, y] = [tensor(xData), tensor(yData)];
      const row = (data: Tensor, i: number): Tensor =>
        reshape(slice(data, [i], [i + 1]), [data.shape[1]!]);

      it('gives the gradients of reverse mode', async () => {
        const [input, label] = [row(x, 0), row(y, 0)];
        const z1 = add(matmul(w1, input), b1);
        const z2 = add(matmul(w2, tanh(z1)), b2);
        const cost = mul(0.5, sum(square(sub(tanh(z2), label))));
        const slope = (z: Tensor): Tensor => sub(1, square(tanh(z)));
        const delta2 = mul(sub(tanh(z2), label), slope(z2));
        const delta1 = mul(matmul(w2, delta2, { transposeA: true }), slope(z1));
        const byAlgorithm = [outer(delta1, input), delta1, outer(delta2, tanh(z1)), delta2];
        const { found, expected } = await engine.run({
          found: grad(cost, [w1, b1, w2, b2]),
          expected: byAlgorithm,
        });
        found.forEach((gradient, i) => {
          expectNear(engine, gradient, [...expected[i]!.data]);
        });
      });

      it('averages over a mini-batch: its gradient is the mean of the single-example gradients', async () => {
        const cost = (inputs: Tensor, labels: Tensor): Tensor => {
          const hidden = tanh(add(matmul(inputs, w1, { transposeB: true }), b1));
          const output = tanh(add(matmul(hidden, w2, { transposeB: true }), b2));
          return mul(0.5, sum(square(sub(output, labels)), { axis: -1 }));
        };
        const batch = grad(mean(cost(x, y)), [w1, b1, w2, b2]);
        const [one, its] = [input([3], { name: 'x' }), input([2], { name: 'y' })];
        const single = grad(cost(one, its), [w1, b1, w2, b2]);
        const rows = (data: typeof xData, i: number): number[] => [
          ...data.data.slice(i * data.shape[1]!, (i + 1) * data.shape[1]!),
        ];
        const singles: (readonly TensorData[])[] = [];
        for (let i = 0; i < samples; i++)
          singles.push(await engine.run(single, { x: rows(xData, i), y: rows(yData, i) }));
        const found = await engine.run(batch);
        found.forEach((gradient, p) => {
          const average = Array.from(gradient.data, (_, i) =>
            singles.reduce((t, each) => t + each[p]!.data[i]! / samples, 0),
          );
          expectNear(engine, gradient, average);
        });
      });
    });
  });
}
