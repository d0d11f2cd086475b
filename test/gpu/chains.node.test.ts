// A kernel's compile time grows with its length, not with 2 to its length: some drivers compile branches in exponential time,
// and `||`, `&&` and `if` are branches.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { Op, OpRecord } from '../../src/graph/op.js';
import { apply, type Tensor } from '../../src/graph/tensor.js';
import { add, div, mul, pow } from '../../src/ops/arithmetic.js';
import { greater, where } from '../../src/ops/compare.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { openGpuEngine } from '../support/engine.js';
import { table } from '../support/ops.js';
import { graphsOf, recordsOf } from '../support/records.js';

let gpu: Engine;
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const pointwise = [...recordsOf(table.flatMap((entry) => graphsOf(entry, 2)))].filter(
  ({ kernel }) => kernel.kind === 'pointwise',
);

/** The op of the value so far and of two others; where it gives a bool, one of two values. */
function link(op: Op, y: Tensor, others: readonly [Tensor, Tensor]): Tensor {
  const [b, c] = others;
  const operands =
    op.name === 'where' ? [greater(y, b), y, c] : [y, b, c, b].slice(0, op.reference!.length);
  const made = apply(op as OpRecord, operands, {});
  return made.dtype === 'bool' ? where(made, y, c) : made;
}

/** Milliseconds until a chain of so many calls over so many elements is ready to run. */
async function millisecondsOf(op: Op, length: number, size: number): Promise<number> {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => input([size], { name })) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const ends = [b, c, a];
  let y = a;
  for (let i = 0; i < length; i++) y = link(op, y, [ends[i % 3]!, ends[(i + 1) % 3]!]);
  const began = performance.now();
  const step = gpu.compile({ inputs: { a, b, c }, outputs: y });
  await gpu.warmUp(step);
  const took = performance.now() - began;
  step.release();
  return took;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!;

describe('twelve calls take less than four times as long to compile as six', () => {
  // sizes with and without four lanes; each has a kernel of its own
  const growthOf = async (op: Op, sizes: readonly number[]): Promise<number> => {
    const times = new Map<number, number[]>([
      [6, []],
      [12, []],
    ]);
    for (const size of sizes)
      for (const [length, of] of times) of.push(await millisecondsOf(op, length, size));
    return median(times.get(12)!) / median(times.get(6)!);
  };
  it.each(pointwise.map((op) => [op.name, op] as const))('%s', async (_, op) => {
    let growth = await growthOf(op, [4, 5, 8]);
    // a busy machine is asked again; doubling with every call would give 64 each time
    if (growth >= 4) growth = await growthOf(op, [12, 13, 16, 17, 20]);
    expect(growth).toBeLessThan(4);
  });
});

it('trains 64 Hill curves v xⁿ / (kⁿ + xⁿ) without compiling for minutes', async () => {
  const x = input([64, 16], { name: 'x' });
  const [v, n, k] = [1, 2, 0.5].map((value) =>
    parameter({ shape: [64, 1], dtype: 'f32', data: new Float32Array(64).fill(value) }),
  );
  const power = pow(x, n!);
  const curves = div(mul(v!, power), add(pow(k!, n!), power));
  const began = performance.now();
  const { cost } = await gpu.run(
    { cost: sum(curves) },
    { x: { shape: [64, 16], dtype: 'f32', data: new Float32Array(1024).fill(0.5) } },
  );
  // at x = k half of v
  expect(cost.data[0]).toBeCloseTo(512, 2);
  expect(performance.now() - began).toBeLessThan(10_000);
});
