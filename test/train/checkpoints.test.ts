// Runs that save themselves to a folder, and go on from it.
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  checkpoint,
  data,
  type Engine,
  type FitOptions,
  fit,
  loss,
  NablaError,
  nn,
  open,
  optim,
} from '../../src/index.node.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nabla-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

const openCpu = (): Promise<Engine> => open({ backend: 'cpu' });

/** 23 examples in batches of 5: five steps an epoch, the last one of three. */
const settings = (
  { activation = 'tanh', rate = 0.2 }: { activation?: 'tanh' | 'relu'; rate?: number } = {},
  more: Partial<FitOptions> = {},
): FitOptions => ({
  model: nn.sequential([nn.dense(2, 6, { activation }), nn.dropout(rate), nn.dense(6, 2)], {
    seed: 5,
  }),
  loss: loss.crossEntropy,
  optimizer: optim.adam({ learningRate: 0.02 }),
  data: data.moons({ examples: 23, seed: 3 }),
  ...{ epochs: 4, batchSize: 5, seed: 8 },
  ...more,
});
const files = (): string[] => readdirSync(folder).sort();
const nameOf = (step: number): string => `step-${String(step).padStart(9, '0')}.safetensors`;

/** Trains as another process would, with nothing shared but the folder; stops after so many steps in all. */
async function train(options: FitOptions, steps?: number) {
  await using engine = await openCpu();
  const costs: number[] = [];
  const run = fit(engine, { ...options, ...(steps && { steps }) });
  for await (const { cost } of run) costs.push(cost);
  const { parameters } = options.model;
  const weights = await Promise.all(parameters.map(async (each) => (await engine.read(each)).data));
  return { costs, weights, progress: run.progress };
}

describe('a run with a folder of checkpoints', () => {
  it.each([
    [3, 1],
    [7, 2],
    [10, undefined],
    [13, 4],
  ])(
    'that stops after step %i, saving every %s, goes on as if nothing had been',
    async (stop, every) => {
      const expected = await train(settings());
      const saved = { folder, ...(every && { every }) };
      const before = await train(settings({}, { checkpoint: saved }), stop);
      const after = await train(settings({}, { checkpoint: saved, resume: true }));
      expect(after.weights).toEqual(expected.weights);
      expect([...before.costs, ...after.costs].slice(-2)).toEqual(expected.costs.slice(-2));
      expect(after.progress.step).toBe(20);
    },
  );
  it('keeps the newest, named by their steps', async () => {
    await train(settings({}, { checkpoint: { folder, every: 2, keep: 2 } }));
    expect(files()).toEqual([18, 20].map(nameOf));
  });
  it('saves what a signal stopped', async () => {
    await using engine = await openCpu();
    const stopping = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 7) stopping.abort();
    };
    const options = settings({}, { checkpoint: { folder }, reportEvery: 1, onStep });
    const run = fit(engine, { ...options, signal: stopping.signal });
    await run;
    expect(files()).toContain(nameOf(run.progress.step));
  });
  it('begins anew where there is none yet, and resumes a run that had ended', async () => {
    const options = { checkpoint: { folder }, resume: true } as const;
    const first = await train(settings({}, options));
    expect(first.progress.step).toBe(20);
    const again = await train(settings({}, options));
    expect(again.costs).toEqual([]);
    expect(again.weights).toEqual(first.weights);
  });
  it('passes over one that is damaged, and says so', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const expected = await train(settings({}, { checkpoint: { folder } }));
    truncateSync(join(folder, nameOf(20)), 100);
    const after = await train(settings({}, { checkpoint: { folder }, resume: true }));
    expect(after.weights).toEqual(expected.weights);
    expect(warn.mock.calls.flat().join()).toMatch(
      /step-000000020.safetensors is damaged \(.*\); going on from the one before it/,
    );
  });
  it('does not mix with another', async () => {
    await train(settings({}, { checkpoint: { folder } }), 5);
    await expect(train(settings({}, { checkpoint: { folder } }))).rejects.toThrow(
      /holds checkpoints of a run, up to step 5; resume it \(resume: true, --resume\), or name another folder/,
    );
  });
  it.each<[string, () => FitOptions, RegExp]>([
    ['activation', () => settings({ activation: 'relu' }), /model: .*relu here and 0 × in the/],
    ['dropout', () => settings({ rate: 0.5 }), /model: other numbers, shapes or order/],
    ['loss', () => settings({}, { loss: loss.squaredError }), /loss: /],
    ['optimizer', () => settings({}, { optimizer: optim.adamW() }), /optimizer: /],
    [
      'data',
      () => settings({}, { data: data.moons({ examples: 23, seed: 4 }) }),
      /data: 23 examples of/,
    ],
    ['shuffle', () => settings({}, { shuffle: false }), /shuffle: false here and true in the/],
    ['batch size', () => settings({}, { batchSize: 4 }), /model: other|batchSize/],
    ['seed', () => settings({}, { seed: 9 }), /resume has seed 8 and the run 9/],
  ])('is refused to a run of another %s', async (_, other, message) => {
    await train(settings({}, { checkpoint: { folder } }), 5);
    const resumed = { ...other(), checkpoint: { folder }, resume: true } as const;
    await expect(train(resumed)).rejects.toThrow(message);
  });
  it('says what is wrong with the folder and the options', async () => {
    await using engine = await openCpu();
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const wrong: [unknown, RegExp][] = [
      [{ folder: 3 }, /fit: checkpoint.folder is 3; name a folder/],
      [{ folder, every: 0 }, /checkpoint.every/],
      [{ folder, keep: 1.5 }, /checkpoint.keep/],
      [{ folder, key: 1 }, /there is no option 'key'/],
    ];
    for (const [given, message] of wrong)
      expect(() => fit(engine, settings({}, { checkpoint: given as never }))).toThrow(message);
    expect(() => fit(engine, settings({}, { resume: true }))).toThrow(/name the folder/);
    const onFile = fit(engine, settings({}, { checkpoint: { folder: file } }));
    await expect(onFile).rejects.toThrow(NablaError);
    await expect(onFile).rejects.toThrow(file);
  });
});

