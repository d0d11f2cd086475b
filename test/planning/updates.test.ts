// The dispatches that updates take: one for each group of parameters, whatever was planned before.
import { describe, expect, it } from 'vitest';
import { inPrecision } from '../../src/autodiff/precision.js';
import { grad } from '../../src/autodiff/reverse.js';
import { makePlan, type Plan } from '../../src/compiler/plan.js';
import type { Updates } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import type { KernelContext } from '../../src/kernels/options.js';
import { tanh } from '../../src/ops/activation.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { full, parameter, zeros } from '../../src/ops/leaf.js';
import { movingAverage } from '../../src/ops/optimizer.js';
import { sum } from '../../src/ops/reduce.js';
import { adam, clipByGlobalNorm, sgd } from '../../src/optim/optimizers.js';
import type { Move } from '../../src/planning/context.js';
import { defaultLimits } from '../../src/planning/limits.js';
import { forAll } from '../support/property.js';
import { cases, headOf, trainingOf } from '../support/updates.js';

const contextOf = (
  adapter: KernelContext['adapter'] = 'gpu',
  bindingBytes = defaultLimits.bindingBytes,
): KernelContext => ({
  ...({ shared: new WeakMap(), adapter, lanes: 1, f16: true } as const),
  limits: { ...defaultLimits, bindingBytes },
});

/** Dispatches that make next values of more than one element. */
const updating = ({ dispatches, inPlace }: Plan): number =>
  dispatches.filter(({ groups }) =>
    groups.some(({ stores }) => stores.some((node) => inPlace.has(node) && node.rank > 0)),
  ).length;
const named = ({ dispatches }: Plan, name: string): number =>
  dispatches.filter(({ kernel }) => kernel.split('+').includes(name)).length;
const vectors = (count: number, length = 100): Tensor[] =>
  Array.from({ length: count }, (_, i) => parameter(zeros([length + i])));
/** A cost whose gradients are made by kernels of their own: sums over a batch. */
const costOf = (parameters: readonly Tensor[]): Tensor =>
  parameters
    .map((each) => sum(square(add(full([3, ...each.shape], 1), tanh(each)))))
    .reduce((a, b) => add(a, b));

describe('updates take one dispatch for each group', () => {
  for (const adapter of ['gpu', 'lavapipe', 'swiftshader'] as const)
    it(`on ${adapter}, with one more for scalars and two for a norm, whatever was planned before`, () => {
      forAll(cases, 20, (given) => {
        const context = contextOf(adapter);
        const training = trainingOf(given);
        const { output, cost, parameters, groups, updates } = training;
        const plan = (outputs: readonly Tensor[], own: Updates = []) =>
          makePlan({ outputs, updates: own }, context);
        if (given.before === 'evaluated') plan([output]);
        if (given.before === 'read') for (const each of [...parameters].reverse()) plan([each]);
        if (given.before === 'head') plan([], updates(headOf(training)));
        if (given.before === 'all') plan([], sgd().updates(cost, parameters));
        const whole = plan([cost], updates());
        expect(updating(whole)).toBe(groups.length);
        expect(named(whole, 'squarePartials')).toBe(given.isClipped ? groups.length : 0);
        expect(named(whole, 'foldPartials')).toBe(given.isClipped ? groups.length : 0);
        const bare = plan([cost], sgd().updates(cost, groups.flat()));
        const norms = given.isClipped ? 2 * groups.length : 0;
        const most = bare.dispatches.length - updating(bare) + groups.length + 1 + norms;
        expect(whole.dispatches.length).toBeLessThanOrEqual(most);
      });
    });
});

it('gives next values that averages follow one dispatch, and the averages one', () => {
  const parameters = vectors(5);
  const averages = parameters.map(({ shape }) => parameter(zeros(shape)));
  const updates = adam().updates(costOf(parameters), parameters);
  const followed = updates.slice(0, 5).map(([, next], i) => {
    const average = averages[i]!;
    return [average, movingAverage(0.99, average, next)] as const;
  });
  const plan = makePlan({ outputs: [], updates: [...updates, ...followed] }, contextOf());
  expect(updating(plan)).toBe(2);
});

