// Every op of one or two numbers at special values in every place, and second derivatives there: as the float64 reference has them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Op, OpRecord } from '../../src/graph/op.js';
import { apply } from '../../src/graph/tensor.js';
import {
  elu,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../../src/ops/activation.js';
import { cos, exp, log, sin, sqrt } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';
import { table } from '../support/ops.js';
import { graphsOf, recordsOf } from '../support/records.js';
import { agrees, inf, specials } from '../support/special.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

/** What an op is asked for: of circular functions not angles beyond 2¹⁶. */
const placesOf = (op: Op): number[] =>
  /^(sin|cos)$/.test(op.name)
    ? specials.filter((x) => !(Math.abs(x) >= 2 ** 16 && Math.abs(x) < inf))
    : specials;

const scalars = [...recordsOf(table.flatMap((entry) => graphsOf(entry, 2)))].filter(
  // those of more inputs are parts of others, which keep them within a domain
  ({ kernel, reference }) => kernel.kind === 'pointwise' && reference!.length <= 2,
);
describe('special values in every place', () => {
  it.each(scalars.map((op) => [op.name, op] as const))('%s', async (_, op) => {
    const arity = op.reference!.length;
    const places = placesOf(op);
    const pairs =
      arity === 1 ? places.map((x) => [x, x]) : places.flatMap((x) => places.map((y) => [x, y]));
    const [first, second] = [0, 1].map((at) =>
      tensor(Float32Array.from(pairs, (pair) => pair[at]!)),
    );
    const y = apply(op as OpRecord, [first!, second!].slice(0, arity), {});
    const [a, b] = await Promise.all([gpu.run(y), cpu.run(y)]);
    const wrong = pairs.flatMap((pair, i) =>
      agrees(a.data[i]!, b.data[i]!)
        ? []
        : [`${op.name}(${pair}): ${a.data[i]}, ${b.data[i]} by the reference`],
    );
    expect(wrong).toEqual([]);
  });
});

/** Exact second derivatives do not leave f32 where a factor of theirs does. */
const functions = {
  sigmoid,
  tanh,
  relu,
  silu,
  softplus,
  gelu,
  elu,
  leakyRelu,
  exp,
  sin,
  cos,
  sqrt,
  log,
};
it.each(Object.entries(functions))(
  'the second derivative of %s is that of the reference',
  async (name, call) => {
    const isPositive = name === 'sqrt' || name === 'log';
    const isCircular = name === 'sin' || name === 'cos';
    const sizes = specials.filter(
      (z) => Number.isFinite(z) && Math.abs(z) < (isCircular ? 2 ** 16 : inf),
    );
    // near 0 σ″ is a difference of roundings
    const isFair = (z: number): boolean =>
      isPositive ? z > 1e-9 && z < 1e9 : name !== 'sigmoid' || Math.abs(z) > 1e-3;
    const places = sizes.filter(isFair);
    const z = tensor(
      Float32Array.of(...places, ...(isPositive || isCircular ? [] : [-87, -88, 87, 1e20])),
    );
    const second = grad(sum(grad(sum(call(z)), z)), z);
    const [a, b] = await Promise.all([gpu.run(second), cpu.run(second)]);
    const wrong = [...a.data].flatMap((value, i) =>
      agrees(value, b.data[i]!) ? [] : [`${value} for ${b.data[i]}`],
    );
    expect(wrong).toEqual([]);
  },
);
