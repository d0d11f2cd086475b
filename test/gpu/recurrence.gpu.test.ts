// Unrolled recurrences: values lie in place, and equal steps share kernels.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine, Step } from '../../src/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { lstm } from '../../src/nn/recurrent.js';
import { tanh } from '../../src/ops/activation.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { concat, slice } from '../../src/ops/slice.js';
import { openGpuEngine } from '../support/engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openGpuEngine();
});
afterAll(() => engine.dispose());

/** Mean of squares of an LSTM's outputs, and its gradients. */
function unrolled(time: number): Step<{ cost: Tensor; gradients: Tensor[] }> {
  const layer = lstm(16, 16);
  const x = input([4, time, 16]);
  const cost = sum(square(layer.apply(x)));
  return engine.compile({ inputs: { x }, outputs: { cost, gradients: grad(cost, layer.parameters) } });
}
const texts = ({ plan }: Pick<Step<Tensor>, 'plan'>): number => new Set(plan.dispatches.map(({ wgsl }) => wgsl)).size;

it('more steps take no more kernels', () => {
  const [short, long] = [unrolled(16), unrolled(32)];
  expect(texts(long)).toBeLessThanOrEqual(texts(short) + 2); // sums over time may split once more
  expect(long.plan.dispatches.length).toBeLessThan(2.3 * short.plan.dispatches.length);
});

it('derivatives through time agree with the reference', async () => {
  const layer = lstm(16, 16);
  const x = random.normal([4, 20, 16], { seed: 1 });
  const cost = sum(square(layer.apply(x)));
  const report = await engine.verify({ cost, gradients: grad(cost, [...layer.parameters, x]) });
  expect(report.checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
});

it('parts that a kernel would both read and write get memory of their own', async () => {
  const w = parameter(random.normal([4, 64], { seed: 2 }));
  let h: Tensor = random.normal([4, 64], { seed: 3 });
  const states: Tensor[] = [];
  for (let t = 0; t < 12; t++) {
    h = tanh(add(mul(h, w), 0.1));
    states.push(h);
  }
  const all = concat(states, { axis: 0 });
  const cost = sum(square(slice(all, [8], [40])));
  const report = await engine.verify({ all, cost, dw: grad(cost, w) });
  expect(report.ok).toBe(true);
});
