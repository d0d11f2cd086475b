// Unrolled recurrences: values lie in place, and equal steps share kernels.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Step } from '../../src/engine/step.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { dense } from '../../src/nn/layers.js';
import { lstm } from '../../src/nn/recurrent.js';
import { sequential } from '../../src/nn/sequential.js';
import { tanh } from '../../src/ops/activation.js';
import { add, exp, mul, square } from '../../src/ops/arithmetic.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { concat, slice } from '../../src/ops/slice.js';
import { reshape, transpose } from '../../src/ops/view.js';
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
  return engine.compile({
    inputs: { x },
    outputs: { cost, gradients: grad(cost, layer.parameters) },
  });
}
const texts = ({ plan }: Pick<Step<Tensor>, 'plan'>): number =>
  new Set(plan.dispatches.map(({ wgsl }) => wgsl)).size;

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

it('the last step alone may be read on', async () => {
  const model = sequential(lstm(3, 5, { outputs: 'last' }), dense(5, 2));
  const x = random.normal([4, 6, 3], { seed: 1 });
  const every = sequential(lstm(3, 5), (h) => reshape(slice(h, [0, -1]), [4, 5]), dense(5, 2));
  for (const { apply, parameters } of [model, every]) {
    const cost = sum(square(apply(x, { training: true })));
    const { ok, checks } = await engine.verify({ cost, gradients: grad(cost, parameters) });
    expect(checks.length).toBeGreaterThan(0);
    expect(ok).toBe(true);
  }
});

it('a part of a concat that nothing else reads is read by a kernel of its own', async () => {
  const [x, y] = [1, 2].map((seed) => random.normal([64], { seed }));
  const c = reshape(concat([exp(x!), tanh(y!)], { axis: 0 }), [2, 8, 8]);
  const d = mul(reshape(transpose(slice(c, [1]), [0, 2, 1]), [64]), 2);
  const { values, right } = await engine.run({ values: d, right: mul(tanh(y!), 2) });
  const at = (row: number, column: number): number => right.data[8 * row + column]!;
  expect(values.data).toEqual(
    Float32Array.from({ length: 64 }, (_, i) => at(i % 8, Math.floor(i / 8))),
  );
});

it('a slice of what is computed may be a part of a concat', async () => {
  const [x, y] = [1, 2].map((seed) => random.normal([128], { seed }));
  const joined = concat([slice(exp(x!), [64]), tanh(y!)], { axis: 0 });
  const { values, left } = await engine.run({ values: mul(joined, 2), left: mul(exp(x!), 2) });
  expect(values.data.slice(0, 64)).toEqual(left.data.slice(64));
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
