// f16 on the CPU engine: it rounds where a value is stored, returned or cast, and nowhere between.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { watch } from '../../src/check/anomaly.js';
import { isFloat, roundTo, type TensorData } from '../../src/core/dtype.js';
import { halfToNumber, numberToHalf } from '../../src/core/half.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { add, sqrt, square } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { full, input, ones, parameter, tensor } from '../../src/ops/leaf.js';
import { openCpuEngine } from '../support/engine.js';
import { A, B, cases, computed, halfUlp, programs, runProgram, stored } from '../support/half.js';
import { table } from '../support/ops.js';
import { instantiate, seed, valuesOf } from '../support/property.js';

const engine = openCpuEngine();
const first = ({ data }: TensorData, count: number): number[] => [...data.subarray(0, count)];

it('a cast to f16 rounds to what f16 holds, ties to even', async () => {
  const x = tensor([1.9, 2049, 70_000]);
  expect([...(await engine.run(cast(cast(x, 'f16'), 'f32'))).data]).toEqual([
    1.900390625,
    2048,
    Infinity,
  ]);
  // every number of f16, and what lies halfway between it and the next
  const bits = [...Array(0x7c00).keys()];
  const halves = bits.map(halfToNumber);
  const middles = halves.map((each, i) => (each + (halves[i + 1] ?? 65_536)) / 2);
  const even = bits.map((each) => halfToNumber(each + (each % 2)));
  expect([...(await engine.run(cast(tensor(halves), 'f16'))).data]).toEqual(halves);
  expect([...(await engine.run(cast(tensor(middles), 'f16'))).data]).toEqual(even);
});

describe.each([
  ['stored', stored],
  ['computed', computed],
])('of %s halves', (_, half) => {
  it.each(cases)('%s', async (_, build, expected) => {
    const y = build(half);
    expect(y.dtype).toBe('f16');
    expect(first(await engine.run(y), expected.length)).toEqual(expected);
    expect(first(await engine.run(cast(cast(y, 'f16'), 'f32')), expected.length)).toEqual(expected);
  });
});

describe('what PyTorch gives', () => {
  it.each(programs)('%s', async (text, values, slopes) => {
    const { y, gradient } = runProgram(text, stored(A, [2, 3]), stored(B, [2, 3]));
    const found = await engine.run([y, gradient]);
    const isOne = /^(add|sub|mul|larger|tiny) \d \d$/.test(text);
    for (const [i, expected] of [values, slopes].entries()) {
      // PyTorch rounds after each op; one op gives the same number, or at a tie the next, here in five digits
      const scale = Math.max(1, ...expected.map(Math.abs));
      for (const [at, value] of expected.entries())
        expect(Math.abs(found[i]!.data[at]! - value)).toBeLessThan(
          isOne ? 1.1 * halfUlp(value) : 2 ** -8 * scale,
        );
    }
  });
});

describe(`generated calls of f16 tensors (seed ${seed})`, () => {
  it.each(table)('$name', async ({ name, samples, differentiable }) => {
    for (const each of fc.sample(samples(40), { seed, numRuns: 6 })) {
      const values = each.values.map((value) =>
        value.dtype === 'f32' ? { ...value, dtype: 'f16' as const } : value,
      );
      const { y, inputs, feeds } = instantiate({ ...each, values });
      const xs = inputs.filter(({ dtype }) => isFloat(dtype));
      const tree =
        differentiable && isFloat(y.dtype)
          ? [y, ...grad(y, xs, { cotangent: ones(y.shape, { dtype: y.dtype }) })]
          : [y];
      const halves = new Map(
        Array.from(feeds, ([node, value]) => {
          const data = Float64Array.from(value.data, (number) => roundTo(node.dtype, number));
          return [node, isFloat(node.dtype) ? { ...value, data } : value];
        }),
      );
      const exact = valuesOf(tree, halves);
      const found = await engine.run(tree, feeds);
      tree.forEach(({ dtype }, i) => {
        const rounded = Array.from(exact[i]!.data, (value) =>
          dtype === 'f16' ? roundTo(dtype, value) : value,
        );
        expect([...found[i]!.data]).toEqual(rounded);
        if (xs.length > 0 && isFloat(y.dtype) && name !== 'cast') expect(dtype).toBe('f16');
      });
    }
  });
});

describe('what an engine keeps of f16', () => {
  it('is rounded when it is made, written and updated', async () => {
    const p = parameter(tensor([1.9, 1], [2], { dtype: 'f16' }));
    expect([...(await engine.read(p)).data]).toEqual([1.900390625, 1]);
    const step = engine.compile({ outputs: { next: add(p, 1e-4) }, updates: [[p, add(p, 1e-4)]] });
    // 10⁻⁴ is below half a step of f16 next to 1
    expect([...(await step()).next.data]).toEqual([1.900390625, 1]);
    expect([...(await engine.read(p)).data]).toEqual([1.900390625, 1]);
    await engine.write(p, [70_000, 2049]);
    expect([...(await engine.read(p)).data]).toEqual([Infinity, 2048]);
    await engine.write(p, { shape: [2], dtype: 'f64', data: Float64Array.of(1 / 3, 0.1) });
    expect([...(await engine.read(p)).data]).toEqual(
      [1 / 3, 0.1].map((each) => roundTo('f16', each)),
    );
  });

  it('is fed rounded', async () => {
    const x = input([2], { dtype: 'f16', name: 'x' });
    const feeds = { x: [1.9, 70_000] };
    expect([...(await engine.run(cast(x, 'f32'), feeds)).data]).toEqual([1.900390625, Infinity]);
  });
});

it('full rounds the number of a tensor, and refuses what f16 does not hold', async () => {
  expect([...(await engine.run(cast(full([1], 1e-4, { dtype: 'f16' }), 'f32'))).data]).toEqual([
    halfToNumber(numberToHalf(1e-4)),
  ]);
  expect(() => full([1], 70_000, { dtype: 'f16' })).toThrow(
    'full: 70000 is beyond the f16 range; use Infinity, or keep within ±65504',
  );
  expect([...(await engine.run(full([1], Infinity, { dtype: 'f16' }))).data]).toEqual([Infinity]);
});

it('anomaly mode sees what overflows where it is returned, and nothing between', async () => {
  const watched = new Engine(new CpuBackend(), { anomaly: watch });
  const x = stored([300, 300]);
  expect([...(await watched.run(sqrt(square(x)))).data]).toEqual([300, 300]);
  await expect(watched.run(square(x))).rejects.toThrow(
    'anomaly: 2 of 2 values of square [2] are NaN or infinite',
  );
});
