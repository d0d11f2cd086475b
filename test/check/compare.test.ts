// The comparator on what rounds to f16: right kernels pass, whichever side of a tie or of 65520 their f32 lies; others fail.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCaptures } from '../../src/check/compare.js';
import type { TensorData } from '../../src/core/dtype.js';
import { evaluateOne } from '../../src/cpu/evaluate.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { div, mul } from '../../src/ops/arithmetic.js';
import { cast, roundToHalf } from '../../src/ops/cast.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { forAll } from '../support/property.js';

const info = {
  ...{ backend: 'gpu' as const, limits: {}, features: [] },
  adapter: { vendor: '', architecture: '', description: 'a test', software: true },
};
const [x, scale] = [input([1]), input([1])];
const given = (node: Tensor, value: number): TensorData => ({
  ...{ shape: node.shape, dtype: node.dtype },
  data: Float64Array.of(value),
});

/** Whether a kernel may give `result` for a node, from such x and scale, and whether it was looked at. */
function passes(
  node: Tensor,
  result: number,
  at: number,
  by = 1,
): { ok: boolean; checked: number } {
  const reads = new Map([
    [x, given(x, Math.fround(at))],
    [scale, given(scale, by)],
  ]);
  const results = new Map([[node, given(node, result)]]);
  let checked = 0;
  const failure = compareCaptures([{ kernel: 'k', wgsl: '', reads, results }], info, (checks) => {
    checked = checks[0]!.checked;
  });
  return { ok: failure === undefined, checked };
}
const seen = { ok: true, checked: 1 };
const refused = { ok: false, checked: 1 };

describe.each<[string, (node: Tensor) => Tensor]>([
  ['stored in f16', (node) => cast(node, 'f16')],
  ['stored in f32', roundToHalf],
])('a value rounded to f16 and %s', (_, round) => {
  it('is the nearest of f16 where the kernel read it', () => {
    const node = round(x);
    expect(passes(node, 1.900390625, 1.9)).toEqual(seen);
    expect(passes(node, 1.8994140625, 1.9)).toEqual(refused);
    expect(passes(node, 1.9, 1.9)).toEqual(refused);
    expect(passes(node, 2 ** -24, 1.2 * 2 ** -24)).toEqual(seen);
    expect(passes(node, 0, 1.2 * 2 ** -24)).toEqual(refused);
  });

  it('is infinite from 65520 on, and only there', () => {
    const node = round(x);
    expect(passes(node, Infinity, 70_000)).toEqual(seen);
    expect(passes(node, 65_504, 70_000)).toEqual(refused);
    expect(passes(node, 70_000, 70_000)).toEqual(refused);
    expect(passes(node, -Infinity, 70_000)).toEqual(refused);
    expect(passes(node, Infinity, 65_519)).toEqual(refused);
    expect(passes(node, Number.NaN, 70_000)).toEqual(refused);
  });

  it('is either neighbour where the kernel computed it next to a tie', () => {
    const node = round(mul(x, scale));
    // 1 + 2⁻¹¹ is halfway from 1 to the next; 2⁻²⁴ more is within the error of a product
    for (const result of [1, 1 + 2 ** -10])
      expect(passes(node, result, 1 + 2 ** -11)).toEqual(seen);
    for (const result of [1 - 2 ** -11, 1 + 2 ** -9])
      expect(passes(node, result, 1 + 2 ** -11)).toEqual(refused);
    expect(passes(node, 1, 1 + 2 ** -11 + 2 ** -20)).toEqual(refused);
  });

  it('is the largest or infinite where the kernel computed it next to 65520', () => {
    const node = round(mul(x, scale));
    for (const at of [65_520, 65_519.99609375]) {
      for (const result of [65_504, Infinity]) expect(passes(node, result, at)).toEqual(seen);
      for (const result of [65_472, 65_520, 3, -Infinity])
        expect(passes(node, result, at)).toEqual(refused);
    }
    expect(passes(node, Infinity, 65_519)).toEqual(refused);
    expect(passes(node, 65_504, 65_521)).toEqual(refused);
  });

  it('may be either in what is computed from it', () => {
    const inverse = div(1, cast(round(mul(x, scale)), 'f32'));
    for (const result of [0, 1 / 65_504]) expect(passes(inverse, result, 65_520)).toEqual(seen);
    expect(passes(inverse, 3, 65_520)).toEqual(refused);
    expect(passes(inverse, 0, 70_000)).toEqual(seen);
    expect(passes(inverse, 1 / 65_504, 70_000)).toEqual(refused);
    expect(passes(inverse, 1 / 2048, 2048.75)).toEqual(seen);
    expect(passes(inverse, 1 / 2048.75, 2048.75)).toEqual(refused);
  });

  it('has no error of its own: any f32 that the bound of a product allows rounds to a number that passes', () => {
    const node = round(mul(x, scale));
    const numbers = fc.double({ min: -70_000, max: 70_000, noNaN: true });
    forAll(
      fc.tuple(numbers, fc.double({ min: 0.5, max: 2, noNaN: true }), fc.constantFrom(-1, 0, 1)),
      300,
      (drawn) => {
        const [a, b] = [Math.fround(drawn[0]), Math.fround(drawn[1])];
        const product = Math.fround(a * b * (1 + drawn[2] * 2 ** -24));
        const rounded =
          Math.abs(product) >= 65_520 ? Math.sign(product) * Infinity : halfOf(product);
        expect(passes(node, rounded, a, b)).toEqual(seen);
      },
    );
  });
});

/** The nearest number of f16 by definition: a whole multiple of the distance between neighbours, ties to even. */
function halfOf(value: number): number {
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1))) - 10);
  const [below, rest] = [Math.floor(value / step), value / step - Math.floor(value / step)];
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + Number(up)) * step;
}

describe.each([
  [false, false],
  [true, true],
])('a large product, its operands transposed %s and %s', (transposeA, transposeB) => {
  const [m, k, n] = [600, 512, 256] as const;
  const a = input(transposeA ? [k, m] : [m, k]);
  const b = input(transposeB ? [n, k] : [k, n]);
  const product = matmul(a, b, { transposeA, transposeB });
  const givenTo = ({ shape, dtype }: Tensor): TensorData => {
    const [rows, columns] = shape as [number, number];
    const data = new Float64Array(rows * columns).map((_, i) => ((7 * i) % 13) - 6);
    return { shape, dtype, data };
  };
  const reads = new Map([a, b].map((each) => [each, givenTo(each)]));
  const right = evaluateOne(product, [...reads.values()]);
  const check = (change: (at: number) => number) => {
    const data = Float64Array.from(right.data, (value, at) => value + change(at));
    const results = new Map([[product, { ...right, data }]]);
    let seen = { checked: 0, total: 0 };
    const failure = compareCaptures([{ kernel: 'k', wgsl: '', reads, results }], info, (checks) => {
      seen = checks[0]!;
    });
    return { isRight: failure === undefined, checked: seen.checked, total: seen.total };
  };

  it('is right or wrong by some of its rows', () => {
    const seen = { checked: 512 * n, total: m * n };
    expect(check(() => 0)).toEqual({ isRight: true, ...seen });
    expect(check((at) => Number(at % n === 3))).toEqual({ isRight: false, ...seen });
  });
});
