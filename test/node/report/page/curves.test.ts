// The curves of a report against their definitions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resample, runningMean, stepGrid } from '../../../../src/node/report/page/curves.js';
import { forAll } from '../../../support/property.js';

const costs = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), {
  minLength: 1,
  maxLength: 40,
});
const ascending = fc
  .uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 })
  .map((steps) => steps.sort((a, b) => a - b));

describe('runningMean', () => {
  it('weighs each cost 2% less with every step after it', () => {
    forAll(costs, 200, (values) => {
      const means = runningMean(values.map((cost, i) => [i + 1, cost]));
      for (const [i, [step, mean]] of means.entries()) {
        expect(step).toBe(i + 1);
        const weights = values.slice(0, i + 1).map((_, j) => 0.98 ** (i - j));
        const sum = weights.reduce((total, weight, j) => total + weight * values[j]!, 0);
        expect(mean).toBeCloseTo(sum / weights.reduce((a, b) => a + b), 9);
      }
    });
  });

  it('counts a cost once for each step since the last', () => {
    const sparse = runningMean([
      [3, 4],
      [5, 1],
    ]);
    const dense = runningMean([4, 4, 4, 1, 1].map((cost, i) => [i + 1, cost]));
    expect(sparse[1]![1]).toBeCloseTo(dense[4]![1], 12);
  });
});

describe('resample', () => {
  it('lies on the line through the points around a step, and is null beyond the ends', () => {
    forAll(fc.tuple(ascending, ascending), 200, ([steps, at]) => {
      const line = (step: number): number => 3 - 2 * step;
      const values = resample(
        steps.map((step) => [step, line(step)]),
        at,
      );
      for (const [i, step] of at.entries()) {
        const isWithin = steps[0]! <= step && step <= steps.at(-1)!;
        if (isWithin) expect(values[i]).toBeCloseTo(line(step), 9);
        else expect(values[i]).toBeNull();
      }
    });
  });
});

describe('stepGrid', () => {
  it('goes from 1 to the last step, ascending, with so many steps at most', () => {
    forAll(
      fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 700 })),
      200,
      ([last, points]) => {
        const grid = stepGrid(last, points);
        expect(grid.length).toBeLessThanOrEqual(points);
        expect([grid[0], grid.at(-1)]).toEqual([1, last]);
        for (const [i, step] of grid.entries())
          if (i > 0) expect(step).toBeGreaterThan(grid[i - 1]!);
      },
    );
  });
});
