// Long folds become short ones: on software adapters no invocation folds more than 512 elements, on hardware two kernels suffice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { makePlan, type Plan } from '../../src/compiler/plan.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { exp, mul } from '../../src/ops/arithmetic.js';
import { gather } from '../../src/ops/indexing.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import { softmax } from '../../src/ops/softmax.js';
import { type AdapterClass, defaultLimits } from '../../src/planning/limits.js';
import { forAll, seed } from '../support/property.js';

const planFor = (adapter: AdapterClass, ...outputs: Tensor[]): Plan =>
  makePlan(
    { outputs, updates: [] },
    {
      shared: new WeakMap(),
      adapter,
      lanes: 1,
      f16: false,
      limits: { ...defaultLimits, bindingBytes: 2 ** 30 },
    },
  );
const software = ['lavapipe', 'swiftshader'] as const;
const longest = ({ dispatches }: Plan): number =>
  Math.max(
    ...dispatches.flatMap(({ wgsl }) =>
      [...wgsl.matchAll(/const COLUMNS\w* = (\d+)u;/g)].map(([, columns]) => Number(columns)),
    ),
  );

/** Shapes of up to 2²⁴ elements, and some of their axes. */
const folded = fc
  .tuple(
    fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5000 })), {
      minLength: 1,
      maxLength: 5,
    }),
    fc.nat(),
  )
  .map(([sizes, picks]) => {
    const shape = sizes.filter((_, i) => sizeOf(sizes.slice(0, i + 1)) <= 2 ** 24);
    const kept = shape.length > 0 ? shape : [7];
    const axis = [...kept.keys()].filter((i) => (picks >> i) % 2 === 0);
    return { shape: kept, axis: axis.length > 0 ? axis : [0] };
  });

describe(`plans of long folds (seed ${seed})`, () => {
  it.each(software)('fold 512 elements a row at most: %s', (adapter) => {
    forAll(folded, 60, ({ shape, axis }) => {
      const x = input(shape);
      const whole = input(shape, { dtype: 'i32' });
      const [first = 0] = axis;
      const folds = [
        sum(x, { axis }),
        max(x, { axis }),
        min(whole, { axis }),
        mean(exp(x), { axis }),
      ];
      for (const fold of [...folds, argMax(x, { axis: first }), sum(whole, { axis })])
        expect(longest(planFor(adapter, fold))).toBeLessThanOrEqual(512);
    });
    const rows = input([512, 4096]);
    expect(
      longest(planFor(adapter, softmax(rows), max(rows), argMax(rows, { axis: 1 }))),
    ).toBeLessThanOrEqual(512);
  });

  it.each(software)('give each core rows: %s', (adapter) => {
    for (const size of [5000, 2 ** 16, 2 ** 20, 999_983]) {
      const [first] = planFor(adapter, max(input([size]))).dispatches;
      expect(first!.workgroups[0]).toBeGreaterThanOrEqual(4);
    }
  });

  it('are two kernels over all elements on hardware, of which the first fills it', () => {
    for (const size of [2 ** 16, 2 ** 20, 999_983, 20_000_000])
      for (const fold of [sum, max, (x: Tensor) => argMax(x, { axis: 0 })]) {
        const { dispatches } = planFor('gpu', fold(input([size])));
        expect(dispatches.length).toBe(2);
        const rows = Number(/const ROWS = (\d+)u;/.exec(dispatches[0]!.wgsl)![1]);
        expect(rows).toBeGreaterThanOrEqual(Math.min(256, size / 2048));
      }
  });

  it('are left whole where they are short', () => {
    for (const adapter of software)
      expect(planFor(adapter, max(input([9, 512]), { axis: 1 })).dispatches.length).toBe(1);
    expect(planFor('gpu', sum(input([512, 4096]), { axis: 1 })).dispatches.length).toBe(1);
  });
});

describe('plans of gradients of gather', () => {
  const gradient = (rows: number, positions: number): Tensor => {
    const [table, values] = [input([rows, 4]), input([positions, 4])];
    const picked = gather(table, input([positions], { dtype: 'i32' }));
    return grad(sum(mul(picked, values)), table);
  };
  const namesOf = (plan: Plan): string[] => plan.dispatches.flatMap(({ ops }) => ops);

  it('sort the positions where there are many comparisons', () => {
    for (const adapter of software) {
      expect(namesOf(planFor(adapter, gradient(8192, 4096)))).toContain('countingSort');
      expect(namesOf(planFor(adapter, gradient(10, 100)))).toContain('scatterAdd');
    }
    expect(namesOf(planFor('gpu', gradient(8192, 4096)))).toContain('mergeRuns');
    expect(namesOf(planFor('gpu', gradient(100, 1000)))).toContain('scatterAdd');
  });
});

describe('plans of products of matrices and vectors', () => {
  it.each(software)('are folds where the matrix is large: %s', (adapter) => {
    const matrix = input([700, 600]);
    const products = [
      matmul(matrix, input([600, 1])),
      matmul(matrix, input([700, 1]), { transposeA: true }),
      matmul(input([1, 700]), matrix),
      matmul(input([1, 600]), matrix, { transposeB: true }),
    ];
    for (const product of products) {
      const plan = planFor(adapter, product);
      expect(plan.dispatches.flatMap(({ ops }) => ops)).not.toContain('matmul');
      expect(longest(plan)).toBeLessThanOrEqual(512);
    }
    expect(planFor(adapter, matmul(input([9, 8]), input([8, 1]))).dispatches[0]!.ops).toContain(
      'matmul',
    );
  });
});
