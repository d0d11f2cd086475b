// Batch normalisation against PyTorch and against its equation, and how its buffers move in steps of one's own.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  gradCheck,
  input,
  mul,
  NablaError,
  nn,
  ShapeError,
  sum,
  tensor,
  zeros,
} from '../../src/index.common.js';
import { cases, type Expected, threeSteps, wave } from '../support/batchNorm.js';
import { openCpuEngine } from '../support/engine.js';
import { distance, forAllAsync } from '../support/property.js';

const engine = openCpuEngine();
const valuesOf = (tensors: readonly nn.Layer['parameters'][number][]): Promise<number[][]> =>
  Promise.all(tensors.map(async (each) => Array.from((await engine.read(each)).data)));

describe('three steps give what PyTorch gives', () => {
  it.each(Object.entries(cases))('%s', async (_, each) => {
    const given = await threeSteps(engine, each);
    expect(Object.keys(given).sort()).toEqual(Object.keys(each.expected).sort());
    for (const [name, expected] of Object.entries(each.expected))
      expect(distance(given[name as keyof Expected]!, expected), name).toBeLessThan(1e-7);
  });
});

describe('batch normalisation', () => {
  it("names its parameters and buffers as PyTorch's state_dict does, and in its order", () => {
    const model = nn.sequential(nn.dense(2, 3), nn.batchNorm1d(3), nn.dense(3, 1));
    expect([...model.state()].map(([name, { shape, dtype }]) => [name, shape, dtype])).toEqual([
      ['0.weight', [3, 2], 'f32'],
      ['0.bias', [3], 'f32'],
      ['1.weight', [3], 'f32'],
      ['1.bias', [3], 'f32'],
      ['1.running_mean', [3], 'f32'],
      ['1.running_var', [3], 'f32'],
      ['1.num_batches_tracked', [], 'i32'],
      ['2.weight', [1, 3], 'f32'],
      ['2.bias', [1], 'f32'],
    ]);
    expect(model.buffers.map(({ name }) => name)).toEqual([...model.state().keys()].slice(4, 7));
    const bare = nn.batchNorm2d(3, { affine: false, trackRunningStats: false });
    expect([bare.parameters, bare.buffers, bare.state().size]).toEqual([[], [], 0]);
  });

  it('pushes a pair for each buffer while training with a list, and none otherwise', () => {
    const layer = nn.batchNorm1d(3);
    const x = tensor(wave([4, 3], 0.7), [4, 3]);
    const updates: nn.BufferUpdate[] = [];
    layer.apply(x, { updates });
    layer.apply(x, { training: true });
    expect(updates).toEqual([]);
    layer.apply(x, { training: true, updates });
    expect(updates.map(([buffer]) => buffer).sort((a, b) => a.id - b.id)).toEqual(layer.buffers);
  });

  it('leaves its buffers where a step has no list of updates', async () => {
    const layer = nn.batchNorm1d(3);
    await engine.run(layer.apply(tensor(wave([4, 3], 0.7), [4, 3]), { training: true }));
    expect(await valuesOf(layer.buffers)).toEqual([[0, 0, 0], [1, 1, 1], [0]]);
  });

  it('follows itself where it stands in two places, as two calls in PyTorch do', async () => {
    const [first, second] = [tensor(wave([4, 3], 0.7), [4, 3]), tensor(wave([4, 3], 1.1), [4, 3])];
    const steps = nn.batchNorm1d(3);
    for (const x of [first, second]) {
      const updates: nn.BufferUpdate[] = [];
      steps.apply(x, { training: true, updates });
      await engine.compile({ updates })();
    }
    const together = nn.batchNorm1d(3);
    const updates: nn.BufferUpdate[] = [];
    for (const x of [first, second]) together.apply(x, { training: true, updates });
    expect(updates).toHaveLength(3);
    await engine.compile({ updates })();
    expect(await valuesOf(together.buffers)).toEqual(await valuesOf(steps.buffers));
  });

  it('takes the variance in two passes, so that a large mean costs no digits', async () => {
    const x = tensor([[30001], [30003]]);
    const layer = nn.batchNorm1d(1, { epsilon: 0 });
    expect(Array.from((await engine.run(layer.apply(x, { training: true }))).data)).toEqual([
      -1, 1,
    ]);
  });

  it('has right gradients', async () => {
    const layer = nn.batchNorm2d(2);
    const x = input([2, 2, 2, 2]);
    const cost = sum(
      mul(layer.apply(x, { training: true }), tensor(wave([2, 2, 2, 2], 1.9), [2, 2, 2, 2])),
    );
    const feeds = new Map([[x, wave([2, 2, 2, 2], 0.7)]]);
    expect(await gradCheck(cost, [x, ...layer.parameters], { engine, feeds })).toMatchObject({
      ok: true,
    });
  });

  it('is its equation for any shape, while training and after', async () => {
    const size = fc.integer({ min: 1, max: 4 });
    const shapes = fc
      .tuple(size, size, fc.array(size, { maxLength: 2 }))
      .map(([n, c, rest]) => [n + 1, c, ...rest]);
    await forAllAsync(
      fc.record({ shape: shapes, step: fc.double({ min: 0.3, max: 2, noNaN: true }) }),
      40,
      (each) => checkEquation(each.shape, each.step),
    );
  });
});

