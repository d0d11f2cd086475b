// Seed 000: any computation graph (§3), a new block (§3.4), feed-forward networks (§4), weight sharing (§4, end).
import { beforeAll, describe, expect, it } from 'vitest';
import { hessian, jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { explain } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import type { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu, sigmoid, tanh } from '../../src/ops/activation.js';
import { add, div, mul, square, sub } from '../../src/ops/arithmetic.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { floats } from '../support/samples.js';
import { expectNear, type Open } from './near.js';

/** A user's block with its own WGSL: x³ / (1 + x²). */
const bump = defineOp({
  name: 'bump',
  kernel: pointwise('bump', 'fn bump(x: f32) -> f32 { return x * x * x / (1.0 + x * x); }'),
  reference: (x: number) => x ** 3 / (1 + x * x),
  vjp: ({ inputs: [x], cotangent }) => {
    const s = square(x!);
    return [mul(cotangent, div(mul(s, add(3, s)), square(add(1, s))))];
  },
  bound: { ulp: 8 },
});

/** A network of `layers` in hand-coded float64: equations (8) to (14) and (21) to (24). */
function byHand(
  weights: number[][][],
  biases: number[][],
  x: number[],
  y: number[],
  g: (z: number) => number,
  slope: (z: number) => number,
) {
  const zs: number[][] = [];
  const as = [x];
  weights.forEach((w, l) => {
    const z = w.map((row, i) =>
      row.reduce((t, value, j) => t + value * as[l]![j]!, biases[l]![i]!),
    );
    zs.push(z);
    as.push(z.map(g));
  });
  let da = as.at(-1)!.map((a, i) => 2 * (a - y[i]!)); // (15)
  const layers = weights
    .map((w, l) => ({ w, l }))
    .reverse()
    .map(({ w, l }) => {
      const dz = da.map((d, i) => d * slope(zs[l]![i]!)); // (21)
      const dW = dz.map((d) => as[l]!.map((a) => d * a)); // (23)
      da = as[l]!.map((_, j) => dz.reduce((t, d, i) => t + w[i]![j]! * d, 0)); // (24)
      return { dz, dW: dW.flat(), da };
    });
  return {
    layers: layers.reverse(),
    cost: as.at(-1)!.reduce((t, a, i) => t + (a - y[i]!) ** 2, 0),
  };
}
const rows = (flat: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: flat.length / width }, (_, i) =>
    Array.from({ length: width }, (_, j) => flat[i * width + j]!),
  );

