import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import {
  add,
  cast,
  dataset,
  type EpochReport,
  evaluate,
  type Fit,
  type FitOptions,
  fit,
  gather,
  loss,
  mul,
  nn,
  optim,
  parameter,
  type StepReport,
  sum,
} from '../../src/index.common.js';
import { openCpuEngine } from '../support/engine.js';

const engine = openCpuEngine();
const xorInputs = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

/** One weight for each example, and a cost whose gradient is −1 for each example in the batch: weights count uses. */
function counting(n: number, batchSize: number): FitOptions {
  const weight = parameter(new Float32Array(n), { name: 'weight' });
  return {
    model: { parameters: [weight], apply: (x) => gather(weight, x) },
    loss: (output) => sum(output),
    optimizer: optim.sgd({ learningRate: 1 }),
    data: dataset(
      Int32Array.from({ length: n }, (_, i) => i),
      new Float32Array(n),
    ),
    epochs: 3,
    batchSize,
  };
}
const uses = async ({ model }: FitOptions): Promise<number[]> =>
  Array.from((await engine.read(model.parameters[0]!)).data, (x) => 0 - x);

const small = (extra: Partial<FitOptions> = {}): FitOptions => ({
  model: nn.sequential([nn.dense(2, 5, { activation: 'tanh' }), nn.dropout(0.1), nn.dense(5, 2)], {
    seed: 3,
  }),
  loss: loss.crossEntropy,
  optimizer: optim.adam({ learningRate: optim.schedules.cosine(0.05, { steps: 40 }) }),
  data: dataset(
    Float32Array.from({ length: 22 }, (_, i) => Math.sin(i * i)),
    Int32Array.from({ length: 11 }, (_, i) => i % 2),
  ),
  epochs: 4,
  batchSize: 4,
  seed: 5,
  ...extra,
});
const weightsOf = (on: Engine, { model }: FitOptions): Promise<unknown[]> =>
  Promise.all(model.parameters.map(async (each) => Array.from((await on.read(each)).data)));

