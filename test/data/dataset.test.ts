import { describe, expect, it } from 'vitest';
import { FeedError, ShapeError } from '../../src/core/errors.js';
import { dataset } from '../../src/data/dataset.js';
import { circles, moons, spiral, xor } from '../../src/data/points.js';

const bytes = dataset(
  Uint8Array.from({ length: 20 }, (_, i) => i),
  Array.from({ length: 10 }, (_, i) => i),
  { scale: 0.5 },
);
const labelsOf = (data: typeof bytes, size: number, seed?: number): number[][] =>
  [...data.batches(size, seed === undefined ? {} : { seed })].map(({ labels }) =>
    Array.from(labels.data),
  );

describe('a data set', () => {
  it('gives every example once, scaled, the remainder last', () => {
    expect(labelsOf(bytes, 4)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const [first] = [...bytes.batches(2)];
    expect(first!.inputs).toEqual({
      shape: [2, 2],
      dtype: 'f32',
      data: Float32Array.of(0, 0.5, 1, 1.5),
    });
  });

  it('draws an order from a seed', () => {
    const order = labelsOf(bytes, 4, 1).flat();
    expect(order).not.toEqual(labelsOf(bytes, 4, 2).flat());
    expect(order).toEqual(labelsOf(bytes, 10, 1).flat());
    expect(order.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('splits into parts that share its values', () => {
    const [a, b] = bytes.split(0.7, { seed: 3 });
    expect([a.length, b.length]).toEqual([7, 3]);
    expect(a.values).toBe(bytes.values);
    expect([...labelsOf(a, 7).flat(), ...labelsOf(b, 7).flat()].sort((x, y) => x - y)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(labelsOf(bytes.split(0.5)[1], 5)).toEqual([[5, 6, 7, 8, 9]]);
    expect(() => bytes.split(0.01)).toThrow(/leaves a part empty/);
    expect(() => bytes.split(1)).toThrow(FeedError);
  });

  it.each([
    ['an integer typed array', Int32Array.of(1, 0), 'i32', true],
    ['bytes', Uint8Array.of(1, 0), 'i32', true],
    ['whole numbers', [1, 0], 'i32', true],
    ['fractions', [1, 0.5], 'f32', false],
    ['a Float32Array', Float32Array.of(1, 0), 'f32', false],
    [
      'rows',
      [
        [1, 0],
        [0, 1],
      ],
      'f32',
      false,
    ],
  ] as const)('takes labels from %s', (_, labels, dtype, classes) => {
    const { values } = dataset([[1], [2]], labels);
    expect([values.labels.dtype, values.classes]).toEqual([dtype, classes]);
  });

  it('keeps integer inputs as indices', () => {
    const [batch] = [...dataset(Int32Array.of(4, 5), [0, 1], { scale: 9 }).batches(2)];
    expect(batch!.inputs).toEqual({ shape: [2, 1], dtype: 'i32', data: Int32Array.of(4, 5) });
  });

  it('refuses what does not fit together', () => {
    expect(() => dataset([[1], [2]], [1, 2, 3])).toThrow(/2 inputs and 3 labels/);
    expect(() => dataset(new Float32Array(5), [0, 1])).toThrow(/5 inputs and 2 labels/);
    expect(() => dataset([[1]], 3)).toThrow(/axis 0 counts the examples/);
    expect(() => dataset([], [])).toThrow(FeedError);
    expect(() => dataset([[1]], [1], { scale: Number.NaN })).toThrow(/scale is NaN/);
    expect(() => [...bytes.batches(0)]).toThrow(ShapeError);
  });
});

describe('points', () => {
  it.each([
    ['spiral', spiral],
    ['moons', moons],
    ['circles', circles],
    ['xor', xor],
  ] as const)('%s has both classes in turn, and the same points for the same seed', (_, make) => {
    const [a, b, other] = [
      make({ examples: 50 }),
      make({ examples: 50 }),
      make({ examples: 50, seed: 1 }),
    ].map((data) => [...data.batches(50)][0]!);
    expect(a).toEqual(b);
    expect(a!.inputs).not.toEqual(other!.inputs);
    expect(a!.inputs.shape).toEqual([50, 2]);
    expect(Array.from(a!.labels.data.slice(0, 4))).toEqual([0, 1, 0, 1]);
    expect(Math.max(...a!.inputs.data)).toBeLessThan(2.6);
  });

  it('refuses options that it does not have', () => {
    expect(() => spiral({ n: 3 } as never)).toThrow(
      /data: there is no option 'n'; pass an object of examples/,
    );
    expect(() => moons({ classes: 3 } as never)).toThrow(/there is no option 'classes'/);
  });

  it('xor without noise is its truth table', () => {
    const { inputs, labels } = [...xor({ examples: 4, noise: 0 }).batches(4)][0]!;
    const rows = Array.from(labels.data, (label, i) => [
      inputs.data[2 * i],
      inputs.data[2 * i + 1],
      label,
    ]);
    expect(rows.sort()).toEqual([
      [0, 0, 0],
      [0, 1, 1],
      [1, 0, 1],
      [1, 1, 0],
    ]);
  });

  it('the arms of a spiral part classes that no line parts', () => {
    const { inputs, labels } = [...spiral({ examples: 90, classes: 3, noise: 0 }).batches(90)][0]!;
    expect(new Set(labels.data)).toEqual(new Set([0, 1, 2]));
    const radius = (i: number): number => Math.hypot(inputs.data[2 * i]!, inputs.data[2 * i + 1]!);
    expect(radius(0)).toBe(0);
    expect(radius(89)).toBeCloseTo(29 / 30, 6);
  });
});