/** Mean and variance of each channel, by its definition. */
function statisticsOf(values: Float32Array, [n, channels, ...rest]: readonly number[]) {
  const inner = rest.reduce((a, b) => a * b, 1);
  return Array.from({ length: channels! }, (_, c) => {
    const own = Array.from(values).filter((_, i) => Math.floor(i / inner) % channels! === c);
    const mean = own.reduce((a, b) => a + b) / own.length;
    const squares = own.reduce((total, value) => total + (value - mean) ** 2, 0);
    expect(own).toHaveLength(n! * inner);
    return { mean, variance: squares / own.length, unbiased: squares / (own.length - 1) };
  });
}

async function checkEquation(shape: readonly number[], step: number): Promise<void> {
  const [channels, inner] = [shape[1]!, shape.slice(2).reduce((a, b) => a * b, 1)];
  const layer = shape.length === 4 ? nn.batchNorm2d(channels) : nn.batchNorm1d(channels);
  const values = wave(shape, step);
  const x = tensor(values, shape);
  const updates: nn.BufferUpdate[] = [];
  const y = layer.apply(x, { training: true, updates });
  const trained = await engine.compile({ outputs: y, updates })();
  const each = statisticsOf(values, shape);
  const [mean, variance, [batches]] = (await valuesOf(layer.buffers)) as [
    number[],
    number[],
    number[],
  ];
  expect(batches).toBe(1);
  expect(
    distance(
      mean,
      each.map((of) => 0.1 * of.mean),
    ),
  ).toBeLessThan(1e-6);
  expect(
    distance(
      variance,
      each.map((of) => 0.9 + 0.1 * of.unbiased),
    ),
  ).toBeLessThan(1e-6);
  const normal = (of: (c: number) => { mean: number; variance: number }): number[] =>
    Array.from(values, (value, i) => {
      const { mean, variance } = of(Math.floor(i / inner) % channels);
      return (value - mean) / Math.sqrt(variance + 1e-5);
    });
  expect(
    distance(
      trained.data,
      normal((c) => each[c]!),
    ),
  ).toBeLessThan(1e-6);
  const evaluated = await engine.run(layer.apply(x));
  expect(
    distance(
      evaluated.data,
      normal((c) => ({ mean: mean[c]!, variance: variance[c]! })),
    ),
  ).toBeLessThan(1e-6);
}

describe('a wrong call', () => {
  const training = { training: true };
  it.each([
    [
      'rank',
      () => nn.batchNorm1d(3).apply(zeros([3])),
      /batchNorm1d: input \[3\] where \[batch, 3\] or \[batch, 3, length\] is expected; reshape it/,
    ],
    [
      'rank of images',
      () => nn.batchNorm2d(3).apply(zeros([2, 3])),
      /batchNorm2d: input \[2, 3\] where \[batch, 3, height, width\] is expected/,
    ],
    [
      'channels',
      () => nn.batchNorm2d(3).apply(zeros([2, 4, 5, 5])),
      /batchNorm2d: input \[2, 4, 5, 5\] has 4 channels at axis 1, not 3; build batchNorm2d\(4\)/,
    ],
    [
      'one value per channel',
      () => nn.batchNorm1d(3).apply(zeros([1, 3]), training),
      /batchNorm1d: input \[1, 3\] has 1 value per channel, .* need 2; choose a batch size that leaves no single example over, or apply without/,
    ],
    [
      'no value',
      () => nn.batchNorm1d(3).apply(zeros([0, 3]), training),
      /\[0, 3\] has 0 values per channel/,
    ],
    [
      'one value without running statistics',
      () => nn.batchNorm1d(3, { trackRunningStats: false }).apply(zeros([1, 3])),
      /1 value per channel, and statistics of a batch need 2; choose a batch size that leaves no single example over$/,
    ],
    ['features', () => nn.batchNorm1d(0), /batchNorm1d: features is 0; give a whole number ≥ 1/],
    [
      'epsilon',
      () => nn.batchNorm1d(3, { epsilon: -1 }),
      /batchNorm1d: epsilon is -1; give a number in \[0, Infinity\)/,
    ],
    [
      'momentum',
      () => nn.batchNorm2d(3, { momentum: 2 }),
      /batchNorm2d: momentum is 2; give a number in \[0, 1\], or null/,
    ],
    [
      'updates',
      () => nn.batchNorm1d(3).apply(zeros([2, 3]), { updates: {} as never }),
      /nn: updates are an Object; pass a list/,
    ],
  ])('%s is named with its fix', (_, call, message) => {
    expect(call).toThrow(NablaError);
    expect(call).toThrow(message);
  });

  it('of one example is right without training', async () => {
    expect((await engine.run(nn.batchNorm1d(3).apply(zeros([1, 3])))).shape).toEqual([1, 3]);
    expect(nn.batchNorm2d(3).apply(zeros([1, 3, 2, 1]), training).shape).toEqual([1, 3, 2, 1]);
    expect(() => nn.batchNorm1d(3).apply(zeros([1, 3]), training)).toThrow(ShapeError);
  });
});
