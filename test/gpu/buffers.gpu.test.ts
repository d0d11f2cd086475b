// `engine.gpu`: the device, and the buffers in which steps leave their outputs.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { arange, input, parameter } from '../../src/ops/leaf.js';
import { slice } from '../../src/ops/slice.js';
import { reshape } from '../../src/ops/view.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let engine: Engine;
beforeEach(async () => {
  engine = await openGpuEngine();
});
afterEach(() => engine.dispose());

/** Reads floats out of a buffer with WebGPU alone. */
async function readBuffer(buffer: GPUBuffer, offset: number, count: number): Promise<number[]> {
  const device = engine.gpu!.device as GPUDevice;
  const aside = device.createBuffer({ size: 4 * count, usage: 1 | 8 }); // MAP_READ | COPY_DST
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, aside, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await aside.mapAsync(1);
  const values = [...new Float32Array(aside.getMappedRange().slice(0))];
  aside.destroy();
  return values;
}

it('gives the buffer of each output, which holds what the last call computed', async () => {
  const x = input([3]);
  const outputs = { twice: mul(x, 2), more: [reshape(add(x, 10), [3, 1])] } as const;
  const step = engine.compile({ inputs: { x }, outputs });
  for (const values of [
    [1, 2, 3],
    [-4, 0.5, 6],
  ]) {
    await step.enqueue({ x: values });
    const { bufferOf, offsetOf } = engine.gpu!;
    const read = (of: typeof x) =>
      readBuffer(bufferOf(step, of) as GPUBuffer, offsetOf(step, of), 3);
    expect(await read(outputs.twice)).toEqual(values.map((value) => 2 * value));
    expect(await read(outputs.more[0])).toEqual(values.map((value) => value + 10));
  }
  expect(engine.stats().readBytes).toBe(0);
});

it('says where in its buffer an output begins', async () => {
  const weights = parameter([5, 6, 7]);
  const [whole, part] = [mul(arange(0, 128, { dtype: 'f32' }), 3), parameter([1, 2])];
  const outputs = { weights, part, tail: slice(whole, [64]), whole };
  const step = engine.compile({ outputs });
  await step.enqueue();
  const { bufferOf, offsetOf } = engine.gpu!;
  const read = (of: typeof part, count: number) =>
    readBuffer(bufferOf(step, of) as GPUBuffer, offsetOf(step, of), count);
  expect(await read(weights, 3)).toEqual([5, 6, 7]);
  expect(await read(part, 2)).toEqual([1, 2]);
  expect(await read(outputs.tail, 2)).toEqual([192, 195]);
});

it('refuses tensors that are no outputs, and steps of other engines', async () => {
  const x = input([2]);
  const y = mul(x, 3);
  const step = engine.compile({ inputs: { x }, outputs: y });
  expect(() => engine.gpu!.bufferOf(step, x)).toThrow('is no output of this step');
  const other = openCpuEngine();
  expect(other.gpu).toBeUndefined();
  expect(() => engine.gpu!.bufferOf(other.compile({ inputs: { x }, outputs: y }), y)).toThrow(
    'another engine',
  );
});

it('a step that is released ends its calls under way first, and may be called again', async () => {
  const x = input([4]);
  const step = engine.compile({ inputs: { x }, outputs: { y: mul(x, 2) } });
  const calls = [step({ x: [1, 2, 3, 4] }), step({ x: [5, 6, 7, 8] })];
  step.release();
  const results = await Promise.all(calls);
  expect(results.map(({ y }) => [...y.data])).toEqual([
    [2, 4, 6, 8],
    [10, 12, 14, 16],
  ]);
  expect([...(await step({ x: [0, 0, 0, 1] })).y.data]).toEqual([0, 0, 0, 2]);
  await engine.finish();
});

it('takes fed values at the call, whatever becomes of their array', async () => {
  const x = input([4]);
  for (const opened of [engine, await openCpuEngine()]) {
    const step = opened.compile({ inputs: { x }, outputs: { y: mul(x, 2) } });
    const values = new Float32Array(4);
    const called = (first: number) => {
      values.fill(first);
      const result = step({ x: values });
      values.fill(-1);
      return result;
    };
    // the first waits for its kernels, the others for each other; the last runs at once
    const results = await Promise.all([called(1), called(2), called(3)]);
    results.push(await called(4));
    expect(results.map(({ y }) => [...y.data])).toEqual(
      [2, 4, 6, 8].map((value) => [value, value, value, value]),
    );
  }
});
