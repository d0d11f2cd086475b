// Parameters that are moved to where steps update them together: values stay what they were, whatever ran before or between.
import { expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { parameter } from '../../src/ops/leaf.js';
import { movingAverage } from '../../src/ops/optimizer.js';
import { sum } from '../../src/ops/reduce.js';
import { adam, sgd } from '../../src/optim/optimizers.js';
import { openAdapter } from '../support/adapter.js';
import { openGpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';
import { floats } from '../support/samples.js';
import { type Case, cases, headOf, trainingOf } from '../support/updates.js';

/** Runs some calls on an engine of their own. */
async function onEngine<T>(call: (engine: Engine) => Promise<T>, opened = openGpuEngine()) {
  const engine = await opened;
  try {
    return await call(engine);
  } finally {
    engine.dispose();
  }
}

const bits = ({ data }: { readonly data: ArrayLike<number> }): number[] => Array.from(data);

/** What a case's parameters are after some steps, with all that it does before, or without. */
async function trained(engine: Engine, given: Case, isDisturbed: boolean): Promise<number[][]> {
  const training = trainingOf(given);
  const { inputs, output, cost, parameters, groups, updates } = training;
  const feeds = { x: floats(3, inputs.x.shape), y: floats(4, inputs.y.shape) };
  const { x } = inputs;
  const evaluation = engine.compile({ inputs: { x }, outputs: { output } });
  const evaluate = async () => isDisturbed && (await evaluation({ x: feeds.x }));
  if (given.before !== 'nothing') await evaluate();
  if (isDisturbed && given.before === 'read')
    for (const each of [...parameters].reverse()) await engine.write(each, await engine.read(each));
  const head = engine.compile({ inputs, outputs: { cost }, updates: updates(headOf(training)) });
  // compiled and run, or run first before all others are compiled
  const runHead = () => head.enqueue(feeds);
  if (given.before === 'head') await runHead();
  const step = engine.compile({ inputs, outputs: { cost }, updates: updates() });
  if (isDisturbed && given.before === 'all')
    engine.compile({ inputs, updates: sgd().updates(cost, parameters) });
  for (let i = 0; i < 2; i++) {
    await step.enqueue(feeds);
    await evaluate();
    await runHead();
  }
  const half = groups.flatMap((group) => group.filter((_, i) => i % 2 === 0));
  const other = engine.compile({ inputs, outputs: { cost }, updates: updates(half) });
  await other.enqueue(feeds);
  await step(feeds);
  const values = await Promise.all(parameters.map(async (each) => bits(await engine.read(each))));
  await engine.finish();
  return values;
}

it('trains to the same bits whatever was evaluated, read, written or trained before and between', async () => {
  await forAllAsync(cases, 4, async ({ widths, ...given }) => {
    const small = { ...given, widths: widths.slice(0, 4) };
    const [plain, disturbed] = [false, true].map((isDisturbed) =>
      onEngine((engine) => trained(engine, small, isDisturbed)),
    );
    expect(await disturbed).toEqual(await plain);
  });
}, 240_000);

const vectors = (count: number): Tensor[] =>
  Array.from({ length: count }, (_, i) => parameter(floats(9, [60 + i], {}, i)));
const costOf = (of: readonly Tensor[]): Tensor =>
  of.map((each) => sum(square(each))).reduce((a, b) => add(a, b));

it('holds each value once after a move, and frees what was left', () =>
  onEngine(async (engine) => {
    const parameters = vectors(6);
    await engine.run(costOf(parameters.slice(3)));
    await engine.read(parameters[1]!);
    const step = engine.compile({ updates: sgd().updates(costOf(parameters), parameters) });
    await step.enqueue();
    await engine.finish();
    const before = engine.stats();
    const again = engine.compile({ updates: sgd().updates(costOf(parameters), parameters) });
    again.release();
    expect(engine.stats().liveBuffers).toBe(before.liveBuffers);
    step.release();
    const { liveBytes } = engine.stats();
    expect(liveBytes).toBeLessThan(4 * 1024);
  }));

it('leaves parameters where they are if the byte budget has no room to move them', async () => {
  const results = await Promise.all(
    [undefined, 3_400_000].map((byteBudget) =>
      onEngine(
        async (engine) => {
          const parameters = [1, 2, 3].map((k) => parameter(floats(k, [200_000])));
          // each on its own
          for (const each of [...parameters].reverse()) await engine.read(each);
          const updates = parameters.map((each) => [each, mul(each, 0.5)] as const);
          const step = engine.compile({ updates });
          await step.enqueue();
          const values: number[][] = [];
          for (const each of parameters) values.push(bits(await engine.read(each)));
          return { dispatches: step.plan.dispatches.length, values };
        },
        openAdapter().then(
          async (adapter) => new Engine(await GpuBackend.open(adapter, { byteBudget })),
        ),
      ),
    ),
  );
  expect(results.map(({ dispatches }) => dispatches)).toEqual([1, 3]);
  expect(results[1]!.values).toEqual(results[0]!.values);
});

it('keeps the buffer of an output until the next step, whatever is compiled', () =>
  onEngine(async (engine) => {
    const parameters = vectors(3);
    const shown = engine.compile({ outputs: { last: parameters[2]! } });
    await shown.enqueue();
    const { bufferOf, offsetOf, device } = engine.gpu!;
    const buffer = bufferOf(shown, parameters[2]!) as GPUBuffer;
    const offset = offsetOf(shown, parameters[2]!);
    const step = engine.compile({ updates: adam().updates(costOf(parameters), parameters) });
    await engine.warmUp(step);
    const { queue } = device as GPUDevice;
    const target = (device as GPUDevice).createBuffer({ size: 240, usage: 8 | 1 });
    const encoder = (device as GPUDevice).createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, target, 0, 240);
    queue.submit([encoder.finish()]);
    await target.mapAsync(1);
    expect(bits({ data: new Float32Array(target.getMappedRange()) })).toEqual(
      bits(await engine.read(parameters[2]!)).slice(0, 60),
    );
    target.destroy();
    await step.enqueue();
    await engine.finish();
  }));

it('follows averages and shared parameters of two steps that take turns', () =>
  onEngine(async (engine) => {
    const parameters = vectors(5);
    const averages = parameters.map((each) => parameter(new Float32Array(each.shape[0]!)));
    const updates = sgd({ learningRate: 0.25 }).updates(costOf(parameters), parameters);
    const followed = updates.map(
      ([, next], i) => [averages[i]!, movingAverage(0.5, averages[i]!, next)] as const,
    );
    const both = engine.compile({ updates: [...updates, ...followed] });
    const first = engine.compile({
      updates: parameters.slice(0, 3).map((each) => [each, sub(each, 1)] as const),
    });
    const crossing = engine.compile({
      updates: parameters.slice(2).map((each) => [each, add(each, 1)] as const),
    });
    const start = parameters.map((each) => bits(floatsOf(each)));
    for (const step of [both, first, crossing]) await step.enqueue();
    for (const [i, each] of parameters.entries()) {
      const shift = (i < 3 ? -1 : 0) + (i < 2 ? 0 : 1);
      const halved = start[i]!.map((value) => Math.fround(0.5 * value));
      const expected = halved.map((value) => Math.fround(value + shift));
      const values = bits(await engine.read(each));
      for (const [k, value] of values.entries()) expect(value).toBeCloseTo(expected[k]!, 5);
      expect(bits(await engine.read(averages[i]!))).toEqual(halved.map((value) => value / 2));
    }
  }));

/** What a parameter began with. */
const floatsOf = (each: Tensor) => floats(9, each.shape, {}, each.shape[0]! - 60);
