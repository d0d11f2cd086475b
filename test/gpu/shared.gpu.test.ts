// Arrays in memory that other threads may write to, or that may grow, wherever values reach the GPU. WebGPU takes no such
// memory: Chromium throws, and Dawn in Node crashes on it.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DType, TensorData, TypedArray } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';
import {
  add,
  cast,
  checkpoint,
  dataset,
  fit,
  input,
  loss,
  nn,
  optim,
  parameter,
  safetensors,
  tensor,
} from '../../src/index.common.js';
import { unsteady } from '../support/containers.js';
import { openGpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openGpuEngine();
});
afterAll(() => engine.dispose());

const arrays = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const;
type Kind = keyof typeof arrays;
/** Values that any dtype holds, odd in number too, so that rows of bytes end within a word. */
const cases = fc.tuple(
  fc.constantFrom(...(Object.keys(arrays) as Kind[])),
  fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 21 }),
);

describe.each(Object.entries(unsteady))('arrays in %s', (_, place) => {
  const held = (dtype: Kind, values: readonly number[]): TypedArray =>
    place(arrays[dtype].from(values) as TypedArray);
  const asData = (dtype: DType, data: TypedArray): TensorData => ({
    shape: [data.length],
    dtype,
    data,
  });

  it('are copied when they are fed, at first and in later calls', async () => {
    await forAllAsync(cases, 12, async ([dtype, values]) => {
      const x = input([values.length], { dtype, name: 'x' });
      const step = engine.compile({ inputs: { x }, outputs: { y: cast(x, 'f32') } });
      for (let i = 0; i < 3; i++) {
        const data = held(dtype, values);
        const called = step({ x: i === 1 ? asData(dtype, data) : data });
        data.fill(7); // as another thread might
        expect(Array.from((await called).y.data)).toEqual(values);
        await step.enqueue({ x: held(dtype, values) });
      }
      step.release();
      const ran = await engine.run({ y: cast(x, 'f32') }, { x: held(dtype, values) });
      expect(Array.from(ran.y.data)).toEqual(values);
    });
  });

  it('are copied into parameters and constants', async () => {
    await forAllAsync(cases, 12, async ([dtype, values]) => {
      const data = held(dtype, values);
      const constant = tensor(data, [values.length], { dtype });
      const p = parameter(held('f32', values));
      data.fill(7);
      const sum = add(cast(constant, 'f32'), p);
      expect(Array.from((await engine.run(sum)).data)).toEqual(values.map((value) => 2 * value));
      const written = held('f32', values);
      const writing = engine.write(p, written);
      written.fill(7);
      await writing;
      expect(Array.from((await engine.read(p)).data)).toEqual(values);
    });
  });

  it('train as others do, and load', async () => {
    const points = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * i));
    const labels = Int32Array.from({ length: 12 }, (_, i) => i % 2);
    const train = async (wrap: <T extends TypedArray>(values: T) => T): Promise<Uint8Array> => {
      const model = nn.sequential([nn.dense(2, 2)], { seed: 1 });
      const data = dataset(wrap(points), wrap(labels));
      const run = fit(engine, {
        ...{ model, data, loss: loss.crossEntropy, optimizer: optim.sgd({ learningRate: 0.1 }) },
        ...{ epochs: 2, batchSize: 5 },
      });
      for await (const _ of run);
      return checkpoint.save(engine, { model });
    };
    const [plain, saved] = [await train((values) => values), await train(place)];
    expect(saved).toEqual(plain);
    const model = nn.sequential([nn.dense(2, 2)], { seed: 2 });
    await checkpoint.load(engine, place(saved), { model });
    expect(await checkpoint.save(engine, { model })).toEqual(plain);
    expect(safetensors.decode(place(saved))).toEqual(safetensors.decode(plain));
  });
});
