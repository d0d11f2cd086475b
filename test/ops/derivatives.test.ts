// Every differentiable op of the table: its rules against finite differences, against each other, and stacked.
import { describe, expect, it } from 'vitest';
import { jvp, pushThrough } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { isFloat, type TensorData } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { reshape } from '../../src/ops/view.js';
import { table } from '../support/ops.js';
import { distance, forAll, forAllAsync, instantiate, seed, valuesOf } from '../support/property.js';
import { floats, type Sample } from '../support/samples.js';

const RUNS = 12;
const TIGHT = { absolute: 1e-6, relative: 1e-5 };
const differentiable = table.filter((entry) => entry.differentiable);

/** A sample with its float inputs; undefined where the output is no float (a cast to i32). */
function floatCase(
  sample: Sample,
): { y: Tensor; xs: Tensor[]; feeds: Map<Tensor, TensorData> } | undefined {
  const { y, inputs, feeds } = instantiate(sample);
  return isFloat(y.dtype)
    ? { y, xs: inputs.filter(({ dtype }) => isFloat(dtype)), feeds }
    : undefined;
}
/** ⟨x, fixed numbers⟩. */
const contract = (x: Tensor, index: number): Tensor =>
  sum(mul(x, tensor(floats(5, x.shape, {}, index))));
const inner = ({ data }: TensorData, other: TensorData): number => {
  let product = 0;
  for (let i = 0; i < data.length; i++) product += data[i]! * other.data[i]!;
  return product;
};
const total = (terms: readonly Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));

describe(`derivatives of generated calls (seed ${seed})`, () => {
  it.each(differentiable)(
    '$name: reverse mode agrees with finite differences',
    async ({ samples }) => {
      await forAllAsync(samples(24), RUNS, async (sample) => {
        const found = floatCase(sample);
        if (!found || found.xs.length === 0) return;
        const report = await gradCheck(contract(found.y, 1), found.xs, {
          feeds: found.feeds,
          ...TIGHT,
        });
        expect(report).toMatchObject({ ok: true });
      });
    },
  );

  it.each(differentiable)(
    '$name: forward mode is the transpose of reverse mode, ⟨u, Jv⟩ = ⟨Jᵀu, v⟩',
    ({ samples }) => {
      forAll(samples(64), RUNS, (sample) => {
        const found = floatCase(sample);
        if (!found || found.xs.length === 0) return;
        const { y, xs, feeds } = found;
        const u = tensor(floats(1, y.shape));
        const vs = xs.map((x, i) => tensor(floats(2, x.shape, {}, i)));
        const [forward, uValue, ...rest] = valuesOf(
          [jvp(y, xs, vs), u, ...grad(y, xs, { cotangent: u }), ...vs],
          feeds,
        );
        const backward = xs.reduce((t, _, i) => t + inner(rest[i]!, rest[xs.length + i]!), 0);
        expect(forward!.shape).toEqual(y.shape);
        expect(distance([inner(uValue!, forward!)], [backward])).toBeLessThan(1e-10);
      });
    },
  );

  it.each(differentiable)(
    '$name: stacked cotangents and tangents give stacked results',
    ({ samples }) => {
      forAll(samples(24), RUNS, (sample) => {
        const found = floatCase(sample);
        if (!found || found.xs.length === 0) return;
        const { y, xs, feeds } = found;
        const lead = y.rank > 6 ? [6] : [2, 3]; // ranks end at 8
        const stacked = (like: Tensor, index: number): Tensor =>
          tensor(floats(3, [...lead, ...like.shape], {}, index));
        const part = (x: Tensor, k: number): Tensor => {
          const shape = x.shape.slice(lead.length);
          return reshape(slice(reshape(x, [6, sizeOf(shape)]), [k], [k + 1]), shape);
        };
        const u = stacked(y, 0);
        const vs = xs.map((x, i) => stacked(x, i));
        const together = [...grad(y, xs, { cotangent: u }), pushThrough(y, xs, vs, lead)];
        for (const k of [0, 1, 5]) {
          const alone = [
            ...grad(y, xs, { cotangent: part(u, k) }),
            jvp(
              y,
              xs,
              vs.map((v) => part(v, k)),
            ),
          ];
          const values = valuesOf([...together.map((x) => part(x, k)), ...alone], feeds);
          together.forEach((_, i) => {
            expect(distance(values[i]!.data, values[together.length + i]!.data)).toBeLessThan(
              1e-12,
            );
          });
        }
      });
    },
  );

  it.each(differentiable)(
    '$name: second derivatives agree with finite differences',
    async ({ samples }) => {
      await forAllAsync(samples(12), RUNS, async (sample) => {
        const found = floatCase(sample);
        if (!found || found.xs.length === 0) return;
        const gradients = grad(contract(found.y, 1), found.xs);
        const target = total(gradients.map((gradient, i) => contract(gradient, i + 2)));
        const report = await gradCheck(target, found.xs, { feeds: found.feeds, ...TIGHT });
        expect(report).toMatchObject({ ok: true });
      });
    },
  );
});
