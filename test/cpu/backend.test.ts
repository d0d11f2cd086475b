// What is written to the CPU engine and read from it is the caller's to change.
import { describe, expect, it } from 'vitest';
import type { TensorData, TypedArray } from '../../src/core/dtype.js';
import { add, input, parameter, reshape, tensor } from '../../src/index.common.js';
import { unsteady } from '../support/containers.js';
import { openCpuEngine } from '../support/engine.js';

const engine = openCpuEngine();
const f64 = (...values: number[]): TensorData & { data: Float64Array } => ({
  shape: [values.length],
  dtype: 'f64',
  data: Float64Array.from(values),
});

describe('values on the CPU engine', () => {
  it('are copied when they are written, exact ones too', async () => {
    const p = parameter([0, 0]);
    const value = f64(0.1, Math.PI);
    const writing = engine.write(p, value);
    value.data.fill(7);
    await writing;
    expect((await engine.read(p)).data).toEqual(Float64Array.of(0.1, Math.PI));
  });

  it('stay what they are when results are changed', async () => {
    const p = parameter([1, 2]);
    const leaves = { p, ints: tensor(Int32Array.of(3, 4)), floats: tensor([5, 6]) };
    const x = input([2], { dtype: 'i32', name: 'x' });
    const tree = { ...leaves, x, again: p, shaped: reshape(p, [2, 1]), sum: add(p, 1) };
    const fed = Int32Array.of(8, 9);
    const first = await engine.run(tree, { x: fed });
    const before = structuredClone(first);
    for (const { data } of Object.values(first)) (data as TypedArray).fill(-1);
    (await engine.read(p)).data.fill(-1);
    expect(await engine.run(tree, { x: fed })).toEqual(before);
    expect(fed).toEqual(Int32Array.of(8, 9));
  });

  it.each(Object.entries(unsteady))('are copied out of %s', async (_, place) => {
    const x = input([3], { name: 'x' });
    const step = engine.compile({ inputs: { x }, outputs: { y: add(x, 1) } });
    const fed = place(Float32Array.of(1, 2, 3));
    const called = step({ x: fed });
    fed.fill(9);
    expect(Array.from((await called).y.data)).toEqual([2, 3, 4]);
    const p = parameter(place(Float32Array.of(1, 2, 3)));
    const value = { ...f64(4, 5, 6), data: place(Float64Array.of(4, 5, 6)) };
    const writing = engine.write(p, value);
    value.data.fill(9);
    await writing;
    const { data } = await engine.read(p);
    expect([Array.from(data), data.buffer instanceof ArrayBuffer]).toEqual([[4, 5, 6], true]);
  });
});