describe('resume', () => {
  it('is refused on an engine that has initial values', async () => {
    const { progress } = await train(settings(), 7);
    await expect(train(settings({}, { resume: progress }))).rejects.toThrow(
      /fit: resume is at step 7, and this engine has initial values of the parameters; call checkpoint.load/,
    );
    await using engine = await openCpu();
    const options = settings({}, { resume: progress });
    const { model } = options;
    await checkpoint.load(engine, await checkpoint.save(engine, { model }), { model });
    await expect(fit(engine, options)).rejects.toThrow(/initial values of the optimizer's state/);
  });
  it.each([
    [{ position: 3 }, 'position is 3, where no batch of 5 of 23 examples begins'],
    [{ position: 25 }, 'position is 25, where no batch'],
    [{ step: 6 }, 'step is 6, and 1 epochs and 10 examples take 7'],
    [{ cost: 'x' }, 'cost is x, which is no number'],
    [{ correct: 11 }, 'correct is 11, of 10 examples'],
    [{ epoch: -1 }, 'epoch is -1, which is no count'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296, above'],
    [{ batchSize: 0 }, 'it has 23 examples in batches of 0'],
  ])('refuses progress to which no run comes: %o', async (wrong, message) => {
    await using engine = await openCpu();
    const progress = { seed: 8, batchSize: 5, examples: 23, epoch: 1, step: 7 };
    const resume = { ...progress, position: 10, cost: 3, correct: 4, ...wrong } as never;
    expect(() => fit(engine, settings({}, { resume }))).toThrow(`fit: resume: ${message}`);
    const { model } = settings();
    const metadata = { 'nabla.progress': JSON.stringify(resume) };
    const file = await checkpoint.save(engine, { model, metadata });
    const before = await engine.read(model.parameters[0]!);
    await expect(checkpoint.load(engine, file, { model })).rejects.toThrow(message);
    expect(await engine.read(model.parameters[0]!)).toEqual(before);
  });
});
