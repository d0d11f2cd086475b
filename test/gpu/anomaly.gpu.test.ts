import { expect, it } from 'vitest';
import { watch } from '../../src/check/anomaly.js';
import { Engine } from '../../src/engine/engine.js';
import { add, div, log, mul, sub } from '../../src/ops/arithmetic.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { softmax } from '../../src/ops/softmax.js';
import { openBackend } from '../support/engine.js';

it('names the first op that makes a NaN or an infinity', async () => {
  const engine = new Engine(await openBackend(), { anomaly: watch });
  const x = input([4], { name: 'x' });
  const w = parameter([1, 1, 1, 1], { name: 'w' });
  const logs = log(mul(x, w));
  const step = engine.compile({
    inputs: { x },
    outputs: { total: sum(div(1, logs)) },
    updates: [[w, sub(w, logs)]],
  });
  const { total } = await step({ x: [2, 3, 4, 5] });
  expect(total.data[0]).toBeCloseTo(
    1 / Math.log(2) + 1 / Math.log(3) + 1 / Math.log(4) + 1 / Math.log(5),
    4,
  );
  await engine.write(w, [1, 1, 1, 1]);
  await expect(step.enqueue({ x: [2, 0, 4, 5] })).rejects.toThrow(
    'anomaly: 1 of 4 values of log [4] are NaN or infinite; it is the first op of the step that made any, from finite mul [4]',
  );
  await engine.write(w, [1, 1, 1, 1]);
  await expect(step.enqueue({ x: [2, Number.NaN, 4, 5] })).rejects.toThrow(
    'anomaly: 1 of 4 values of x [4] are NaN or infinite',
  );
  engine.dispose();
});

it('looks at single runs too, and lets infinite constants pass', async () => {
  const engine = new Engine(await openBackend(), { anomaly: watch });
  await expect(engine.run(log(mul(tensor([2, -1]), 1)))).rejects.toThrow(
    '1 of 2 values of log [2] are NaN or infinite',
  );
  const masked = softmax(add(tensor([1, 2, 3]), tensor([0, 0, Number.NEGATIVE_INFINITY])));
  const { data } = await engine.run(masked);
  expect([...data].map((share) => share.toFixed(4))).toEqual(['0.2689', '0.7311', '0.0000']);
  engine.dispose();
});
