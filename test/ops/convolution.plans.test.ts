// What convolutions and pools become: on hardware nothing is written out for a product, and a place visits the windows around it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { lower } from '../../src/compiler/lower.js';
import { makePlan, type Plan } from '../../src/compiler/plan.js';
import { sizeOf } from '../../src/core/shape.js';
import type { AdapterClass } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { relu } from '../../src/ops/activation.js';
import { cast } from '../../src/ops/cast.js';
import { conv2d } from '../../src/ops/convolution.js';
import { input } from '../../src/ops/leaf.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { defaultLimits } from '../../src/planning/limits.js';
import { forAll, seed } from '../support/property.js';

function planOf(outputs: readonly Tensor[], adapter: AdapterClass): Plan {
  const context = { shared: new WeakMap(), adapter, lanes: 1, f16: true, limits: defaultLimits };
  return makePlan({ outputs, updates: [] }, context);
}
const kernelsOf = (plan: Plan): string[] => plan.dispatches.map(({ kernel }) => kernel);

const pairs = (min: number, max: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const settings = fc.record({
  window: pairs(1, 4),
  stride: pairs(1, 3),
  padding: pairs(0, 2),
  dilation: pairs(1, 3),
  groups: fc.constantFrom(1, 2, 4),
  channels: fc.constantFrom(1, 3),
  outputs: fc.constantFrom(1, 8),
});

/** Images, weights and results of some settings. */
const calls = settings.map(({ window, groups, channels, outputs, ...rest }) => {
  const x = input([3, groups * channels, 14, 13]);
  const w = input([groups * outputs, channels, ...window]);
  return { x, w, y: conv2d(x, w, { ...rest, groups }) };
});

describe(`on hardware (seed ${seed})`, () => {
  it('convolutions and both gradients store nothing larger than images, weights or results', () => {
    forAll(calls, 60, ({ x, w, y }) => {
      const cotangent = input(y.shape);
      const most = Math.max(...[x, w, y].map(({ shape }) => sizeOf(shape)));
      const storedBy = (outputs: readonly Tensor[]): Tensor[] => [
        ...planOf(outputs, 'gpu').places.keys(),
      ];
      for (const node of [...storedBy([y]), ...storedBy([grad(y, x, { cotangent })])])
        expect(sizeOf(node.shape)).toBeLessThanOrEqual(most);
      // that by weights may be added up from parts
      const views = storedBy([grad(y, w, { cotangent })]).filter(({ op }) =>
        ['windows', 'exchange'].includes(op.name),
      );
      expect(views).toEqual([]);
    });
  });

  it('a bias and an activation are part of the product', () => {
    const [x, w, bias] = [input([2, 8, 9, 9]), input([8, 4, 3, 3]), input([8])];
    const plan = planOf([relu(conv2d(x, w, { bias, groups: 2 }))], 'gpu');
    expect(kernelsOf(plan)).toEqual(['matmul+relu']);
  });
});

it('software adapters write windows out once, for both products', () => {
  const [x, w] = [input([2, 3, 9, 9]), input([4, 3, 3, 3])];
  const y = conv2d(x, w, { padding: 1 });
  const plan = planOf([y, ...grad(y, [x, w], { cotangent: input(y.shape) })], 'swiftshader');
  expect(kernelsOf(plan).filter((name) => name.includes('windows'))).toEqual(['windows']);
});

it.each([
  ['gpu', []],
  ['lavapipe', ['f16']],
] as const)('on %s windows of halves are written out as %j', (adapter, dtypes) => {
  const [x, w] = [input([2, 3, 9, 9], { dtype: 'f16' }), input([4, 3, 3, 3])];
  const y = conv2d(cast(x, 'f32'), w, { padding: 1 });
  const plan = planOf([y, grad(y, w, { cotangent: input(y.shape) })], adapter);
  const areWindows = ({ shape }: Tensor): boolean => sizeOf(shape) === 9 * sizeOf(x.shape);
  expect([...plan.places.keys()].filter(areWindows).map(({ dtype }) => dtype)).toEqual(dtypes);
});

describe.each(['gpu', 'lavapipe'] as const)('a pool on %s', (adapter) => {
  const x = input([2, 3, 12, 12]);
  it.each([
    [{ size: 2 }, [1, 1]],
    [{ size: 3, stride: 2, padding: 1 }, [2, 2]],
    [{ size: 3, stride: 1 }, [3, 3]],
    [{ size: [5, 3] as const, stride: [2, 4] as const, dilation: [2, 1] as const }, [5, 1]],
  ])('%o: two kernels, and a place visits no more windows than can meet it', (options, count) => {
    const y = maxPool2d(x, options);
    const dx = grad(y, x, { cotangent: input(y.shape) });
    expect(planOf([y, dx], adapter).dispatches).toHaveLength(2);
    const [visits] = topological(lower([dx], true, adapter)).filter(
      ({ op }) => op.name === 'visits',
    );
    expect(visits?.shape).toEqual([2, 3, ...count, 12, 12]);
  });
});
