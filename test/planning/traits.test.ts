// What the planner does with the traits in users' records.
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../src/compiler/plan.js';
import { defineOp, input, mul, pointwise, sum, type Tensor } from '../../src/index.common.js';
import { defaultLimits } from '../../src/planning/limits.js';

const planOf = (...outputs: Tensor[]) =>
  makePlan(
    { outputs, updates: [] },
    {
      ...({ shared: new WeakMap(), adapter: 'gpu', lanes: 1, f16: true } as const),
      limits: defaultLimits,
    },
  );

describe('the traits of a record', () => {
  it.each([true, false, undefined])('recomputable: %s', (recomputable) => {
    const half = defineOp({
      ...{ name: 'half', kernel: pointwise('half', 'fn half(x: f32) -> f32 { return 0.5 * x; }') },
      reference: (x: number) => x / 2,
      ...(recomputable !== undefined && { recomputable }),
    });
    const node = half(input([64, 48]));
    const { dispatches } = planOf(sum(node, { axis: 0 }), sum(mul(node, 3), { axis: 1 }));
    const computing = dispatches.flatMap(({ ops }) => ops.filter((op) => op === 'half'));
    expect(computing).toHaveLength(recomputable === false ? 1 : 2);
  });
});
