// Updates read values from before the step, wherever parameters lie.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { binaryCrossEntropy } from '../../src/loss.js';
import { dense } from '../../src/nn/layers.js';
import { sequential } from '../../src/nn/sequential.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { concat, slice } from '../../src/ops/slice.js';
import { transpose } from '../../src/ops/view.js';
import { adam, adamW, rmsProp, sgd } from '../../src/optim/optimizers.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { forAllAsync, grid } from '../support/property.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const optimizers = {
  sgd: () => sgd({ learningRate: 0.1 }),
  momentum: () => sgd({ learningRate: 0.1, momentum: 0.9 }),
  nesterov: () => sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
  adam: () => adam({ learningRate: 0.05 }),
  adamW: () => adamW({ learningRate: 0.05 }),
  rmsProp: () => rmsProp({ learningRate: 0.02, momentum: 0.5 }),
};

for (const [name, make] of Object.entries(optimizers))
  it(`${name} trains a model with parameters of one element, and then a part of it`, async () => {
    const results = await Promise.all(
      [gpu, cpu].map(async (engine) => {
        const model = sequential([dense(2, 5, { activation: 'tanh' }), dense(5, 1)], { seed: 3 });
        const inputs = { x: input([4, 2]), y: input([4, 1]) };
        const cost = binaryCrossEntropy(model.apply(inputs.x), inputs.y);
        const optimizer = make();
        const feeds = { x: [0, 0, 0, 1, 1, 0, 1, 1], y: [0, 1, 1, 0] };
        for (const part of [model.parameters.slice(2), model.parameters]) {
          const step = engine.compile({
            inputs,
            outputs: { cost },
            updates: optimizer.updates(cost, part),
          });
          for (let i = 0; i < 5; i++) await step(feeds);
        }
        return Promise.all(model.parameters.map((each) => engine.read(each)));
      }),
    );
    results[0]!.forEach(({ data }, i) => {
      for (const [k, value] of data.entries())
        expect(value).toBeCloseTo(results[1]![i]!.data[k]!, 4);
    });
  });

it('parameters that share one gradient are all updated by it', async () => {
  const [first, second] = await Promise.all(
    [gpu, cpu].map(async (engine) => {
      const biases = [0, 1, 2].map((value) => parameter(new Float32Array(70).fill(value)));
      const x = input([4, 70], { name: 'x' });
      const cost = sum(square(biases.reduce((total, bias) => add(total, bias), x)));
      const step = engine.compile({
        inputs: { x },
        updates: adam({ learningRate: 0.05 }).updates(cost, biases),
      });
      await step.enqueue({ x: Float32Array.from({ length: 280 }, (_, i) => i / 280) });
      return Promise.all(biases.map(async (bias) => [...(await engine.read(bias)).data]));
    }),
  );
  for (const [i, values] of first!.entries())
    for (const [k, value] of values.entries()) expect(value).toBeCloseTo(second![i]![k]!, 4);
});

it.for(['f32', 'i32'] as const)(
  '%s parameters change places, and outputs are values from before',
  async (dtype) => {
    const [a, b] = [1, 2].map((value) => parameter(tensor([value, 5, 7], [3], { dtype }))) as [
      Tensor,
      Tensor,
    ];
    const step = gpu.compile({
      outputs: [a, b],
      updates: [
        [a, b],
        [b, a],
      ],
    });
    expect((await step()).map(({ data }) => data[0])).toEqual([1, 2]);
    expect([(await gpu.read(a)).data[0], (await gpu.read(b)).data[0]]).toEqual([2, 1]);
  },
);

it('any parameters become any sums of others', async () => {
  const sizes = fc.array(fc.constantFrom(1, 1, 2, 5, 64, 100), { minLength: 2, maxLength: 6 });
  const picks = fc.array(fc.nat(100), { minLength: 12, maxLength: 12 });
  await forAllAsync(fc.tuple(sizes, picks), 25, async ([lengths, pick]) => {
    const leaves = lengths.map((length, i) =>
      parameter(Array.from({ length }, (_, k) => 1 + i + k / 8)),
    );
    const next = (own: Tensor, i: number): Tensor => {
      const others = leaves.filter(({ shape }) => shape[0] === own.shape[0] || shape[0] === 1);
      const [a, b] = [
        others[pick[2 * i]! % others.length]!,
        others[pick[2 * i + 1]! % others.length]!,
      ];
      return pick[i]! % 3 ? sub(own, mul(0.5, add(a, b))) : add(mul(own, 0), add(a, mul(b, 0.25)));
    };
    const updates = leaves.map((leaf, i) => [leaf, next(leaf, i)] as const);
    const values = await Promise.all(
      [gpu, cpu].map(async (engine) => {
        const step = engine.compile({ updates });
        for (let i = 0; i < 3; i++) await step();
        step.release();
        return Promise.all(leaves.map(async (leaf) => [...(await engine.read(leaf)).data]));
      }),
    );
    expect(values[0]).toEqual(values[1]);
  });
});

it('next values that read elements of others stay until they are copied, whatever runs behind them', async () => {
  const picks = fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.nat(3)), {
    minLength: 6,
    maxLength: 12,
  });
  await forAllAsync(picks, 25, async (links) => {
    const leaves = [1, 2, 3, 4, 5].map((k) =>
      parameter({ shape: [4, 4], dtype: 'f32', data: grid(k) }),
    );
    const made = links.map(([i, j, kind]) => {
      const [a, b] = [leaves[i]!, leaves[j]!];
      if (kind === 0) return matmul(a, b);
      const lower = slice(concat([a, b], { axis: 0 }), [2, 0], [6, 4]);
      return kind === 1 ? lower : sub(a, transpose(kind === 2 ? b : lower));
    });
    const step = (engine: Engine) =>
      engine.compile({
        outputs: made.slice(3),
        updates: leaves.slice(0, 3).map((leaf, i) => [leaf, made[i]!] as const),
      });
    const values = await Promise.all(
      [gpu, cpu].map(async (engine) => {
        const outputs = await step(engine)();
        const all = [...outputs, ...(await Promise.all(leaves.map((leaf) => engine.read(leaf))))];
        return all.map(({ data }) => [...data]);
      }),
    );
    expect(values[0]).toEqual(values[1]);
  });
});

it('neighbours are updated by halves that lie elsewhere', async () => {
  if (!gpu.info.features.includes('shader-f16')) return; // storage.gpu.test.ts sees to that
  const parameters = [1, 2].map((value) => parameter(new Float32Array(40).fill(value)));
  const halves = parameters.map((each) => cast(mul(each, 3), 'f16'));
  const updates = parameters.map((each, i) => [each, sub(each, cast(halves[i]!, 'f32'))] as const);
  await gpu.compile({ outputs: halves, updates }).enqueue({});
  const values = await Promise.all(
    parameters.map(async (each) => [...new Set((await gpu.read(each)).data)]),
  );
  expect(values).toEqual([[-2], [-4]]);
});
