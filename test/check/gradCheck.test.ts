// gradCheck finds wrong rules and names the worst entry; a comparator is itself tested with mutants.
import { describe, expect, it } from 'vitest';
import { gradCheck } from '../../src/check/gradCheck.js';
import { DTypeError, FeedError, NablaError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import type { PointwiseRecord } from '../../src/graph/op.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { sigmoid } from '../../src/ops/activation.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { floats } from '../support/samples.js';

/** A user's block; `factor` bends its rule. */
const cube = (vjp: PointwiseRecord<Record<string, never>>['vjp']) =>
  defineOp({
    name: 'cube',
    kernel: pointwise('cube', 'fn cube(x: f32) -> f32 { return x * x * x; }'),
    reference: (x: number) => x ** 3,
    bound: { ulp: 4 },
    ...(vjp ? { vjp } : {}),
  });
const right = cube(({ inputs: [x], cotangent }) => [mul(cotangent, mul(3, square(x!)))]);
const wrong = cube(({ inputs: [x], cotangent }) => [mul(cotangent, mul(3.01, square(x!)))]);
const nan = cube(({ cotangent }) => [mul(cotangent, Number.NaN)]);

describe('gradCheck', () => {
  it("passes a user's block with a right rule", async () => {
    const x = tensor([1, -2, 0.5]);
    expect(await gradCheck(right(x), x)).toMatchObject({ ok: true, checked: 9 });
  });

  it('names the worst entry of a wrong one', async () => {
    const x = input([3], { name: 'x' });
    const report = await gradCheck(wrong(x), x, { feeds: { x: [0.1, 2, 0.5] } });
    expect(report).toMatchObject({ ok: false, worst: { wrt: 'x', index: [1, 1] } });
    expect(report.worst.analytic).toBeCloseTo(12.04, 6);
    expect(report.worst.numeric).toBeCloseTo(12, 6);
  });

  it('catches a rule that gives no number', async () => {
    const x = tensor([1]);
    expect(await gradCheck(sum(nan(x)), x)).toMatchObject({
      ok: false,
      worst: { wrt: 'wrt[0]', index: [0] },
    });
  });

  it('checks inputs too large for every entry along random directions', async () => {
    const [w, x] = [tensor(floats(1, [40, 50])), tensor(floats(2, [50, 20]))];
    const report = await gradCheck(sigmoid(matmul(w, x)), [w, x]);
    const worst = {
      wrt: expect.stringMatching(/^wrt\[[01]]$/),
      index: [expect.any(Number), expect.any(Number)],
    };
    expect(report).toMatchObject({ ok: true, checked: 8, worst });
    expect(report.worst.numeric).not.toBe(0);
  });

  it('finds the one wrong entry among thousands', async () => {
    const x = tensor(floats(3, [2000]));
    // right but for element 1234, whose gradient is 1.5 times too large
    const mask = tensor(Array.from({ length: 2000 }, (_, i) => (i === 1234 ? 1.5 : 1)));
    const bent = cube(({ inputs: [a], cotangent }) => [
      mul(mul(cotangent, mask), mul(3, square(a!))),
    ]);
    expect(await gradCheck(sum(bent(x)), x)).toMatchObject({
      ok: false,
      worst: { wrt: 'wrt[0]', index: [1234] },
    });
  });

  it('counts what flows through other asked nodes', async () => {
    const x = tensor([0.5, 2]);
    const inner = square(x);
    expect(await gradCheck(mul(inner, x), [x, inner])).toMatchObject({ ok: true, checked: 8 });
  });

  it('takes parameters and derivatives from an engine', async () => {
    const engine = new Engine(new CpuBackend());
    const [w, x] = [parameter([1, 1], { name: 'w' }), input([2], { name: 'x' })];
    await engine.write(w, [3, 4]);
    const report = await gradCheck(sum(mul(square(w), x)), w, {
      engine,
      feeds: new Map([[x, [1, 10]]]),
    });
    expect(report).toMatchObject({ ok: true, worst: { wrt: 'w' } });
    const bent = {
      read: (node: Tensor) => engine.read(node),
      run: async () => [{ shape: [2], dtype: 'f64' as const, data: new Float64Array([6, 81]) }],
    };
    const found = await gradCheck(sum(mul(square(w), x)), w, {
      engine: bent,
      feeds: { x: [1, 10] },
    });
    expect(found).toMatchObject({
      ok: false,
      worst: { index: [1], analytic: 81, numeric: expect.closeTo(80, 5) },
    });
  });

  it('refuses what it cannot check', async () => {
    const x = input([2], { name: 'x' });
    await expect(gradCheck(sum(x), x)).rejects.toThrow(FeedError);
    await expect(gradCheck(sum(x), [])).rejects.toThrow(NablaError);
    await expect(gradCheck(sum(x), 'x' as never)).rejects.toThrow(NablaError);
    const whole = tensor([1], [1], { dtype: 'i32' });
    await expect(gradCheck(add(whole, 1), whole)).rejects.toThrow(DTypeError);
  });
});