it('lays sets that no two steps cross side by side, and gives a crossing one a dispatch a run', () => {
  const all = vectors(8);
  const context = contextOf();
  const halved = (of: readonly Tensor[]): number =>
    updating(makePlan({ outputs: [], updates: of.map((each) => [each, mul(each, 0.5)]) }, context));
  // part of the model, another part, all of it, every second one
  expect(halved(all.slice(5))).toBe(1);
  expect(halved(all.slice(0, 3))).toBe(1);
  expect(halved(all)).toBe(1);
  expect(halved([all[0]!, all[2]!])).toBe(1);
  // what crosses the first two
  expect(halved(all.slice(2, 6))).toBe(2);
  for (const of of [all.slice(5), all.slice(0, 3), all, [all[0]!, all[2]!]])
    expect(halved(of)).toBe(1);
});

it('moves what lies elsewhere once, whole buffers at a time, and never what lies well', () => {
  const all = vectors(6);
  const moves: Move[] = [];
  const context = { ...contextOf(), move: (some: readonly Move[]) => moves.push(...some) > 0 };
  for (const each of [...all].reverse()) makePlan({ outputs: [each], updates: [] }, context);
  const program = {
    outputs: [],
    updates: all.slice(1).map((each) => [each, mul(each, 2)] as const),
  };
  makePlan(program, context);
  const moved = moves.flatMap(({ node, from }) => (from ? [node] : []));
  expect(moved).toEqual(all.slice(1));
  makePlan(program, context);
  makePlan({ outputs: all, updates: [] }, context);
  expect(moves).toHaveLength(moved.length);
  const places = moved.map((node) => context.shared.get(node)!);
  expect(new Set(places.map(({ buffer }) => buffer)).size).toBe(1);
  for (const [i, { offset }] of places.entries()) expect(offset).toBe(512 * i);
});

it('takes one dispatch for each part of a buffer that the binding limit splits, and two for the norm', () => {
  const parameters = vectors(12);
  const clipped = { clipNorm: 1 };
  const plan = makePlan(
    { outputs: [], updates: adam(clipped).updates(costOf(parameters), parameters) },
    contextOf('gpu', 4 * 512),
  );
  expect(updating(plan)).toBe(3);
  expect([named(plan, 'squarePartials'), named(plan, 'foldPartials')]).toEqual([1, 1]);
  for (const { bindings } of plan.dispatches) expect(bindings.length).toBeLessThanOrEqual(8);
});

it('sums up what lies in more buffers than a kernel can bind in several dispatches', () => {
  const parameters = vectors(30);
  const clipped = clipByGlobalNorm(parameters, 1);
  const { dispatches } = makePlan({ outputs: clipped, updates: [] }, contextOf('gpu', 768));
  const sums = dispatches.filter(({ kernel }) => kernel === 'squarePartials');
  expect(sums).toHaveLength(5);
  expect(sums.flatMap(({ groups }) => groups.flatMap(({ stores }) => stores))).toHaveLength(1);
});

it('counts what is not finite in half precision in two dispatches', () => {
  const training = trainingOf({
    ...{ widths: [8, 16, 16, 4], norms: [], optimizer: 'adam', isScheduled: true },
    ...{ isClipped: true, isGrouped: false, frozen: 0, before: 'nothing' },
  });
  const program = { outputs: [training.cost], updates: training.updates() };
  const plan = makePlan(inPrecision(program, 'f16'), contextOf());
  expect(updating(plan)).toBe(1);
  expect([named(plan, 'faultPartials'), named(plan, 'squarePartials')]).toEqual([1, 1]);
});

it('takes two dispatches for the norm however many groups there are', () => {
  const groups = Array.from({ length: 9 }, () => vectors(2));
  const parameters = groups.flat();
  const clipped = clipByGlobalNorm(grad(costOf(parameters), parameters), 1);
  const updates = groups.flatMap((group, i) =>
    sgd({ learningRate: 0.1 + i }).updates(clipped.slice(2 * i, 2 * i + 2), group),
  );
  const alone = parameters.map((each, i) => [each, sub(each, mul(i, clipped[i]!))] as const);
  for (const own of [updates, alone]) {
    const plan = makePlan({ outputs: [], updates: own }, contextOf());
    expect([named(plan, 'squarePartials'), named(plan, 'foldPartials')]).toEqual([1, 1]);
  }
});
