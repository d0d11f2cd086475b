// Seed 003: path sums (§7), backprop in action (§8), vectorised tensors (§12), laziness (§13), order of products (§14).
import { beforeAll, describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { jacobian, jacobianMode } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { explain, toMermaid } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { sigmoid, tanh } from '../../src/ops/activation.js';
import { add, div, exp, mul, sin, square, sub } from '../../src/ops/arithmetic.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { logSumExp } from '../../src/ops/softmax.js';
import { reshape, transpose } from '../../src/ops/view.js';
import { floats } from '../support/samples.js';
import { expectNear, type Open } from './near.js';

export function seed003(open: Open): void {
  describe('seed 003', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
      return () => engine.dispose();
    });
    const evaluated = async (tensors: readonly Tensor[]): Promise<number> => {
      const before = engine.stats().nodesEvaluated;
      await engine.run(tensors);
      return engine.stats().nodesEvaluated - before;
    };

    it('§7: de/da is the sum over 4 paths, and the product (dc/da)(de/dc)', async () => {
      const a = tensor(3);
      const [b1, b2] = [sub(a, 1), sub(square(a), 7)];
      const c = mul(b1, b2);
      const [d1, d2] = [sub(3, c), mul(0.5, c)];
      const e = mul(d1, d2);
      const [whole, upper, lower] = await engine.run([grad(e, a), grad(c, a), grad(e, c)]);
      const paths = [
        [1, 2],
        [6, 2],
      ].flatMap(([db, dc]) =>
        [
          [-1, 2],
          [0.5, -1],
        ].map(([dd, de]) => db! * dc! * dd! * de!),
      );
      expectNear(engine, whole!, [paths.reduce((t, path) => t + path, 0)]);
      expectNear(engine, whole!, [upper!.data[0]! * lower!.data[0]!]);
    });

    it('§7: a ladder of n forks has 2ⁿ paths and takes work linear in n; n = 1000 runs', async () => {
      const gradientOf = (n: number): Tensor => {
        const x = tensor(0.3);
        let y: Tensor = x;
        for (let i = 0; i < n; i++) y = add(mul(0.5, tanh(y)), mul(0.5, y));
        return grad(y, x);
      };
      const hundred = await evaluated([gradientOf(100)]);
      const thousand = gradientOf(1000);
      expect(await evaluated([thousand])).toBeLessThan(10.5 * hundred);
      let [value, slope] = [Math.fround(0.3), 1];
      for (let i = 0; i < 1000; i++)
        [value, slope] = [
          0.5 * Math.tanh(value) + 0.5 * value,
          slope * (1 - 0.5 * Math.tanh(value) ** 2),
        ];
      const [result] = await engine.run([thousand]);
      expect(Math.abs(result!.data[0]! / slope - 1)).toBeLessThan(
        engine.info.backend === 'cpu' ? 1e-10 : 1e-3,
      );
    });

    it('§8: block d₁ receives ∂e/∂d₁(−1, 2) and sends its share of de/dc(4), summed with that of d₂', async () => {
      const a = tensor(3);
      const [b1, b2] = [sub(a, 1), sub(square(a), 7)];
      const c = mul(b1, b2);
      const [d1, d2] = [sub(3, c), mul(0.5, c)];
      const e = mul(d1, d2);
      const { nodes } = await explain(engine, e, a);
      const at = (node: Tensor) => nodes.find(({ id }) => id === node.id)!;
      const forward: [Tensor, number][] = [
        [b1, 2],
        [b2, 2],
        [c, 4],
        [d1, -1],
        [d2, 2],
        [e, -2],
      ];
      for (const [node, value] of forward) expectNear(engine, at(node).value, [value]);
      expectNear(engine, at(d1).gradient!, [2]);
      expectNear(engine, at(d1).local[1]!, [-1]);
      const arrived = new Map(at(c).incoming.map(({ from, value }) => [from, value]));
      expectNear(engine, arrived.get(d1.id)!, [-2]);
      expectNear(engine, arrived.get(d2.id)!, [-0.5]);
      expectNear(engine, at(c).gradient!, [-2.5]);
      expectNear(engine, at(a).gradient!, [-35]);
      const picture = toMermaid(e);
      expect(picture).toContain(`n${c.id} --> n${d1.id}`);
      expect(picture.match(/-->/g)).toHaveLength(
        nodes.reduce((edges, { inputs }) => edges + inputs.length, 0),
      );
    });

    it('§12: ∇ₓL = [∂z/∂x]ᵀ ∇_z L for tensors of any shape', async () => {
      const x = tensor(floats(1, [2, 2, 3]));
      const z = tanh(matmul(transpose(x, [1, 2, 0]), reshape(sin(x), [2, 2, 3])));
      const loss = logSumExp(square(z));
      const [dz, dx, table] = await engine.run([grad(loss, z), grad(loss, x), jacobian(z, x)]);
      expect(table!.shape).toEqual([2, 3, 3, 2, 2, 3]);
      const row = [...dz!.data];
      const product = Array.from({ length: 12 }, (_, i) =>
        row.reduce((t, d, k) => t + d * table!.data[12 * k + i]!, 0),
      );
      expectNear(engine, dx!, product);
      expect(await gradCheck(z, x)).toMatchObject({ ok: true, checked: 18 * 12 });
    });

    describe('§13: dynamic programming', () => {
      // L(g(W₁, a), k(b(c(W₂, e(W₃, f)), W₄)))
      const [w1, w2, w3, w4, a, f] = [0.3, -0.4, 0.8, 1.2, 0.5, -0.7].map((value) =>
        tensor(value),
      ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
      const e = sigmoid(mul(w3, f));
      const c = tanh(mul(w2, e));
      const b = mul(c, w4);
      const g = exp(mul(w1, a));
      const L = div(g, add(1, square(b)));

      it('computes no gradient that was not asked for', async () => {
        const { nodes } = await explain(engine, L, [w1, w2, w3]);
        const with4 = await explain(engine, L, [w1, w2, w3, w4, a, f]);
        const known = (list: typeof nodes, node: Tensor): boolean =>
          list.find(({ id }) => id === node.id)!.gradient !== undefined;
        expect([w1, w2, w3, e, c, b, g].every((node) => known(nodes, node))).toBe(true);
        expect([w4, a, f].some((node) => known(nodes, node))).toBe(false);
        expect([w4, a, f].every((node) => known(with4.nodes, node))).toBe(true);
        expect(await evaluated(grad(L, [w1, w2, w3]))).toBeLessThan(
          await evaluated(grad(L, [w1, w2, w3, w4, a, f])),
        );
      });
      it('computes ∂L/∂c once for both W₂ and W₃', async () => {
        const apart = (await evaluated([grad(L, w2)])) + (await evaluated([grad(L, w3)]));
        const together = grad(L, [w2, w3]);
        expect(await evaluated(together)).toBeLessThan(apart - 5);
        expect(await evaluated(together)).toBeLessThanOrEqual(topological(together).length);
      });
    });

    describe('§14: efficiency', () => {
      const weights = [1, 2, 3].map((i) => tensor(floats(i, [8, 8], { low: -0.5, high: 0.5 })));
      const chain = (from: Tensor): Tensor => weights.reduce((y, w) => tanh(matmul(w, y)), from);

      it('takes reverse mode for a scalar L and forward mode for a scalar x, and says which', async () => {
        const [x, v] = [tensor(0.5), tensor(floats(5, [8]))];
        const vector = chain(mul(x, v));
        expect([jacobianMode(sum(chain(v)), v), jacobianMode(vector, x)]).toEqual([
          'reverse',
          'forward',
        ]);
        const { table, tangent } = await engine.run({
          table: jacobian(vector, x),
          tangent: jvp(vector, x, tensor(1)),
        });
        expectNear(engine, table, [...tangent.data]);
        const { mode, nodes } = await explain(engine, vector, x);
        expect(mode).toBe('forward');
        expectNear(engine, nodes.at(-1)!.gradient!, [...tangent.data]);
      });
      it("s′ = s (1 − s): the derivative is read off the activation's output", () => {
        const z = input([3]);
        const slope = grad(sum(sigmoid(z)), z);
        const names = topological([slope]).map(({ op }) => op.name);
        expect(names.filter((name) => name === 'sigmoid')).toHaveLength(1);
        expect(names).not.toContain('exp');
      });
    });
  });
}
