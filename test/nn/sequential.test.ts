import { expect, it } from 'vitest';
import { NablaError, ShapeError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { mul, nn, parameter, random, relu, type Tensor, tensor } from '../../src/index.common.js';

const engine = new Engine(new CpuBackend());
const valuesOf = async (layer: nn.Layer): Promise<number[][]> =>
  Promise.all(layer.parameters.map(async (each) => Array.from((await engine.read(each)).data)));

it("names parameters as PyTorch's state_dict does, nested models included", () => {
  const model = nn.sequential(
    nn.dense(3, 4),
    relu,
    nn.sequential(nn.dropout(), nn.dense(4, 2, { bias: false })),
  );
  expect(model.parameters.map(({ name }) => name)).toEqual(['0.weight', '0.bias', '2.1.weight']);
  expect(model.parameters.map(({ shape }) => shape)).toEqual([[4, 3], [4], [2, 4]]);
});

it("lets a layer's own name take the place of its number", () => {
  const model = nn.sequential([nn.dense(3, 4, { name: 'hidden' }), nn.layerNorm(4)], {
    name: 'net',
  });
  expect(model.parameters.map(({ name }) => name)).toEqual([
    'net.hidden.weight',
    'net.hidden.bias',
    'net.1.weight',
    'net.1.bias',
  ]);
  const layer = (): nn.Layer => nn.dense(1, 1, { name: 'same' });
  expect(() => nn.sequential(layer(), layer())).toThrow(NablaError);
});

it('shares the parameters of a layer that stands in two places', () => {
  const shared = nn.dense(4, 4);
  expect(nn.sequential(shared, relu, shared).parameters).toHaveLength(2);
});

it('starts equal models equal, equal layers different, and another seed elsewhere', async () => {
  const build = (seed: number): nn.Layer =>
    nn.sequential([nn.dense(5, 5), nn.dense(5, 5)], { seed });
  const [first, again, other] = await Promise.all([build(1), build(1), build(2)].map(valuesOf));
  expect(first).toEqual(again);
  expect(first![0]).not.toEqual(first![2]);
  expect(first![0]).not.toEqual(other![0]);
  const sameSeed = await valuesOf(
    nn.sequential(nn.dense(5, 5, { seed: 9 }), nn.dense(5, 5, { seed: 9 })),
  );
  expect(sameSeed[0]).not.toEqual(sameSeed[2]);
  const alone = await Promise.all([valuesOf(nn.dense(5, 5)), valuesOf(nn.dense(5, 5))]);
  expect(alone[0]).not.toEqual(alone[1]);
});

it('computes y = x Wᵀ + b', async () => {
  const layer = nn.dense(2, 3);
  const [weight, bias] = layer.parameters;
  await engine.write(weight!, [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  await engine.write(bias!, [0.5, 0, -1]);
  expect(Array.from((await engine.run(layer.apply(tensor([[1, 10]])))).data)).toEqual([
    21.5, 43, 64,
  ]);
  expect(() => layer.apply(tensor([[1, 2, 3]]))).toThrow(ShapeError);
});

it.each([
  ['relu', Math.sqrt(6 / 64)],
  ['tanh', Math.sqrt(6 / 96)],
  [undefined, 1 / 8],
] as const)('bounds the first weights before %s', async (activation, bound) => {
  const [weights, biases] = await valuesOf(nn.dense(64, 32, activation ? { activation } : {}));
  const largest = Math.max(...weights!.map(Math.abs));
  expect(largest).toBeLessThanOrEqual(bound);
  expect(largest).toBeGreaterThan(bound * 0.98);
  if (activation) expect(new Set(biases)).toEqual(new Set([0]));
  else expect(Math.max(...biases!.map(Math.abs))).toBeGreaterThan(bound * 0.8);
});

it.each([
  ['heNormal', 2 / 64],
  ['glorotNormal', 2 / 96],
  ['lecunNormal', 1 / 64],
  ['standardNormal', 1],
] as const)('gives %s weights of variance %f', async (initializer, variance) => {
  const [weights] = await valuesOf(nn.dense(64, 32, { initializer }));
  const mean = weights!.reduce((a, b) => a + b) / 2048;
  expect(Math.abs(mean)).toBeLessThan(0.1 * Math.sqrt(variance));
  expect(weights!.reduce((a, b) => a + b * b, 0) / 2048).toBeGreaterThan(0.9 * variance);
  expect(weights!.reduce((a, b) => a + b * b, 0) / 2048).toBeLessThan(1.1 * variance);
});

it('draws first weights as random does, bit for bit', async () => {
  const fan = { inputs: 5, outputs: 7, seed: 3 };
  const bound = Math.sqrt(6 / 12);
  const pairs = [
    [nn.initializers.standardNormal, random.normal([9, 8], { seed: 3 })],
    [nn.initializers.heNormal, random.normal([9, 8], { seed: 3, deviation: Math.sqrt(2 / 5) })],
    [nn.initializers.glorotUniform, random.uniform([9, 8], { seed: 3, low: -bound, high: bound })],
  ] as const;
  for (const [make, draw] of pairs) {
    const drawn = await engine.run(mul(1, make([9, 8], fan) as Tensor));
    const first = await engine.read(parameter(make([9, 8], fan)));
    const wanted = Float32Array.from((await engine.run(draw)).data);
    expect(Float32Array.from(drawn.data)).toEqual(wanted);
    expect(Float32Array.from(first.data)).toEqual(wanted);
  }
});

it('drops elements only while training, anew at each run, and keeps the mean', async () => {
  const layer = nn.dropout(0.25);
  const x = tensor(new Float32Array(4000).fill(1), [4000]);
  expect(layer.apply(x)).toBe(x);
  const step = engine.compile({ outputs: { y: layer.apply(x, { training: true }) } });
  const [first, second] = [(await step()).y.data, (await step()).y.data];
  expect(new Set(first)).toEqual(new Set([0, Math.fround(4 / 3)]));
  expect(first).not.toEqual(second);
  const mean = Array.from(first).reduce((a, b) => a + b) / 4000;
  expect(Math.abs(mean - 1)).toBeLessThan(0.05);
});

it('looks up rows of an embedding and normalises rows of a layerNorm', async () => {
  const table = nn.embedding(5, 2);
  const [rows] = await valuesOf(table);
  const picked = await engine.run(table.apply(tensor(new Int32Array([4, 0]))));
  expect(Array.from(picked.data)).toEqual([rows![8], rows![9], rows![0], rows![1]]);
  const normal = await engine.run(nn.layerNorm(4).apply(tensor([[1, 2, 3, 4]])));
  const deviation = Math.sqrt(1.25 + 1e-5);
  expect(Array.from(normal.data)).toEqual(
    [-1.5, -0.5, 0.5, 1.5].map((x) => expect.closeTo(x / deviation, 12)),
  );
});

it('flattens and reshapes all but the batch', () => {
  const x = tensor(new Float32Array(24), [2, 3, 4]);
  expect(nn.flatten().apply(x).shape).toEqual([2, 12]);
  expect(nn.reshape([2, 6]).apply(x).shape).toEqual([2, 2, 6]);
});

it('refuses what makes no layer', () => {
  expect(() => nn.dense(0, 3)).toThrow(/inputs is 0/);
  expect(() => nn.dense(3, 3, { activation: 'swish' as never })).toThrow(
    /dense: activation is 'swish'; use 'sigmoid'/,
  );
  expect(() => nn.dense(3, 3, { initializer: 'xavier' as never }).parameters).toThrow(
    /use 'pytorch', 'heNormal'/,
  );
  expect(() => nn.dropout(1)).toThrow(/dropout: rate is 1; give a number in \[0, 1\)/);
  expect(() => nn.dropout('0.5' as never)).toThrow(/dropout: rate is 0.5; give/);
  expect(() => nn.layerNorm(3, { epsilon: Number.NaN })).toThrow(/layerNorm: epsilon is NaN; give/);
  expect(() => nn.sequential({} as never)).toThrow(/part 0 is no layer/);
});
