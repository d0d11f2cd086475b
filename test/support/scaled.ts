// Steps in mixed precision whose updates were left out, wrapped, built upon or written by hand, for the CPU and the GPU.
import fc from 'fast-check';
import { expect } from 'vitest';
import { inPrecision, scalingOf } from '../../src/autodiff/precision.js';
import { grad } from '../../src/autodiff/reverse.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Updates } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { tanh } from '../../src/ops/activation.js';
import { add, minimum, mul, square, sub } from '../../src/ops/arithmetic.js';
import { greater, where } from '../../src/ops/compare.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { mean } from '../../src/ops/reduce.js';
import { adam, adamW, clipByGlobalNorm, rmsProp, sgd } from '../../src/optim/index.js';
import { distance } from './property.js';
import { floats } from './samples.js';

/** A network of two layers: x [4, 3] → tanh(x w₁ + b) [4, 5] → [4, 2], with the mean of its squares as its cost. */
function network(seed: number) {
  const named = (shape: number[], name: string, i: number) =>
    parameter(floats(seed, shape, {}, i), { name });
  const x = input([4, 3], { name: 'x' });
  const w1 = named([3, 5], 'w1', 1);
  const b = named([5], 'b', 2);
  const w2 = named([5, 2], 'w2', 3);
  const cost = mean(square(matmul(tanh(add(matmul(x, w1), b)), w2)));
  return { x, cost, parameters: [w1, b, w2] };
}

const optimizers = {
  sgd: () => sgd({ learningRate: 0.5 }),
  scheduled: () =>
    sgd({ momentum: 0.9, learningRate: (step) => mul(0.5, minimum(1, add(step, 0.5))) }),
  clipped: () => sgd({ learningRate: 0.5, clipNorm: 0.5 }),
  adam: () => adam({ learningRate: 0.05 }),
  adamW: () => adamW({ learningRate: 0.05 }),
  rmsProp: () => rmsProp({ learningRate: 0.02, momentum: 0.5 }),
};

/** Where the updates of a case come from. */
const sources: Readonly<Record<string, (cost: Tensor, all: readonly Tensor[]) => Updates>> = {
  ...Object.fromEntries(
    Object.entries(optimizers).map(([name, make]) => [
      name,
      (cost: Tensor, all: readonly Tensor[]): Updates => make().updates(cost, all),
    ]),
  ),
  'of given gradients': (cost, all) => adam().updates(grad(cost, all), all),
  'of clipped gradients': (cost, all) =>
    sgd({ learningRate: 0.5 }).updates(clipByGlobalNorm(grad(cost, all), 0.25), all),
  'by hand': (cost, all) => {
    const gradients = grad(cost, all);
    return all.map((each, i) => [each, sub(each, mul(0.5, gradients[i]!))]);
  },
  accumulated: (cost, all) =>
    grad(cost, all).map((gradient, i) => {
      const held = parameter(floats(7, gradient.shape, {}, i), { name: `held ${i}` });
      return [held, add(held, gradient)];
    }),
};

/** What is done to the updates before they are compiled. */
const wraps: Readonly<Record<string, (updates: Updates) => Updates>> = {
  nothing: (updates) => updates,
  masked: (updates) => updates.map(([p, next]) => [p, where(greater(p, 0), next, p)]),
  limited: (updates) => updates.map(([p, next]) => [p, minimum(next, 1)]),
  averaged: (updates) => [
    ...updates.map(([p, next], i): Updates[number] => {
      const average = parameter(floats(8, p.shape, {}, i), { name: `average ${i}` });
      return [average, add(mul(average, 0.9), mul(next, 0.1))];
    }),
    ...updates,
  ],
  counted: (updates) => {
    const count = parameter({ shape: [], dtype: 'i32', data: Int32Array.of(3) }, { name: 'count' });
    return [...updates, [count, add(count, 1)]];
  },
};

/** A factor of the cost with which scaled derivatives stay below 65504, where f16 ends. */
const SOUND = 2 ** -4;
/** Factors of the cost that make its gradients unsound: what is infinite or no number, and what is too large once scaled. */
const unsound = [Infinity, Number.NaN, 2 ** 12];

