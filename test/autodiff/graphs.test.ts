// Whole graphs: deep, wide, forked, random. Gradients against finite differences, work linear in the nodes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { evaluate, ownValue } from '../../src/cpu/evaluate.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { add, exp, mul, sin, sub } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { randomGraph } from '../support/graphs.js';
import { distance, forAllAsync, seed, valuesOf } from '../support/property.js';
import { floats } from '../support/samples.js';

const nodesEvaluated = (roots: readonly Tensor[]): number => {
  let nodes = 0;
  evaluate(roots, ownValue, (_, value) => {
    nodes++;
    return value;
  });
  return nodes;
};

describe('deep graphs', () => {
  it('of 100,000 nodes neither overflow the stack nor lose accuracy', () => {
    const x = tensor(0.5);
    let y: Tensor = x;
    for (let i = 0; i < 100_000; i++) y = i % 2 ? sub(y, 1e-3) : mul(y, 1.001);
    const slope = Math.fround(1.001) ** 50_000;
    const values = valuesOf([grad(y, x), jvp(y, x, tensor(2))]).map(({ data }) => data[0]! / slope);
    expect(values).toEqual([expect.closeTo(1, 9), expect.closeTo(2, 9)]);
  }, 20_000);

  it('are refused when they hold a cycle', () => {
    const y = exp(tensor(1));
    const loop = add(y, 1);
    // nodes cannot be changed, so a cycle takes another view of them
    const inputsOf = (node: Tensor): readonly Tensor[] => (node === y ? [loop] : node.inputs);
    expect(() => topological([loop], inputsOf)).toThrow(/the graph has a cycle/);
  });
});

describe('forks', () => {
  /** Seed 003 §7: n forks, each of which is joined again; 2ⁿ paths lead through. */
  const ladder = (x: Tensor, n: number): Tensor => {
    let y = x;
    for (let i = 0; i < n; i++) y = add(mul(0.5, sin(y)), mul(0.5, y));
    return y;
  };
  it('cost work linear in their number, for gradients too', () => {
    const work = [10, 100, 1000].map((n) => {
      const x = tensor(0.3);
      return nodesEvaluated([grad(ladder(x, n), x)]) / n;
    });
    expect(work[2]!).toBeLessThan(work[0]! * 1.2);
    expect(work[2]!).toBeLessThan(16);
  });
  it('give the derivative of 2¹⁰⁰⁰ paths', () => {
    const x = tensor(0.3);
    const derivative = valuesOf([grad(ladder(x, 1000), x)])[0]!.data[0]!;
    let [value, expected] = [Math.fround(0.3), 1];
    for (let i = 0; i < 1000; i++) {
      expected *= 0.5 * Math.cos(value) + 0.5;
      value = 0.5 * Math.sin(value) + 0.5 * value;
    }
    expect(Math.abs(derivative / expected - 1)).toBeLessThan(1e-10);
  });
  it('add what arrives over every branch, also of one op that takes a value twice', () => {
    const x = tensor(3);
    expect(
      valuesOf([grad(mul(x, x), x), grad(add(x, add(x, x)), x)]).map(({ data }) => data[0]),
    ).toEqual([6, 3]);
  });
});

describe(`random graphs (seed ${seed})`, () => {
  it('have gradients that agree with finite differences: 300 graphs of 3 to 30 drawn ops', async () => {
    let forks = 0;
    await forAllAsync(
      fc.tuple(fc.integer({ min: 6, max: 33 }), fc.nat()),
      300,
      async ([size, from]) => {
        const { y, leaves, feeds } = randomGraph(size, from);
        const report = await gradCheck(y, leaves, { feeds, absolute: 1e-6, relative: 1e-4 });
        expect(report).toMatchObject({ ok: true });
        const order = topological([y]);
        if (order.some((node) => order.filter((user) => user.inputs.includes(node)).length > 1))
          forks++;
      },
    );
    expect(forks).toBeGreaterThan(250);
  }, 60_000);

  it('have forward derivatives that are the transpose of the reverse ones', async () => {
    await forAllAsync(
      fc.tuple(fc.integer({ min: 6, max: 33 }), fc.nat()),
      100,
      async ([size, from]) => {
        const { y, leaves, feeds } = randomGraph(size, from);
        const tangents = leaves.map((leaf, i) => tensor(floats(from + 1, leaf.shape, {}, i)));
        const terms = grad(y, leaves).map((gradient, i) => sum(mul(gradient, tangents[i]!)));
        const [forward, backward] = valuesOf(
          [jvp(y, leaves, tangents), terms.reduce((a, b) => add(a, b))],
          feeds,
        );
        expect(distance(forward!.data, backward!.data)).toBeLessThan(1e-9);
      },
    );
  });
});
