// The scale of the cost in mixed precision, on the CPU, which rounds what products read as a GPU does.
import { expect, it } from 'vitest';
import { inPrecision } from '../../src/autodiff/precision.js';
import { mul, square } from '../../src/ops/arithmetic.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { sgd } from '../../src/optim/index.js';
import { openCpuEngine } from '../support/engine.js';

const engine = openCpuEngine();

/** w ← w − rate · dC/dw with C = factor · (x w)²: w/2 where rate · factor is ¼. 2 factor x w reaches the product. */
function makeStep(factor = 2 ** -8, learningRate = 64) {
  const w = parameter([[8]], { name: 'w' });
  const x = input([1, 1]);
  const cost = mul(sum(square(matmul(x, w))), factor);
  const updates = sgd({ learningRate }).updates(cost, [w]);
  const step = engine.compile({
    inputs: { x },
    outputs: { cost },
    updates: [...updates],
    precision: 'f16',
  });
  return async (value: number): Promise<number> => {
    await step({ x: [[value]] });
    return (await engine.read(w)).data[0]!;
  };
}

it('the scale goes out of the gradients again', async () => {
  const step = makeStep();
  expect([await step(1), await step(1), await step(1)]).toEqual([4, 2, 1]);
});

it('a step whose gradient is not finite changes no parameter', async () => {
  const step = makeStep();
  expect([await step(1), await step(Infinity), await step(Number.NaN), await step(1)]).toEqual([
    4, 4, 4, 2,
  ]);
});

it('a step whose gradient overflows f16 changes none either, until the scale is small enough', async () => {
  const step = makeStep(1, 0.25);
  // 16 · 2¹⁶ is above 65504, and so on down to 16 · 2¹²
  const path = [];
  for (let i = 0; i < 7; i++) path.push(await step(1));
  expect(path).toEqual([8, 8, 8, 8, 8, 4, 2]);
});

it('the scale doubles after 2,000 good steps, and halves after a bad one', async () => {
  const w = parameter([[0]], { name: 'w' });
  const x = input([1, 1]);
  const updates = sgd().updates(sum(square(matmul(x, w))), [w]);
  const program = inPrecision({ outputs: [], updates }, 'f16');
  const scale = program.updates
    .map(([target]) => target)
    .find(({ name }) => name === 'loss scale')!;
  const step = engine.compile({ inputs: { x }, updates: program.updates });
  const after = async (times: number, value: number): Promise<number> => {
    for (let i = 0; i < times; i++) await step({ x: [[value]] });
    return (await engine.read(scale)).data[0]!;
  };
  expect(await after(1999, 1)).toBe(2 ** 16);
  expect(await after(1, 1)).toBe(2 ** 17);
  expect(await after(1, Infinity)).toBe(2 ** 16);
  expect(await after(17, Infinity)).toBe(1);
});
