// Booleans on the host: alone they are bool, among numbers 1 and 0, as in PyTorch; where a dtype is asked for they take it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType, NestedArray, Value } from '../../src/core/dtype.js';
import { DTypeError, FeedError } from '../../src/core/errors.js';
import { sizeOf } from '../../src/core/shape.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { dataset } from '../../src/data/dataset.js';
import { Engine } from '../../src/engine/engine.js';
import { cast } from '../../src/ops/cast.js';
import { where } from '../../src/ops/compare.js';
import { full, input, parameter, tensor } from '../../src/ops/leaf.js';
import { forAll, forAllAsync, valuesOf } from '../support/property.js';

const engine = new Engine(new CpuBackend());
const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });

/** Values in nested arrays of a shape. */
function nest(
  flat: readonly (number | boolean)[],
  [size, ...rest]: readonly number[],
): number | boolean | NestedArray {
  if (size === undefined) return flat[0]!;
  const width = sizeOf(rest);
  return Array.from({ length: size }, (_, i) => nest(flat.slice(i * width, (i + 1) * width), rest));
}
const listOf = <T>(each: fc.Arbitrary<T>) =>
  shapes.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.array(each, { minLength: sizeOf(shape), maxLength: sizeOf(shape) }),
    ),
  );
const booleans = listOf(fc.boolean());
const mixed = listOf(fc.oneof(fc.boolean(), fc.integer({ min: -3, max: 3 })));
const dtypes = fc.constantFrom<DType>('f32', 'f16', 'i32', 'u32', 'bool', 'u8');

describe('tensor', () => {
  it('of booleans is bool, of any shape', () => {
    forAll(booleans, 100, ([shape, flat]) => {
      for (const x of [
        tensor(nest(flat, shape)),
        tensor({ shape, dtype: 'f64', data: flat as never }),
      ]) {
        expect([x.dtype, x.shape]).toEqual(['bool', shape]);
        expect([...valuesOf([x])[0]!.data]).toEqual(flat.map(Number));
      }
    });
  });
  it('of booleans among numbers is f32', () => {
    forAll(mixed, 100, ([shape, flat]) => {
      const isBool = flat.every((each) => typeof each === 'boolean');
      const x = tensor(nest(flat, shape));
      expect(x.dtype).toBe(isBool ? 'bool' : 'f32');
      expect([...valuesOf([x])[0]!.data]).toEqual(flat.map(Number));
    });
  });
  it('takes the dtype that is asked for, in the second place and in the third', () => {
    forAll(fc.tuple(booleans, dtypes), 100, ([[shape, flat], dtype]) => {
      const values = nest(flat, shape);
      for (const x of [
        tensor(values, { dtype }),
        tensor(values, undefined, { dtype }),
        tensor(values, shape, { dtype }),
      ])
        expect([x.dtype, x.shape]).toEqual([dtype, shape]);
    });
  });
  it('of one boolean fills a shape', () => {
    expect(valuesOf([tensor(true, [2])])[0]).toMatchObject({
      shape: [2],
      dtype: 'bool',
      data: Uint8Array.of(1, 1),
    });
    expect(tensor(false).dtype).toBe('bool');
    expect(tensor([]).dtype).toBe('f32');
  });
  it('says what is wrong with options', () => {
    expect(() => tensor([1], { dtypes: 'i32' } as never)).toThrow(
      /tensor: there is no option 'dtypes'/,
    );
    expect(() => tensor([1], { dtype: 'i32' } as never, { dtype: 'i32' })).toThrow(
      /options are given twice/,
    );
    expect(() => tensor([1], 0 as never)).toThrow(
      /tensor: a shape is an array of whole numbers, not 0/,
    );
    expect(() => tensor([true, 'x'] as never)).toThrow(FeedError);
  });
});

describe('a feed', () => {
  it('of booleans takes the dtype of its input', () =>
    forAllAsync(fc.tuple(booleans, dtypes), 60, async ([[shape, flat], dtype]) => {
      const x = input(shape, { dtype, name: 'x' });
      const y = dtype === 'bool' ? x : cast(x, 'f32');
      const step = engine.compile({ inputs: { x }, outputs: { y } });
      const value: Value = nest(flat, shape);
      for (const { data } of [await engine.run(y, { x: value }), (await step({ x: value })).y])
        expect([...data]).toEqual(flat.map(Number));
    }));
  it('of other numbers than 0 and 1 is no bool', async () => {
    const x = input([2], { dtype: 'bool', name: 'x' });
    expect([...(await engine.run(x, { x: [1, 0] })).data]).toEqual([1, 0]);
    await expect(engine.run(x, { x: [1, 2] })).rejects.toThrow(/run: x: 2 at 1 is no bool/);
  });
});

describe('booleans elsewhere', () => {
  it('are no parameters, and may be written to one', async () => {
    expect(() => parameter(true)).toThrow(DTypeError);
    expect(() => parameter([true, false])).toThrow(
      /parameter: dtype bool cannot be updated; use f32, i32 or u32/,
    );
    const p = parameter([1, 2]);
    await engine.write(p, [true, false]);
    expect([...(await engine.read(p)).data]).toEqual([1, 0]);
  });
  it('fill tensors and choose branches', () => {
    expect([full([2], true).dtype, full([2], true, { dtype: 'f32' }).dtype]).toEqual([
      'bool',
      'f32',
    ]);
    const chosen = [true, false].map((which) => where(which, tensor([1, 2]), 3));
    expect(valuesOf(chosen).map(({ data }) => [...data])).toEqual([
      [1, 2],
      [3, 3],
    ]);
    expect([...valuesOf([where(tensor([true, false]), 1, 2)])[0]!.data]).toEqual([1, 2]);
  });
  it('are class numbers as labels and numbers as inputs of a data set', () => {
    const { values } = dataset(
      [
        [true, false],
        [false, false],
      ],
      [true, false],
    );
    expect([values.inputs.dtype, values.labels.dtype, values.classes]).toEqual([
      'f32',
      'i32',
      true,
    ]);
  });
});
