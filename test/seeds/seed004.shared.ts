// Seed 004: component form, matrix form, batch form; the [sample, neuron, weight] tensor; then a recurrent network.
import { beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { sigmoid, tanh } from '../../src/ops/activation.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul, outer } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import { floats } from '../support/samples.js';
import { expectNear, type Open } from './near.js';

const S = 6; // samples
const sizes = [3, 4, 2] as const;

export function seed004(open: Open): void {
  describe('seed 004', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
      return () => engine.dispose();
    });
    const [w1Data, b1Data, w2Data, b2Data] = [[4, 3], [4], [2, 4], [2]].map((shape, i) =>
      floats(i, shape, { low: -1, high: 1 }),
    ) as [Data, Data, Data, Data];
    const [xData, yData] = [floats(7, [S, 3]), floats(8, [S, 2])];
    const [w1, b1, w2, b2] = [w1Data, b1Data, w2Data, b2Data].map((data) => tensor(data)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const slope = (z: Tensor): Tensor => mul(sigmoid(z), sub(1, sigmoid(z)));

    /** Index by index: δ_k^l = (Σ_m δ_m^(l+1) w_mk^(l+1)) σ′(z_k^l), ∂C/∂w_kj^l = δ_k^l a_j^(l−1). */
    function component(): { w1: number[]; b1: number[]; w2: number[]; b2: number[] } {
      const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
      const total = {
        w1: new Array(12).fill(0),
        b1: new Array(4).fill(0),
        w2: new Array(8).fill(0),
        b2: new Array(2).fill(0),
      };
      for (let s = 0; s < S; s++) {
        const x = [0, 1, 2].map((i) => xData.data[3 * s + i]!);
        const z1 = [0, 1, 2, 3].map((k) =>
          x.reduce((t, a, j) => t + w1Data.data[3 * k + j]! * a, b1Data.data[k]!),
        );
        const a1 = z1.map(sigma);
        const z2 = [0, 1].map((n) =>
          a1.reduce((t, a, k) => t + w2Data.data[4 * n + k]! * a, b2Data.data[n]!),
        );
        const delta2 = z2.map(
          (z, n) => 2 * (sigma(z) - yData.data[2 * s + n]!) * sigma(z) * (1 - sigma(z)),
        );
        const delta1 = z1.map(
          (z, k) =>
            delta2.reduce((t, d, m) => t + d * w2Data.data[4 * m + k]!, 0) *
            sigma(z) *
            (1 - sigma(z)),
        );
        delta2.forEach((d, n) => {
          total.b2[n] += d;
          a1.forEach((a, k) => {
            total.w2[4 * n + k] += d * a;
          });
        });
        delta1.forEach((d, k) => {
          total.b1[k] += d;
          x.forEach((a, j) => {
            total.w1[3 * k + j] += d * a;
          });
        });
      }
      return total;
    }

    /** One example at a time, columns: δ^L = ∇C ⊙ σ′(z^L), δ^l = (W^(l+1))ᵀ δ^(l+1) ⊙ σ′(z^l). */
    async function matrix(): Promise<number[][]> {
      const [x, y] = [input([3], { name: 'x' }), input([2], { name: 'y' })];
      const z1 = add(matmul(w1, x), b1);
      const a1 = sigmoid(z1);
      const z2 = add(matmul(w2, a1), b2);
      const delta2 = mul(mul(2, sub(sigmoid(z2), y)), slope(z2));
      const delta1 = mul(matmul(w2, delta2, { transposeA: true }), slope(z1));
      const gradients = [outer(delta1, x), delta1, outer(delta2, a1), delta2];
      const total = gradients.map(({ shape }) => new Array<number>(sizeOf(shape)).fill(0));
      for (let s = 0; s < S; s++) {
        const feeds = {
          x: [...xData.data.slice(3 * s, 3 * s + 3)],
          y: [...yData.data.slice(2 * s, 2 * s + 2)],
        };
        const values = await engine.run(gradients, feeds);
        total.forEach((sums, p) => {
          for (let i = 0; i < sums.length; i++) sums[i]! += values[p]!.data[i]!;
        });
      }
      return total;
    }

    /** Samples side by side as columns of a matrix: Σ_s δ_s a_sᵀ = Δ Aᵀ. */
    function batch(): Tensor[] {
      const [x, y] = [transpose(tensor(xData)), transpose(tensor(yData))];
      const column = (b: Tensor): Tensor => reshape(b, [b.shape[0]!, 1]);
      const z1 = add(matmul(w1, x), column(b1));
      const a1 = sigmoid(z1);
      const z2 = add(matmul(w2, a1), column(b2));
      const delta2 = mul(mul(2, sub(sigmoid(z2), y)), slope(z2));
      const delta1 = mul(matmul(w2, delta2, { transposeA: true }), slope(z1));
      return [
        matmul(delta1, x, { transposeB: true }),
        sum(delta1, { axis: 1 }),
        matmul(delta2, a1, { transposeB: true }),
        sum(delta2, { axis: 1 }),
      ];
    }

    const costs = (weights: Tensor): Tensor => {
      const x = reshape(tensor(xData), [S, 3, 1]);
      const hidden = sigmoid(add(matmul(weights, x), reshape(b1, [4, 1])));
      const output = sigmoid(add(matmul(w2, hidden), reshape(b2, [2, 1])));
      return sum(square(sub(reshape(output, [S, 2]), tensor(yData))));
    };

    it('component, matrix and batch form agree with each other and with reverse mode', async () => {
      const [x, y] = [tensor(xData), tensor(yData)];
      const hidden = sigmoid(add(matmul(x, w1, { transposeB: true }), b1));
      const cost = sum(square(sub(sigmoid(add(matmul(hidden, w2, { transposeB: true }), b2)), y)));
      const values = await engine.run({ reverse: grad(cost, [w1, b1, w2, b2]), batch: batch() });
      const summed = await matrix();
      Object.values(component()).forEach((expected, i) => {
        expectNear(engine, values.reverse[i]!, expected);
        expectNear(engine, { ...values.batch[i]!, data: Float64Array.from(summed[i]!) }, expected);
        expectNear(engine, values.batch[i]!, expected);
      });
    });

    it('[sample, neuron, weight]: one gradient each sample in one go, whose sum over samples is the gradient', async () => {
      const copies = broadcastTo(w1, [S, ...w1.shape]);
      const perExample = grad(costs(copies), copies);
      const values = await engine.run({ perExample, summed: sum(perExample, { axis: 0 }) });
      expect(values.perExample.shape).toEqual([S, 4, 3]);
      expectNear(engine, values.summed, component().w1);
      // no O(batch²) work: nothing is larger than samples × neurons × weights
      expect(Math.max(...topological([perExample]).map(({ shape }) => sizeOf(shape)))).toBe(
        S * sizes[0] * sizes[1],
      );
    });

    describe('the next step, a recurrent network', () => {
      const steps = 5;
      const states = (w: Tensor, u: Tensor, xs: readonly Tensor[]): Tensor[] => {
        const list = [tensor([0, 0, 0])];
        for (const x of xs) list.push(tanh(add(matmul(w, list.at(-1)!), matmul(u, x))));
        return list;
      };
      const inputs = [...Array(steps).keys()].map((t) => tensor(floats(t + 30, [2])));
      const [wData, uData] = [
        floats(40, [3, 3], { low: -1, high: 1 }),
        floats(41, [3, 2], { low: -1, high: 1 }),
      ];

      it('through time: δ_t = (Wᵀ δ_(t+1) + ∂C/∂h_t) ⊙ (1 − h_t²), and W collects Σ δ_t h_(t−1)ᵀ', async () => {
        const [w, u] = [tensor(wData), tensor(uData)];
        const hs = states(w, u, inputs);
        const cost = sum(square(hs.at(-1)!));
        let dh = mul(2, hs.at(-1)!);
        const [dws, dus]: [Tensor[], Tensor[]] = [[], []];
        for (let t = steps; t > 0; t--) {
          const delta = mul(dh, sub(1, square(hs[t]!)));
          dws.push(outer(delta, hs[t - 1]!));
          dus.push(outer(delta, inputs[t - 1]!));
          dh = matmul(w, delta, { transposeA: true });
        }
        const total = (parts: Tensor[]): Tensor => parts.reduce((a, b) => add(a, b));
        const values = await engine.run({
          reverse: grad(cost, [w, u]),
          byHand: [total(dws), total(dus)],
        });
        values.reverse.forEach((gradient, i) => {
          expectNear(engine, gradient, [...values.byHand[i]!.data]);
        });
      });
      it('trains', async () => {
        const [w, u] = [parameter(wData), parameter(uData)];
        const cost = sum(square(sub(states(w, u, inputs).at(-1)!, tensor([0.5, -0.3, 0.1]))));
        const gradients = grad(cost, [w, u]);
        const updates = [w, u].map((p, i) => [p, sub(p, mul(0.2, gradients[i]!))] as const);
        const step = engine.compile({ outputs: { cost }, updates });
        const first = (await step()).cost.data[0]!;
        for (let i = 0; i < 100; i++) await step.enqueue();
        expect((await step()).cost.data[0]!).toBeLessThan(first / 50);
      });
    });
  });
}
type Data = ReturnType<typeof floats>;
