// Row kernels as plans of the class `gpu`, made without a device: how many kernels, how many workgroups, what each says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { makePlan } from '../../src/compiler/plan.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, exp, mul, sin, sqrt, square, sub } from '../../src/ops/arithmetic.js';
import { input } from '../../src/ops/leaf.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import { logSoftmax, logSumExp, softmax, softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { transpose } from '../../src/ops/view.js';
import { computationOf } from '../../src/planning/groups.js';
import { type AdapterClass, defaultLimits } from '../../src/planning/limits.js';
import { layoutOf } from '../../src/planning/rows.js';
import { forAll } from '../support/property.js';

const dispatchesOf = (
  outputs: readonly Tensor[],
  adapter: AdapterClass = 'gpu',
  bindingBytes = defaultLimits.bindingBytes,
) =>
  makePlan(
    { outputs, updates: [], feedConstants: true },
    {
      ...{ shared: new WeakMap(), adapter, lanes: 1, f16: true },
      limits: { ...defaultLimits, bindingBytes },
    },
  ).dispatches;
const groupsOf = (outputs: readonly Tensor[]): number[] =>
  dispatchesOf(outputs).map(({ workgroups: [x, y, z] }) => x * y * z);
const countIn = (text: string, part: string): number => text.split(part).length - 1;

const along = { axis: -1, keepDims: true };
const centred = (x: Tensor): Tensor => sub(x, mean(x, along));
const variance = (x: Tensor): Tensor => mean(square(centred(x)), along);
const normal = (x: Tensor): Tensor => div(centred(x), sqrt(add(variance(x), 1e-5)));

/** What is one kernel over the rows of x [rows, columns], with t beside it. */
const oneKernel: Readonly<Record<string, (x: Tensor, t: Tensor) => readonly Tensor[]>> = {
  sum: (x) => [sum(x, { axis: 1 })],
  mean: (x) => [mean(x, { axis: 1 })],
  max: (x) => [max(x, { axis: 1 })],
  min: (x) => [min(x, { axis: 1 })],
  argMax: (x) => [argMax(x, { axis: 1 })],
  logSumExp: (x) => [logSumExp(x, { axis: 1 })],
  softmax: (x) => [softmax(x)],
  'softmax with its gradient': (x, t) => [softmax(x), grad(sum(mul(softmax(x), t)), x)].slice(1),
  logSoftmax: (x) => [logSoftmax(x)],
  crossEntropy: (x, t) => [softmaxCrossEntropy(x, t)],
  'crossEntropy with its gradient': (x, t) => {
    const costs = softmaxCrossEntropy(x, t);
    return [costs, grad(costs, x, { cotangent: max(t, { axis: 1 }) })];
  },
  variance: (x) => [variance(x)],
  'a layer norm in other ops': (x) => [normal(x)],
  'its gradient': (x, t) => [normal(x), grad(normal(x), x, { cotangent: t })],
  'several folds of one value': (x, t) => [
    sum(x, { axis: 1 }),
    max(exp(x), { axis: 1 }),
    sum(mul(x, t), { axis: 1 }),
  ],
};

describe('folds of rows are one kernel of the class `gpu`', () => {
  it.each(Object.entries(oneKernel))('%s', (_, outputsOf) => {
    for (const [rows, columns] of [
      [512, 512],
      [64, 100],
      [7, 33],
    ] as const) {
      const [first, ...others] = groupsOf(
        outputsOf(input([rows, columns]), input([rows, columns])),
      );
      expect(others).toEqual([]);
      expect(first).toBeGreaterThanOrEqual(Math.min(rows / 8, 256));
    }
  });

  it('over axes that are not adjacent', () => {
    const image = input([8, 64, 14, 14]);
    const axes = { axis: [0, 2, 3], keepDims: true };
    const mu = mean(image, axes);
    const both = dispatchesOf([max(image, axes), min(image, axes)]);
    expect(both.map(({ workgroups }) => workgroups[0])).toEqual([64]);
    expect(dispatchesOf([mu, mean(square(sub(image, mu)), axes)])).toHaveLength(1);
  });

  it('whose wide results leave them where few workgroups would store them', () => {
    const few = input([2, 2 ** 20]);
    expect(groupsOf([sub(few, max(few, along))]).at(-1)).toBeGreaterThan(1000);
    const many = input([2 ** 10, 2 ** 11]);
    expect(groupsOf([sub(many, max(many, along))])).toHaveLength(1);
  });

  it('but not of what is compared for equality, nor of the other classes', () => {
    const x = input([64, 100]);
    const lowered = sin(x);
    const slope = grad(sum(max(lowered, { axis: 1 })), x);
    const compares = dispatchesOf([slope]).filter(({ ops }) => ops.includes('equal'));
    expect(compares.filter(({ ops }) => ops.includes('sin'))).toEqual([]);
    for (const adapter of ['swiftshader', 'lavapipe'] as const)
      for (const { wgsl } of dispatchesOf([softmax(x), slope], adapter))
        expect(wgsl).not.toContain('workgroupBarrier');
  });
});

