// Runs exported files by ONNX Runtime and compares what comes out.
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import type { DType, TensorData, TypedArray } from '../../src/core/dtype.js';
import { onnx, type Tensor } from '../../src/index.common.js';
import { openCpuEngine } from './engine.js';
import { messagesOf, textsOf } from './protobuf.js';

export const engine = openCpuEngine();

const kinds: Partial<Record<DType, 'float32' | 'int32' | 'uint32' | 'bool' | 'uint8'>> = {
  ...{ f32: 'float32', i32: 'int32', u32: 'uint32', bool: 'bool', u8: 'uint8' },
};
const arrays = {
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
};

/** Values for a test, between −1 and 1. */
export const wave = (length: number, step = 0.7): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(step * (i + 1)));

export type Named = Record<string, Tensor>;
type Values = Record<string, TypedArray>;

async function runOnnx(
  file: Uint8Array,
  inputs: Named,
  feeds: Values,
): Promise<InferenceSession.ReturnType> {
  const session = await InferenceSession.create(file);
  const fed = Object.entries(inputs).map(([name, { dtype, shape }]) => {
    const kind = kinds[dtype]!;
    return [name, new OrtTensor(kind, new arrays[kind](feeds[name]!) as never, shape)] as const;
  });
  const results = await session.run(Object.fromEntries(fed));
  await session.release();
  return results;
}

/** The largest difference, in units of the largest magnitude. */
function worst(actual: ArrayLike<number | bigint>, expected: TensorData): number {
  const scale = Math.max(1e-3, ...expected.data.map(Math.abs));
  return Math.max(
    0,
    ...Array.from(expected.data, (value, i) => Math.abs(Number(actual[i]) - value) / scale),
  );
}

/** Exports, runs in both, and compares; gives the operators of the file. */
export async function agrees(inputs: Named, outputs: Named, feeds: Values): Promise<Set<string>> {
  const file = await onnx.encode(engine, { inputs, outputs });
  const results = await runOnnx(file, inputs, feeds);
  const byNode = new Map(Object.entries(inputs).map(([name, node]) => [node, feeds[name]!]));
  const expected = await engine.run(outputs, byNode);
  for (const [name, node] of Object.entries(outputs)) {
    const result = results[name]!;
    expect({ name, dims: result.dims, type: result.type }).toEqual({
      name,
      dims: node.shape,
      type: kinds[node.dtype],
    });
    expect(worst(result.data as never, expected[name]!), name).toBeLessThan(1e-4);
  }
  return operators(file);
}

/** The operators of a file: ModelProto.graph.node.op_type. */
const operators = (file: Uint8Array): Set<string> =>
  new Set(messagesOf(messagesOf(file, 7)[0]!, 1).flatMap((node) => textsOf(node, 4)));
