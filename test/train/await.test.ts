// A run that is awaited, iterated over, both, or neither.

import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NablaError } from '../../src/core/errors.js';
import {
  add,
  cast,
  dataset,
  type EpochReport,
  type Fit,
  type FitOptions,
  fit,
  mul,
  type nn,
  optim,
  parameter,
  sum,
} from '../../src/index.common.js';
import { TrainingRun } from '../../src/train/fit.js';
import { openCpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';

const engine = openCpuEngine();

/** A model of one weight, which grows by 1 with every step. */
function counting(extra: Partial<FitOptions> = {}): {
  options: FitOptions;
  steps: () => Promise<number>;
} {
  const weight = parameter(0, { name: 'weight' });
  const model: nn.Layer = {
    parameters: [weight],
    apply: (x) => add(mul(weight, 1), mul(0, sum(cast(x, 'f32')))),
  };
  const data = dataset(new Int32Array(6), new Float32Array(6));
  const loss: FitOptions['loss'] = (output) => sum(output);
  const optimizer = optim.sgd({ learningRate: 1 });
  const options = { model, loss, data, optimizer, epochs: 3, batchSize: 2, ...extra };
  return { options, steps: async () => 0 - (await engine.read(weight)).data[0]! };
}
const all = async (run: AsyncIterable<EpochReport>): Promise<EpochReport[]> => {
  const reports: EpochReport[] = [];
  for await (const report of run) reports.push(report);
  return reports;
};

describe('awaited', () => {
  it('trains to the end and gives the last report', async () => {
    const { options, steps } = counting();
    const last = await fit(engine, options);
    expect(last).toMatchObject({ epoch: 3, step: 9, cost: -7 });
    expect(await steps()).toBe(9);
  });
  it('gives what iterating gives, whatever the settings', () =>
    forAllAsync(
      fc.record({ epochs: fc.nat(3), batchSize: fc.integer({ min: 1, max: 7 }), steps: fc.nat(8) }),
      40,
      async (extra) => {
        const [awaited, iterated] = [counting(extra), counting(extra)];
        const last = await fit(engine, awaited.options);
        const expected = (await all(fit(engine, iterated.options))).at(-1);
        expect(last && { ...last, seconds: 0 }).toEqual(expected && { ...expected, seconds: 0 });
        expect(await awaited.steps()).toBe(await iterated.steps());
      },
    ));
  it('gives undefined where there is nothing to do', async () => {
    expect(await fit(engine, counting({ epochs: 0 }).options)).toBeUndefined();
    expect(await fit(engine, counting({ signal: AbortSignal.abort() }).options)).toBeUndefined();
  });
  it('gives the last report before it was aborted', async () => {
    const controller = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 4) controller.abort();
    };
    const { options } = counting({ signal: controller.signal, onStep, reportEvery: 1 });
    const run = fit(engine, options);
    expect(await run).toMatchObject({ epoch: 1, step: 3 });
    expect(run.progress.step).toBeLessThan(9);
  });
  it('trains once, however often', async () => {
    const { options, steps } = counting();
    const run = fit(engine, options);
    const [a, b] = await Promise.all([run, run]);
    const c = await run;
    expect([b, c]).toEqual([a, a]);
    expect(await steps()).toBe(9);
  });
  it('rejects with what goes wrong, each time', async () => {
    const onStep = (): void => {
      throw new RangeError('mine');
    };
    const run = fit(engine, counting({ onStep, reportEvery: 1 }).options);
    await expect(run).rejects.toThrow(RangeError);
    await expect(run.then(undefined, (error: Error) => error.message)).resolves.toBe('mine');
    const wrong = fit(engine, counting({ loss: (output) => add(output, [1] as never) }).options);
    await expect(wrong).rejects.toThrow(NablaError);
  });
  it('is awaited by whoever calls an async function that returns it', async () => {
    const make = async (options: FitOptions) => fit(engine, options);
    expect(await make(counting().options)).toMatchObject({ epoch: 3 });
    const hand = async (options: FitOptions) => ({ run: fit(engine, options) });
    const { run } = await hand(counting().options);
    expect(run.progress.step).toBe(0);
    await run;
  });
});

describe('awaited and iterated over', () => {
  it('in turn, trains once', async () => {
    const { options, steps } = counting();
    const run = fit(engine, options);
    for await (const { epoch } of run) if (epoch === 1) break;
    expect(await run).toMatchObject({ epoch: 3, step: 9 });
    expect(await all(run)).toEqual([]);
    const other = fit(engine, counting().options);
    const reports = await all(other);
    expect(await other).toBe(reports[2]);
    expect(await steps()).toBe(9);
  });
  it('inside of the loop, ends it', async () => {
    const { options, steps } = counting();
    const run = fit(engine, options);
    const epochs: number[] = [];
    for await (const { epoch } of run) {
      epochs.push(epoch);
      expect(await run).toMatchObject({ epoch: 3 });
    }
    expect(epochs).toEqual([1]);
    expect(await steps()).toBe(9);
  });
  it('at once, throws for the second and leaves the first alone', async () => {
    const { options, steps } = counting();
    const run = fit(engine, options);
    const end = run.then((last) => last);
    await expect(all(run)).rejects.toThrow(/fit: this run is under way; wait for it/);
    expect(await end).toMatchObject({ epoch: 3 });
    expect(await steps()).toBe(9);
  });
});

it('prints a line', () => {
  const run = fit(engine, counting().options);
  expect(inspect(run)).toBe('Fit: 0 of 3 epochs done, 0 steps; await it or iterate over it');
  void run[Symbol.asyncIterator]();
});

describe('neither awaited nor iterated over', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  afterEach(() => warn.mockClear());
  const warnings = (): string[] => warn.mock.calls.map(([text]) => String(text));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Lets registries say what was collected. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const exit = (code: number): void => {
    for (const listener of process.listeners('exit'))
      if (/tokens/.test(String(listener))) listener(code);
  };
  /** Runs that nothing holds any more. */
  const drop = async (use: (run: Fit) => unknown, make: typeof fit = fit): Promise<void> => {
    await use(make(engine, counting().options));
  };

  it('is reported once as garbage, with its place', async () => {
    await settle();
    const earlier = warnings().length; // of other files in this process
    await drop(() => {});
    await settle();
    expect(warnings().slice(earlier)).toEqual([
      expect.stringMatching(
        /^nabla: fit \(\S*await\.test\.ts\S*:\d+\) was neither awaited nor iterated over.*await fit/,
      ),
    ]);
    await settle();
    exit(0);
    expect(warnings()).toHaveLength(earlier + 1);
  });
  it('or once at the exit, unless an error ends the process', () => {
    const kept = fit(engine, counting().options);
    exit(1);
    expect(warnings()).toEqual([]);
    exit(0);
    expect(warnings()).toHaveLength(1);
    void kept.then(() => {});
  });
  it.each<[string, (run: Fit) => unknown]>([
    ['awaited', (run) => run],
    ['iterated over', all],
    ['asked for a single report', (run) => run[Symbol.asyncIterator]().next()],
  ])('nothing is said of one that was %s', async (_, use) => {
    await drop(use);
    await settle();
    exit(0);
    expect(warnings()).toEqual([]);
  });
  it('nothing is said of a run that a worker keeps ready', async () => {
    await drop(
      () => {},
      (...given) => new TrainingRun(...given),
    );
    await settle();
    exit(0);
    expect(warnings()).toEqual([]);
  });
});
