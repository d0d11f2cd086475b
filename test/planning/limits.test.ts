// Plans keep to the limits that they are given: WebGPU's defaults, and half as many buffers.
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { makePlan } from '../../src/compiler/plan.js';
import { DeviceError } from '../../src/core/errors.js';
import type { Program } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { crossEntropy } from '../../src/loss.js';
import { conv2d, dense, flatten, layerNorm, maxPool2d } from '../../src/nn/layers.js';
import { lstm } from '../../src/nn/recurrent.js';
import { sequential } from '../../src/nn/sequential.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { adam } from '../../src/optim/optimizers.js';
import { defaultLimits } from '../../src/planning/limits.js';
import { table } from '../support/ops.js';
import { graphsOf } from '../support/records.js';

const planAt = (
  program: Program,
  storageBuffers: number,
  bindingBytes = defaultLimits.bindingBytes,
) =>
  makePlan(program, {
    ...({ shared: new WeakMap(), adapter: 'gpu', lanes: 1, f16: true } as const),
    limits: { storageBuffers, bindingBytes },
  });
const bound = (plan: ReturnType<typeof planAt>): number =>
  Math.max(0, ...plan.dispatches.map(({ bindings }) => bindings.length));

function training(
  model: { apply(x: Tensor): Tensor; parameters: readonly Tensor[] },
  shape: number[],
): Program {
  const cost = crossEntropy(model.apply(input(shape)), input([shape[0]!], { dtype: 'i32' }));
  return { outputs: [cost], updates: adam().updates(cost, model.parameters) };
}
const image = () => sequential(conv2d(1, 4, 3), maxPool2d(2), flatten(), dense(36, 10));
const programs: [string, () => Program][] = [
  [
    'an MLP',
    () => training(sequential(dense(20, 16, { activation: 'relu' }), dense(16, 10)), [8, 20]),
  ],
  ['a convolutional network', () => training(image(), [8, 1, 8, 8])],
  [
    'an LSTM',
    () =>
      training(
        sequential(lstm(6, 8), (x) => slice(x, [0, 4], [4, 5]), flatten(), dense(8, 10)),
        [4, 5, 6],
      ),
  ],
];

describe('a plan', () => {
  it.each(table.map((entry) => [entry.name, entry] as const))(
    'of %s binds at most 8 buffers a kernel',
    (_, entry) => {
      const outputs = graphsOf(entry, 3);
      expect(bound(planAt({ outputs, updates: [], feedConstants: true }, 8))).toBeLessThanOrEqual(
        8,
      );
    },
  );

  it.each(programs)('of a step of %s keeps to 8', (_, make) => {
    expect(bound(planAt(make(), defaultLimits.storageBuffers))).toBeLessThanOrEqual(8);
  });

  it.each(table.map((entry) => [entry.name, entry] as const))(
    'of %s keeps to 4 buffers, or says what does not',
    (_, entry) => {
      for (const y of graphsOf(entry, 3))
        try {
          expect(
            bound(planAt({ outputs: [y], updates: [], feedConstants: true }, 4)),
          ).toBeLessThanOrEqual(4);
        } catch (error) {
          expect(error).toBeInstanceOf(DeviceError);
          expect((error as Error).message).toMatch(/^[\w+]+: it binds \d+ buffers of at most 4; /);
        }
    },
  );

  it('of long sums of inputs takes more dispatches with fewer buffers', () => {
    const inputs = Array.from({ length: 12 }, () => input([5]));
    const outputs = [inputs.reduce((total, x) => add(mul(total, 2), x))];
    const [eight, four] = [8, 4].map((buffers) => planAt({ outputs, updates: [] }, buffers));
    expect(bound(eight!)).toBeLessThanOrEqual(8);
    expect(bound(four!)).toBeLessThanOrEqual(4);
    expect(four!.dispatches.length).toBeGreaterThan(eight!.dispatches.length);
  });

  it('of an op with a kernel of its own takes what defines it where that binds too much', () => {
    const x = input([4, 6]);
    const y = layerNorm(6).apply(x);
    const named = (buffers: number) =>
      planAt({ outputs: [y], updates: [] }, buffers).dispatches.flatMap(({ ops }) => ops);
    expect(named(8)).toContain('layerNorm');
    expect(named(4)).not.toContain('layerNorm');
    expect(bound(planAt({ outputs: [grad(sum(y), x)], updates: [] }, 4))).toBeLessThanOrEqual(4);
  });

  it('of a product reads the halves that it widens, also where they are stored widened too', () => {
    const half = input([3, 3], { dtype: 'f16' });
    const wide = cast(half, 'f32');
    const plan = planAt({ outputs: [wide, matmul(wide, wide)], updates: [] }, 8);
    const product = plan.dispatches.find(({ ops }) => ops.includes('matmul'));
    const read = product?.bindings.filter(({ access }) => access === 'read');
    expect(read?.map(({ place }) => place)).toEqual([
      expect.objectContaining({ buffer: plan.places.get(half)?.buffer }),
    ]);
  });

  it('refuses a value above the binding limit and names it', () => {
    const x = input([1024]);
    const y = mul(x, 2);
    expect(() => planAt({ outputs: [grad(y, x, { cotangent: y })], updates: [] }, 8, 1024)).toThrow(
      /takes 4096 bytes, above this adapter's binding limit of 1024; use a smaller batch or split it/,
    );
  });
});
