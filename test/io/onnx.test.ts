// Exported functions in ONNX Runtime, which knows nothing of this package; and what is refused.
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import * as nabla from '../../src/index.common.js';
import {
  add,
  arange,
  argMax,
  broadcastTo,
  cast,
  concat,
  conv2d,
  defineOp,
  dot,
  equal,
  eye,
  FeedError,
  full,
  gather,
  grad,
  greater,
  greaterEqual,
  input,
  less,
  lessEqual,
  logSoftmax,
  logSumExp,
  loss,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mul,
  nn,
  notEqual,
  oneHot,
  onnx,
  outer,
  pad,
  pointwise,
  pow,
  reshape,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  transpose,
  where,
} from '../../src/index.common.js';
import { agrees, engine, type Named, wave } from '../support/onnx.js';
import { messagesOf, textsOf } from '../support/protobuf.js';

describe('the exported functions', () => {
  const a = input([2, 3, 4]);
  const b = input([4]);
  const n = input([3], { dtype: 'i32' });
  const feeds = {
    a: wave(24),
    b: Float32Array.of(0.5, -0.3, 1.25, 0.9),
    n: Int32Array.of(2, 0, 1),
  };
  const positive = add(nabla.abs(a), 0.5);
  const m = reshape(a, [6, 4]);
  const cases: Record<string, Named> = {
    arithmetic: {
      sum: add(a, b),
      difference: nabla.sub(1, a),
      product: mul(a, b),
      quotient: nabla.div(a, positive),
      negative: nabla.neg(a),
      square: nabla.square(a),
      root: nabla.sqrt(positive),
      power: pow(positive, b),
      cube: pow(a, 3),
      exponential: nabla.exp(a),
      logarithm: nabla.log(positive),
      sine: nabla.sin(a),
      cosine: nabla.cos(a),
      larger: maximum(a, b),
      smaller: minimum(a, 0),
      whole: add(n, nabla.mul(n, n)),
    },
    comparisons: {
      equal: equal(n, 2),
      notEqual: notEqual(a, b),
      less: less(a, b),
      lessEqual: lessEqual(a, b),
      greater: greater(a, b),
      greaterEqual: greaterEqual(n, 1),
      where: where(greater(a, 0), a, mul(a, b)),
    },
    reductions: {
      sum: sum(a),
      rows: sum(a, { axis: [0, -1], keepDims: true }),
      mean: mean(a, { axis: 1 }),
      max: max(a, { axis: [0, 2] }),
      min: min(a, { axis: -1, keepDims: true }),
      whole: sum(n),
      argMax: argMax(a, { axis: 1 }),
      kept: argMax(a, { axis: 2, keepDims: true }),
      logSumExp: logSumExp(a, { axis: [1, 2] }),
      softmax: softmax(a, { axis: 1 }),
      logSoftmax: logSoftmax(a),
    },
    products: {
      batched: matmul(a, a, { transposeB: true }),
      inner: matmul(a, a, { transposeA: true }),
      shared: matmul(a, tensor(wave(8, 3), [2, 4]), { transposeB: true }),
      vector: matmul(a, b),
      gemm: matmul(m, m, { transposeA: true }),
      both: matmul(tensor(wave(8, 3), [4, 2]), m, { transposeA: true, transposeB: true }),
      biased: add(matmul(m, transpose(m)), tensor(wave(6))),
      added: add(matmul(m, transpose(m)), tensor(wave(6), [6, 1])),
      outer: outer(b, b),
      dot: dot(a, b),
    },
    views: {
      reshape: reshape(a, [4, -1]),
      empty: reshape(slice(a, [0, 0, 2], [2, 3, 2]), [0, 5]),
      wide: broadcastTo(b, [3, 1, 4]),
      transpose: transpose(a, [1, 2, 0]),
      slice: slice(a, [0, 1, -3], [1, 3, -1]),
      pad: pad(
        a,
        [
          [0, 1],
          [2, 0],
          [1, 1],
        ],
        -1.5,
      ),
      wholePad: pad(n, [[1, 1]], 7),
      concat: concat([a, a, slice(a, [0, 1]), a, a], { axis: 1 }),
      gather: gather(a, n, { axis: 1 }),
      unsigned: gather(a, cast(n, 'u32'), { axis: 1 }),
      bytes: cast(gather(tensor(Uint8Array.of(9, 8, 7)), n), 'f32'),
      oneHot: oneHot(n, 4),
      stopped: nabla.stopGradient(a),
      slope: nabla.grad(nabla.sum(nabla.sin(a)), a),
    },
    'casts and constants': {
      truncated: cast(mul(a, 10), 'i32'),
      truth: cast(n, 'bool'),
      float: cast(less(a, b), 'f32'),
      eye: add(eye(4), b),
      range: add(arange(4, undefined, { dtype: 'f32' }), b),
      full: mul(full([2, 1, 1], 3), a),
      normal: add(nabla.random.normal([4], { seed: 3 }), b),
      half: cast(cast(b, 'f16'), 'f32'),
      input: a,
      loss: loss.crossEntropy(m, tensor(Int32Array.of(0, 1, 2, 3, 2, 1))),
    },
  };
  it.each(Object.entries(cases))('%s', async (_, outputs) => {
    await agrees({ a, b, n }, outputs, feeds);
  });
});