/** Cases of updates; `left` tells of each parameter's update whether it is left out. */
export const scaledCases = fc.record({
  seed: fc.nat(1000),
  source: fc.constantFrom(...Object.keys(sources)),
  wrap: fc.constantFrom(...Object.keys(wraps)),
  left: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()).filter((all) => all.includes(false)),
  bad: fc.constantFrom(...unsound),
});
type Case = typeof scaledCases extends fc.Arbitrary<infer T> ? T : never;

type Numbers = ReadonlyMap<string, readonly number[]>;

/** A case as a step, which is called with a factor of the cost, and the values of all that it trains or leaves alone. */
function stepOf(
  engine: Engine,
  { seed, source, wrap, left }: Case,
  precision: 'f16' | 'f32' = 'f16',
) {
  const { x, cost, parameters } = network(seed);
  const factor = input([], { name: 'factor' });
  const made = sources[source]!(mul(cost, factor), parameters);
  const isLeft = (target: Tensor): boolean => left[parameters.indexOf(target)] ?? false;
  const kept = made.filter(([target]) => !isLeft(target));
  const updates = wraps[wrap]!(kept);
  // where an adapter has no f16, casts to it round in f32
  const program = inPrecision({ outputs: [], updates }, precision);
  const step = engine.compile({ inputs: { x, factor }, updates: program.updates });
  const nodes = new Set([...parameters, ...updates.map(([target]) => target)]);
  const named = async (node: Tensor) => [node.name!, [...(await engine.read(node)).data]] as const;
  return {
    parameters,
    /** Names of what the updates of the source are of, and of the parameters that none is of. */
    kept: kept.map(([target]) => target.name!),
    left: parameters.filter((each) => !kept.some(([target]) => target === each)),
    run: (factor: number) => step.enqueue({ x: floats(5, [4, 3]), factor }),
    values: async (): Promise<Numbers> => new Map(await Promise.all(Array.from(nodes, named))),
  };
}

/** What a wrapped update gives, from the value before and the next value of the update alone. */
const wrapped = (wrap: string, before: number, next: number): number => {
  if (wrap === 'masked') return before > 0 ? next : before;
  return wrap === 'limited' ? Math.min(next, 1) : next;
};

const isNear = (found: Numbers, expected: Numbers, names: Iterable<string>, tolerance: number) => {
  for (const name of names)
    expect(distance(found.get(name)!, expected.get(name)!), name).toBeLessThan(tolerance);
};

/** A sound step, one that is not, and a sound one, against the same updates as the source made them and without scale. */
export async function checkScaled(engine: Engine, given: Case): Promise<void> {
  const step = stepOf(engine, given);
  const first = await step.values();
  await step.run(SOUND);
  const once = await step.values();
  for (const { name } of step.left) expect(once.get(name!), name).toEqual(first.get(name!));

  // wrapped or not, beside others or not, an update is scaled and unscaled alike
  const whole: Case = { ...given, wrap: 'nothing', left: [false, false, false] };
  const plain = stepOf(engine, whole);
  const before = await plain.values();
  await plain.run(SOUND);
  const after = await plain.values();
  const expected = new Map<string, number[]>();
  for (const [i, name] of step.kept.entries()) {
    const next = after.get(name)!;
    const start = before.get(name)!;
    const own = next.map((each, k) => wrapped(given.wrap, start[k]!, each));
    const average = first.get(`average ${i}`)?.map((each, k) => 0.9 * each + 0.1 * next[k]!);
    expected.set(name, own);
    if (average) expected.set(`average ${i}`, average);
  }
  if (given.wrap === 'counted') expected.set('count', [4]);
  // what the product of a gradient that is left out would read need not be rounded
  const isWhole = !given.left.includes(true);
  isNear(once, expected, expected.keys(), isWhole ? 1e-6 : 2e-3);
  const single = stepOf(engine, whole, 'f32');
  await single.run(SOUND);
  // Adam and RMSprop divide by the gradient's size, which makes much of what is rounded in a small one
  if (!/adam|rms/i.test(given.source) && given.source !== 'of given gradients')
    isNear(after, await single.values(), plain.kept, 2e-3);

  const { scale } = scalingOf(step.parameters, false);
  await step.run(given.bad);
  expect(await step.values()).toEqual(once);
  expect((await engine.read(scale!)).data[0]).toBe(2 ** 15);

  const twin = stepOf(engine, given);
  for (const run of [step.run, twin.run, twin.run]) await run(SOUND);
  isNear(await step.values(), await twin.values(), first.keys(), 1e-6);
}