describe('a row kernel', () => {
  it('reads each vec4 of neighbouring columns once a stage', () => {
    const [kernel] = dispatchesOf([softmax(input([64, 128]))]);
    const text = kernel?.wgsl ?? '';
    expect(countIn(text, 'var<storage, read> b0: array<vec4<f32>>')).toBe(1);
    expect(countIn(text, '= b0[')).toBe(3);
    // a tree of the maximum and one of the sum
    expect(countIn(text, 'half /= 2u')).toBe(2);
  });

  it('reads neighbours in memory side by side where rows are the fast axis', () => {
    const { isAlong, ...layout } = layoutFor([4096, 64], [0]);
    expect([isAlong, layout.NEXT_ROW, layout.PARTS]).toEqual([false, 1, 1]);
    expect(layout.LINES).toBeGreaterThanOrEqual(16); // 64 bytes
    expect(layoutFor([4096, 64], [1])).toMatchObject({ isAlong: true, NEXT_COLUMN: 1, PARTS: 4 });
    // a batch norm's columns are whole images
    expect(layoutFor([8, 3, 6, 6], [0, 2, 3])).toMatchObject({ isAlong: true, PARTS: 4 });
  });

  it('reads by elements what does not lie in vec4s of columns', () => {
    const [x, turned] = [input([64, 128]), input([128, 64])];
    const [kernel] = dispatchesOf([sum(mul(x, transpose(turned)), { axis: 1 })]);
    expect(kernel?.wgsl).toMatch(/b\d: array<vec4<f32>>[\s\S]*b\d: array<f32>/);
  });

  it('has no more workgroups in a row than devices take', () => {
    const x = input([2 ** 24, 16]);
    for (const { workgroups, wgsl } of dispatchesOf([max(x, { axis: 1 })], 'gpu', 2 ** 31)) {
      expect(Math.max(...workgroups)).toBeLessThanOrEqual(65535);
      const lines = Number(/const LINES = (\d+)u/.exec(wgsl)?.[1]);
      expect(workgroups[0] * workgroups[1] * lines).toBeGreaterThanOrEqual(2 ** 24);
    }
  });

  it('has lanes for all columns, within what devices allow, of any shape', () => {
    const size = fc.constantFrom(1, 2, 3, 4, 7, 12, 64, 100, 257, 4096);
    const shapes = fc
      .array(size, { minLength: 1, maxLength: 4 })
      .filter((shape) => sizeOf(shape) <= 2 ** 27);
    const cases = fc.tuple(shapes, fc.nat(14));
    forAll(cases, 300, ([shape, chosen]) => {
      const axes = shape.flatMap((_, axis) => ((chosen + 1) & (1 << axis) ? [axis] : []));
      const folded = axes.length > 0 ? axes : [0];
      const { LANES, SIDE, LINES, ROWS, BLOCKS, PARTS, CHUNK } = layoutFor(shape, folded);
      expect(ROWS * BLOCKS * PARTS).toBe(sizeOf(shape));
      expect([LANES, Math.log2(SIDE) % 1, Math.log2(LINES) % 1]).toEqual([SIDE * LINES, 0, 0]);
      expect(LANES).toBeLessThanOrEqual(256);
      // blocks in flight never cross the end of a chunk
      expect(CHUNK % (4 * SIDE)).toBe(0);
    });
  });
});

/** The layout of a sum over some axes, and whether lanes lie along columns. */
function layoutFor(shape: readonly number[], axes: readonly number[]) {
  const folded = sum(input([...shape]), { axis: axes, keepDims: true });
  const { space } = computationOf(folded);
  return { ...layoutOf(space), isAlong: space.element.at(-1)?.base === 'column' };
}