it('writes convolutions and pools of any step, and refuses their gradients', async () => {
  const [x, w] = [input([2, 2, 5, 6]), input([3, 2, 3, 2])];
  const y = conv2d(x, w, { stride: [1, 2], padding: [1, 0], dilation: [1, 2] });
  const pooled = maxPool2d(x, { size: 2, padding: 1 });
  const grouped = conv2d(x, reshape(w, [6, 1, 3, 2]), { groups: 2, stride: 2, padding: 1 });
  const inputs = { x, w };
  await agrees(inputs, { y, pooled, grouped }, { x: wave(120, 0.9), w: wave(36, 1.1) });
  for (const gradient of [...grad(sum(mul(y, y)), [x, w]), grad(sum(pooled), x)])
    await expect(onnx.encode(engine, { inputs, outputs: { gradient } })).rejects.toThrow(
      /(windows|visits) has no ONNX operator.*without gradients/,
    );
});

it('takes names as they are, parameters under theirs', async () => {
  const model = nn.sequential(nn.dense(2, 1), nn.dense(1, 1));
  const x = input([1, 2]);
  const file = await onnx.encode(engine, {
    inputs: { 'x: 0': x },
    outputs: { ŷ: model.apply(x), '0.weight': x },
  });
  const session = await InferenceSession.create(file);
  expect([session.inputNames, session.outputNames]).toEqual([['x: 0'], ['ŷ', '0.weight']]);
  const initializers = messagesOf(messagesOf(file, 7)[0]!, 5).flatMap((tensor) =>
    textsOf(tensor, 8),
  );
  expect(initializers).toEqual(expect.arrayContaining(['0.bias', '1.weight', '1.bias']));
});

describe('refuses', () => {
  const x = input([2], { name: 'x' });
  const refusal = (inputs: Named, outputs: Named): Promise<unknown> =>
    onnx.encode(engine, { inputs, outputs }).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('an op without an operator, by name, with the way out', async () => {
    const cubeNamed = (name: string) =>
      defineOp({
        name,
        kernel: pointwise('cube', 'fn cube(x: f32) -> f32 { return x * x * x; }'),
        reference: (value: number) => value ** 3,
      });
    for (const name of ['cube', 'relu'])
      await expect(
        onnx.encode(engine, { inputs: { x }, outputs: { y: cubeNamed(name)(x) } }),
      ).rejects.toThrow(new RegExp(`^onnx: ${name} has no ONNX operator`));
    const product = defineOp({
      name: 'add',
      kernel: pointwise('product', 'fn product(a: f32, b: f32) -> f32 { return a * b; }'),
      reference: (a: number, b: number) => a * b,
    });
    const y = product(matmul(reshape(x, [1, 2]), eye(2)), x);
    await expect(onnx.encode(engine, { inputs: { x }, outputs: { y } })).rejects.toThrow(
      /add has no ONNX operator/,
    );
    const dropped = nn.dropout().apply(x, { training: true });
    await expect(onnx.encode(engine, { inputs: { x }, outputs: { dropped } })).rejects.toThrow(
      /random_uniform has no ONNX operator.*in inference/,
    );
  });

  it('inputs that are missing, no inputs, or named twice', async () => {
    await expect(onnx.encode(engine, { inputs: {}, outputs: { y: add(x, 1) } })).rejects.toThrow(
      FeedError,
    );
    await expect(onnx.encode(engine, { inputs: {}, outputs: { y: add(x, 1) } })).rejects.toThrow(
      /x is needed/,
    );
    expect(await refusal({ x: add(x, 1) }, { y: x })).toBeInstanceOf(FeedError);
    expect(await refusal({ x }, { x: add(x, 1) })).toMatchObject({
      message: expect.stringMatching(/give each one name/),
    });
    expect(await refusal({ x, z: x }, { y: add(x, 1) })).toBeInstanceOf(FeedError);
  });
});

it('walks graphs as deep as they come', async () => {
  const x = input([1]);
  let y: Tensor = x;
  for (let i = 0; i < 20_000; i++) y = add(y, 1e-3);
  const file = await onnx.encode(engine, { inputs: { x }, outputs: { y } });
  expect(file.length).toBeGreaterThan(20_000);
});
