// Infinities, NaN and numbers out of range, run by ONNX Runtime.
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { cast, input, log, logSumExp, mul, onnx } from '../../src/index.common.js';
import { agrees, engine } from '../support/onnx.js';

it('keeps log Σ eˣ of rows of infinities', async () => {
  const x = input([3, 2]);
  const rows = Float32Array.of(-Infinity, -Infinity, Infinity, 1, -Infinity, 2);
  const file = await onnx.encode(engine, {
    inputs: { x },
    outputs: { y: logSumExp(x, { axis: 1 }) },
  });
  const session = await InferenceSession.create(file);
  const { y } = await session.run({ x: new OrtTensor('float32', rows, [3, 2]) });
  expect([...(y!.data as Float32Array)]).toEqual([-Infinity, Infinity, 2]);
});

it('clamps what integers do not hold, and casts NaN to 0', async () => {
  const x = input([4]);
  const outputs = {
    i32: cast(mul(x, 1e10), 'i32'),
    u32: cast(mul(x, 10), 'u32'),
    none: cast(log(x), 'i32'),
  };
  await agrees({ x }, outputs, { x: Float32Array.of(-1.3, 0.5, 2.7, 20) });
});