describe('fit', () => {
  it.each([
    [10, 4],
    [8, 4],
    [3, 4],
    [7, 1],
  ])('uses each of %i examples once an epoch in batches of %i', async (n, batchSize) => {
    const options = counting(n, batchSize);
    const reports = await all(fit(engine, options));
    expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(reports.at(-1)!.step).toBe(3 * Math.ceil(n / batchSize));
    expect(await uses(options)).toEqual(new Array(n).fill(3));
  });

  it('draws another order in each epoch, the same for the same seed', async () => {
    const order = async (seed: number, shuffle = true): Promise<number[]> => {
      const seen: number[] = [];
      const onStep = ({ cost }: StepReport): number => seen.push(cost);
      const weight = parameter(0);
      // The cost of a batch of one is the number of its example.
      const model: nn.Layer = {
        parameters: [weight],
        apply: (x) => add(cast(x, 'f32'), mul(0, weight)),
      };
      await all(
        fit(engine, { ...counting(9, 1), model, epochs: 2, seed, shuffle, onStep, reportEvery: 1 }),
      );
      return seen;
    };
    const [first, again, other] = [await order(1), await order(1), await order(2)];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(first.slice(0, 9)).not.toEqual(first.slice(9));
    expect(first.slice(9).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await order(1, false)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('drops by its seed and its steps, and by nothing else of the engine', async () => {
    const costs = async (seed: number, on = openCpuEngine()): Promise<number[]> => {
      const seen: number[] = [];
      const onStep = ({ cost }: StepReport): number => seen.push(cost);
      await all(fit(on, small({ seed, shuffle: false, onStep, reportEvery: 1 })));
      return seen;
    };
    const first = await costs(1);
    expect(await costs(1)).toEqual(first);
    const other = await costs(2);
    expect(first.filter((cost) => other.includes(cost))).toEqual([]);
    const used = openCpuEngine();
    await all(fit(used, { ...counting(9, 2), seed: 70 })); // draws nothing
    expect(await costs(1, used)).toEqual(first);
    expect(await costs(1, used)).toEqual(first); // whatever ran before
  });

  it('learns XOR', async () => {
    const options = {
      model: nn.sequential(nn.dense(2, 8, { activation: 'tanh' }), nn.dense(8, 1)),
      loss: loss.binaryCrossEntropy,
      data: dataset(xorInputs, [0, 1, 1, 0]),
    };
    const optimizer = optim.adam({ learningRate: 0.1 });
    const reports = await all(fit(engine, { ...options, optimizer, epochs: 120, batchSize: 4 }));
    expect(reports.at(-1)!.cost).toBeLessThan(0.02);
    expect(reports.at(-1)!.accuracy).toBe(1);
    const result = await evaluate(engine, options);
    expect(result).toEqual({ cost: expect.any(Number), accuracy: 1, examples: 4 });
    expect(result.cost).toBeLessThan(reports.at(-1)!.cost);
  });

  it('weighs the mean cost by example, remainder included', async () => {
    const targets = Float32Array.from([1, 2, 3, 4, 5]);
    const zero = parameter([0]);
    const data = dataset(new Int32Array(5), targets);
    const model: nn.Layer = { parameters: [zero], apply: (x) => gather(zero, x) };
    const optimizer = optim.sgd({ learningRate: 0 });
    const reports = await all(
      fit(engine, {
        model,
        loss: loss.squaredError,
        data,
        optimizer,
        epochs: 1,
        batchSize: 3,
        validation: data,
      }),
    );
    expect(reports[0]!.cost).toBeCloseTo(11, 12);
    expect(reports[0]!.validation!.cost).toBeCloseTo(11, 12);
    expect(reports[0]!.accuracy).toBeUndefined();
  });

  it('tells costs step by step, in order, with the cost of each batch', async () => {
    const seen: StepReport[] = [];
    const options = small({ onStep: (report) => seen.push(report), reportEvery: 1 });
    const reports = await all(fit(engine, options));
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(seen.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    const first = (4 * seen[0]!.cost + 4 * seen[1]!.cost + 3 * seen[2]!.cost) / 11;
    expect(reports[0]!.cost).toBeCloseTo(first, 12);
    expect(seen.every(({ steps }) => steps === 12)).toBe(true);
  });
});

describe('stopping', () => {
  const stopAt = (
    step: number,
  ): { signal: AbortSignal; onStep: (report: StepReport) => void; reportEvery: number } => {
    const controller = new AbortController();
    const onStep = (report: StepReport): void => {
      if (report.step === step) controller.abort();
    };
    return { signal: controller.signal, onStep, reportEvery: 1 };
  };

  it('ends between two steps, without a report, and says where', async () => {
    const options = { ...counting(20, 2), ...stopAt(13), seed: 4 };
    const run = fit(engine, options);
    const reports = await all(run);
    expect(reports).toHaveLength(1);
    const { epoch, position, step } = run.progress;
    expect(epoch).toBe(1);
    expect(position).toBe(2 * (step - 10));
    expect(step).toBeGreaterThanOrEqual(13);
    expect(step).toBeLessThan(20);
    const used = await uses(options);
    expect(used.reduce((a, b) => a + b)).toBe(20 + position);
    expect(used.every((count) => count === 1 || count === 2)).toBe(true);
  });

  it.each([1, 2, 3, 7])(
    'after step %i it goes on bit for bit: weights, costs and dropout',
    async (stop) => {
      const options = small();
      const content = ({ epoch, step, cost, accuracy }: EpochReport) => ({
        epoch,
        step,
        cost,
        accuracy,
      });
      const whole = openCpuEngine();
      const expected = await all(fit(whole, options));
      const parts = openCpuEngine();
      const first = fit(parts, { ...options, ...stopAt(stop) });
      const reports = await all(first);
      expect(first.progress.step).toBeLessThan(12);
      const resume = JSON.parse(JSON.stringify(first.progress)) as Fit['progress'];
      reports.push(...(await all(fit(parts, { ...options, resume }))));
      expect(reports.map(content)).toEqual(expected.map(content));
      expect(await weightsOf(parts, options)).toEqual(await weightsOf(whole, options));
    },
  );

  it('does nothing when the signal was aborted before', async () => {
    const options = { ...counting(4, 2), signal: AbortSignal.abort() };
    expect(await all(fit(engine, options))).toEqual([]);
    expect(await uses(options)).toEqual([0, 0, 0, 0]);
  });

  it('ends after a number of steps, with a report of the part', async () => {
    const options = { ...counting(10, 4), steps: 4 };
    const reports = await all(fit(engine, options));
    expect(reports.map(({ step }) => step)).toEqual([3, 4]);
  });

  it('throws what onStep throws', async () => {
    const onStep = (): void => {
      throw new RangeError('mine');
    };
    await expect(all(fit(engine, small({ onStep, reportEvery: 1 })))).rejects.toThrow('mine');
  });
});

describe('bad calls', () => {
  it.each([
    [{ batchSize: 0 }, /batch size is 0/],
    [{ epochs: -1 }, /epochs is -1/],
    [{ reportEvery: 0 }, /reportEvery is 0/],
    [{ steps: 1.5 }, /steps is 1.5/],
  ])('%j is refused', (extra, message) => {
    expect(() => fit(engine, small(extra))).toThrow(message);
  });

  it('a label without an output is found before training', async () => {
    const data = dataset(new Float32Array(6), [0, 1, 2]);
    await expect(all(fit(engine, small({ data })))).rejects.toThrow(
      /label 2 of example 2 has no output/,
    );
  });

  it('another data set or batch size cannot go on from a progress', async () => {
    const { progress } = fit(engine, small());
    expect(() => fit(engine, small({ batchSize: 5, resume: progress }))).toThrow(
      /batchSize 4 and the run 5/,
    );
    expect(() => fit(engine, small({ seed: 6, resume: progress }))).toThrow(/seed/);
  });
});