export function seed000(open: Open): void {
  describe('seed 000', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
      return () => engine.dispose();
    });

    describe('§3: f(x, y) = (x + σ(y)) / (x² + y) at (3, −4)', () => {
      const [x, y] = [tensor(3), tensor(-4)];
      const a = sigmoid(y);
      const b = add(x, a);
      const c = square(x);
      const d = add(y, c);
      const e = div(1, d);
      const f = mul(b, e);

      it('has the published values, accumulators and gradients', async () => {
        const values = await engine.run({
          a,
          b,
          c,
          d,
          e,
          f,
          gradients: grad(f, [a, b, c, d, e, x, y]),
        });
        expectNear(engine, values.a, [0.017986209962]);
        expectNear(engine, values.b, [3.017986209962]);
        expectNear(engine, values.d, [5]);
        expectNear(engine, values.e, [0.2]);
        expectNear(engine, values.f, [0.603597241992]);
        const expected = [
          0.2, 0.2, -0.120719448398, -0.120719448398, 3.017986209962, -0.524316690391,
          -0.117186907156,
        ];
        expected.forEach((number, i) => {
          expectNear(engine, values.gradients[i]!, [number]);
        });
      });
      it('adds at forks, which explain shows', async () => {
        const { mode, nodes } = await explain(engine, f, [x, y]);
        const at = (node: Tensor) => nodes.find(({ id }) => id === node.id)!;
        expect(mode).toBe('reverse');
        expect(
          at(x)
            .incoming.map(({ from }) => from)
            .sort(),
        ).toEqual([b.id, c.id].sort());
        const parts = at(x)
          .incoming.map(({ value }) => value.data[0]!)
          .sort((p, q) => p - q);
        expectNear(
          engine,
          { shape: [2], dtype: 'f32', data: Float64Array.from(parts) },
          [-0.724316690391, 0.2],
        );
        expectNear(engine, at(x).gradient!, [-0.524316690391]);
        expectNear(engine, at(e).local[1]!, [-0.04]);
        expectNear(engine, at(f).value, [0.603597241992]);
      });
      it('has the published second derivatives', async () => {
        const quotient = div(add(x, sigmoid(y)), add(square(x), y));
        const values = await engine.run({ h: hessian(quotient, [x, y]), j: jacobian(quotient, x) });
        expectNear(engine, values.j, [-0.524316690391]);
        const expected = [1.016921160141, 0.245487626665, 0.245487626665, 0.050280230048];
        values.h.flat().forEach((block, i) => {
          expectNear(engine, block, [expected[i]!]);
        });
      });
    });

    it('§3.4: a new block needs its output and its derivatives, and then trains', async () => {
      const x = tensor([0.5, -1, 2]);
      expect(await gradCheck(bump(x), x, { engine })).toMatchObject({ ok: true });
      const w = parameter([1.2, 0.8, 0.4], { name: 'w' });
      const target = tensor([0.5, -0.25, 0.1]);
      const cost = sum(square(sub(bump(mul(w, x)), target)));
      const step = engine.compile({
        outputs: { cost },
        updates: [[w, sub(w, mul(0.1, grad(cost, w)))]],
      });
      const first = (await step()).cost.data[0]!;
      for (let i = 0; i < 300; i++) await step();
      expect((await step()).cost.data[0]! / first).toBeLessThan(0.01);
    });

    it.each([
      {
        name: 'sigmoid',
        g: sigmoid,
        host: (z: number) => 1 / (1 + Math.exp(-z)),
        slope: (z: number) => Math.exp(-z) / (1 + Math.exp(-z)) ** 2,
      },
      { name: 'tanh', g: tanh, host: Math.tanh, slope: (z: number) => 1 - Math.tanh(z) ** 2 },
      {
        name: 'relu',
        g: relu,
        host: (z: number) => Math.max(0, z),
        slope: (z: number) => Number(z > 0),
      },
    ])('§4: equations (21) to (24) layer by layer, $name', async ({ g, host, slope }) => {
      const sizes = [4, 5, 3, 3, 2];
      const ws = sizes.slice(1).map((n, l) => floats(l, [n, sizes[l]!], { low: -1, high: 1 }));
      const bs = sizes.slice(1).map((n, l) => floats(l + 10, [n], { low: -1, high: 1 }));
      const [x, y] = [floats(20, [4]), floats(21, [2])];
      const weights = ws.map((w) => tensor(w));
      const biases = bs.map((b) => tensor(b));
      const zs: Tensor[] = [];
      const as: Tensor[] = [tensor(x)];
      weights.forEach((w, l) => {
        zs.push(add(matmul(w, as[l]!), biases[l]!));
        as.push(g(zs[l]!));
      });
      const cost = sum(square(sub(as.at(-1)!, tensor(y))));
      const values = await engine.run({
        cost,
        dz: grad(cost, zs),
        dW: grad(cost, weights),
        db: grad(cost, biases),
        da: grad(cost, as),
      });
      const expected = byHand(
        ws.map((w, l) => rows(w.data, sizes[l]!)),
        bs.map(({ data }) => [...data]),
        [...x.data],
        [...y.data],
        host,
        slope,
      );
      expectNear(engine, values.cost, [expected.cost]);
      expected.layers.forEach(({ dz, dW, da }, l) => {
        expectNear(engine, values.dz[l]!, dz);
        expectNear(engine, values.db[l]!, dz); // (22)
        expectNear(engine, values.dW[l]!, dW);
        expectNear(engine, values.da[l]!, da);
      });
    });

    it('§4, end: a weight used in two layers gets the sum of both uses', async () => {
      const x = input([3], { name: 'x' });
      const values = floats(1, [3, 3], { low: -1, high: 1 });
      const network = (first: Tensor, second: Tensor): Tensor =>
        sum(square(tanh(matmul(second, tanh(matmul(first, x))))));
      const [w, w1, w2] = [tensor(values), tensor(values), tensor(values)];
      const apart = grad(network(w1, w2), [w1, w2]) as [Tensor, Tensor];
      const { shared, both } = await engine.run(
        { shared: grad(network(w, w), w), both: add(...apart) },
        { x: [0.3, -0.8, 0.5] },
      );
      expectNear(engine, shared, [...both.data]);
    });
  });
}
