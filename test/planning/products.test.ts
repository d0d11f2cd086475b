// How products of class `gpu` are cut: enough workgroups, and a cut that depends on shapes alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../src/compiler/plan.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu } from '../../src/ops/activation.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import {
  card,
  choices,
  defaultLimits,
  type Footprint,
  MAX_WORKGROUP_BYTES,
} from '../../src/planning/limits.js';
import {
  chooseCut,
  depthOf,
  type Extents,
  invocationsOf,
  predict,
  withTile,
} from '../../src/planning/products.js';
import { forAll } from '../support/property.js';

const planOf = (...outputs: Tensor[]) =>
  makePlan(
    { outputs, updates: [] },
    {
      ...({ shared: new WeakMap(), adapter: 'gpu', lanes: 1, f16: true } as const),
      limits: { ...defaultLimits, bindingBytes: 2 ** 30 },
    },
  );
/** Workgroups of the product, and of what adds its parts, if it has any. */
const workgroupsOf = (y: Tensor): number[] =>
  planOf(y).dispatches.map(({ workgroups: [a, b, c] }) => a * b * c);

describe('a product on hardware', () => {
  it.each([
    ['case A, its first layer', [64, 784], [128, 784], { transposeB: true }, [32]],
    ['case A, its last layer', [64, 128], [10, 128], { transposeB: true }, [4]],
    ['4096³', [4096, 4096], [4096, 4096], {}, [1024]],
    ['1024³', [1024, 1024], [1024, 1024], {}, [256]],
    ['512³', [512, 512], [512, 512], {}, [256]],
    ['many rows and ten columns', [8192, 784], [10, 784], { transposeB: true }, [256]],
    ['a matrix and a vector', [4096, 4096], [4096, 1], {}, [1024]],
    ['a vector and a matrix', [1, 4096], [4096, 4096], {}, [128]],
    ['one sample through a layer', [1, 784], [128, 784], { transposeB: true }, [32]],
    ['scores of attention', [96, 128, 64], [96, 128, 64], { transposeB: true }, [384]],
    ['values of attention', [96, 128, 128], [96, 128, 64], {}, [192]],
    [
      'a small weight gradient over a long batch',
      [65536, 16],
      [65536, 16],
      { transposeA: true },
      [64, 16],
    ],
    [
      'a weight gradient over a long batch',
      [8192, 128],
      [8192, 784],
      { transposeA: true },
      [416, 392],
    ],
  ] as const)('of %s has these workgroups', (_, a, b, options, expected) => {
    const found = workgroupsOf(matmul(input([...a]), input([...b]), options));
    expect(found).toEqual(expected);
  });

  it('has its parts added by a second dispatch, where that takes less time on paper', () => {
    const { dispatches } = planOf(relu(matmul(input([32, 4096]), input([4096, 32]))));
    expect(dispatches.map(({ kernel }) => kernel)).toEqual(['matmul', 'sum+relu']);
    const whole = { batch: 1, m: 32, n: 32, k: 4096, isAlongK: false, loads: 1 } as const;
    const cut = chooseCut('gpu', whole);
    if (!cut) throw new Error('no cut');
    const parts = Math.ceil(whole.k / cut.part);
    expect(predict(whole, cut, parts)).toBeLessThan(predict(whole, cut, 1));
  });

  it('shares a dispatch, and its workgroup memory, with another that is small', () => {
    const [x, w, slope] = [input([64, 128]), input([10, 128]), input([64, 10])];
    const outputs = [matmul(slope, w), matmul(slope, x, { transposeA: true })];
    const [joined, ...others] = planOf(...outputs).dispatches;
    expect(others).toEqual([]);
    expect(joined?.workgroups).toEqual([40, 1, 1]);
    expect(joined?.wgsl.match(/var<workgroup> memory/g)).toHaveLength(1);
  });
});

const size = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 70000 }),
);
const anyExtents: fc.Arbitrary<Extents> = fc.record({
  batch: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
  ...{ m: size, n: size, k: size, isAlongK: fc.boolean() },
  loads: fc.constantFrom(1, 2),
});

/** Workgroups, and the bytes of their memory. */
function costOf({ batch, m, n, k }: Extents, footprint: Footprint, part: number) {
  const [kind, rows, columns, x, y] = footprint.tile;
  const isThin = kind === 'thin';
  const ofQuad = isThin ? Math.min(4, m) : 4;
  const down = Math.ceil(m / (ofQuad * rows * y));
  const across = Math.ceil(n / (4 * columns * x));
  const stage = isThin ? 0 : 16 * depthOf(footprint) * (rows * y + columns * x);
  const tree = 8 * invocationsOf(footprint) * ofQuad * rows * columns;
  const bytes = Math.max(stage, footprint.slices > 1 ? tree : 0);
  return { workgroups: batch * down * across * Math.ceil(k / part), bytes };
}

describe('a cut', () => {
  it('fits a workgroup, whatever tile it is given, and cuts k between stages', () => {
    forAll(anyExtents, 400, (extents) => {
      const cut = chooseCut('gpu', extents);
      if (!cut) throw new Error('no cut');
      for (const tile of [cut.tile, ...choices.gpu.tiles.map((other) => withTile(cut, other))]) {
        const footprint = { tile, slices: cut.slices };
        const { bytes } = costOf(extents, footprint, cut.part);
        expect(bytes).toBeLessThanOrEqual(MAX_WORKGROUP_BYTES);
        expect(invocationsOf(footprint)).toBeLessThanOrEqual(256);
        expect(depthOf(footprint) % (4 * cut.slices)).toBe(0);
        if (cut.part < extents.k) expect(cut.part % depthOf(footprint)).toBe(0);
      }
    });
  });

  it('gives a product that computes for long enough workgroups for every multiprocessor', () => {
    forAll(anyExtents, 400, (extents) => {
      const cut = chooseCut('gpu', extents);
      const { batch, m, n, k } = extents;
      if (!cut || m < 8 || n < 8 || batch * m * n * k < 2 ** 26) return;
      const { workgroups } = costOf(extents, cut, cut.part);
      expect(workgroups).toBeGreaterThanOrEqual(card.multiprocessors);
    });
  });

  it('is none on software adapters', () => {
    forAll(anyExtents, 20, (extents) => {
      expect(chooseCut('lavapipe', extents)).toBeUndefined();
      expect(chooseCut('swiftshader', extents)).toBeUndefined();
    });
  });
});
