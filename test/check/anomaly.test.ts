// Anomaly mode beside mixed precision, whose passes overflow on purpose.
import { expect, it } from 'vitest';
import { watch } from '../../src/check/anomaly.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { div } from '../../src/ops/arithmetic.js';
import { full, input, parameter } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { sgd } from '../../src/optim/optimizers.js';

const open = () => new Engine(new CpuBackend(), { anomaly: watch });

it('does not take a step that mixed precision skips for an anomaly', async () => {
  const engine = open();
  const w = parameter([[1]]);
  const cost = sum(matmul(full([1, 1], 1), w));
  // the scale at first, 2^16, is beyond f16
  const updates = sgd({ learningRate: 0.5 }).updates(cost, [w]);
  const step = engine.compile({ outputs: { cost }, updates, precision: 'f16' });
  for (let i = 0; i < 4; i++) await step();
  expect((await engine.read(w)).data[0]).toBeLessThan(1);
});

it('still finds what the cost itself makes infinite', async () => {
  const engine = open();
  const w = parameter([[1]]);
  const x = input([1, 1]);
  const cost = sum(div(matmul(x, w), x));
  const updates = sgd({ learningRate: 0.5 }).updates(cost, [w]);
  const step = engine.compile({ inputs: { x }, outputs: { cost }, updates, precision: 'f16' });
  await expect(step({ x: [[0]] })).rejects.toThrow('values of div [1, 1] are NaN or infinite');
});
