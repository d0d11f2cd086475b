import { describe, expect, it } from 'vitest';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import {
  checkpoint,
  data,
  type Fit,
  type FitOptions,
  FormatError,
  fit,
  loss,
  nn,
  optim,
  type StepReport,
  safetensors,
} from '../../src/index.node.js';
import { runCount, runSeed } from '../../src/ops/draws.js';

const settings = (): FitOptions => ({
  model: nn.sequential([nn.dense(2, 6, { activation: 'relu' }), nn.dropout(0.2), nn.dense(6, 2)], {
    seed: 4,
  }),
  loss: loss.crossEntropy,
  optimizer: optim.adam({ learningRate: optim.schedules.cosine(0.05, { steps: 30 }) }),
  data: data.moons({ examples: 22 }),
  epochs: 4,
  batchSize: 5,
  seed: 8,
});
const newEngine = (): Engine => new Engine(new CpuBackend());
async function train(
  engine: Engine,
  options: FitOptions,
  stopAfter = Infinity,
): Promise<{ costs: number[]; progress: Fit['progress'] | undefined }> {
  const controller = new AbortController();
  const onStep = ({ step }: StepReport): void => {
    if (step === stopAfter) controller.abort();
  };
  const run = fit(engine, { ...options, onStep, reportEvery: 1, signal: controller.signal });
  const costs: number[] = [];
  for await (const { cost } of run) costs.push(cost);
  return { costs, progress: run.progress };
}
const weights = (engine: Engine, { model }: FitOptions): Promise<unknown[]> =>
  Promise.all(model.parameters.map(async (each) => (await engine.read(each)).data));

describe('a checkpoint', () => {
  it.each([1, 4, 9])('lets another process go on bit for bit after step %i', async (stop) => {
    const whole = settings();
    const reference = newEngine();
    const expected = await train(reference, whole);
    const before = settings();
    const first = newEngine();
    const part = await train(first, before, stop);
    expect(part.progress!.step).toBeLessThan(20);
    const file = await checkpoint.save(first, { ...before, progress: part.progress! });
    // as another process would: nothing shared but the file
    const after = settings();
    const second = newEngine();
    const { progress } = await checkpoint.load(second, file, after);
    const rest = await train(second, { ...after, resume: progress! });
    expect([...part.costs, ...rest.costs]).toEqual(expected.costs);
    expect(await weights(second, after)).toEqual(await weights(reference, whole));
  });

  it('keeps the loss scale of half precision and how long it has held', async () => {
    const before = { ...settings(), precision: 'f16' } as const;
    const first = newEngine();
    const { progress } = await train(first, before, 4);
    const saved = await checkpoint.save(first, { ...before, progress: progress! });
    const { tensors } = safetensors.decode(saved);
    const held = ['scale', 'steps'].map((name) => tensors.get(`precision.${name}`)?.data[0]);
    expect(held).toEqual([2 ** 16, progress!.step]);
    const after = settings();
    const second = newEngine();
    await checkpoint.load(second, saved, after);
    expect(await checkpoint.save(second, { ...after, progress: progress! })).toEqual(saved);
    await expect(
      checkpoint.load(newEngine(), saved, { model: after.model }),
    ).resolves.toBeDefined();
  });

  it('loads files of before the run had a seed of its own for random numbers', async () => {
    const before = settings();
    const first = newEngine();
    const { progress } = await train(first, before, 6);
    const { tensors, metadata } = safetensors.decode(
      await checkpoint.save(first, { ...before, progress: progress! }),
    );
    expect([tensors.get('random.runs')!.data[0], tensors.get('random.seed')!.data[0]]).toEqual([
      progress!.step,
      8,
    ]);
    const rest = new Map([...tensors].filter(([name]) => name !== 'random.seed'));
    const after = settings();
    const second = newEngine();
    const loaded = await checkpoint.load(
      second,
      safetensors.encode(rest, Object.fromEntries(metadata)),
      after,
    );
    expect(await weights(second, after)).toEqual(await weights(first, before));
    expect(
      [await second.read(runCount), await second.read(runSeed)].map(({ data }) => data[0]),
    ).toEqual([progress!.step, 0]);
    // fit writes the seed of its progress
    const [on, from] = [
      train(second, { ...after, resume: loaded.progress! }),
      train(first, { ...before, resume: progress! }),
    ];
    expect((await on).costs).toEqual((await from).costs);
  });

  it("keeps the model's parameters under PyTorch's names", async () => {
    const { model } = settings();
    const { tensors } = safetensors.decode(await checkpoint.save(newEngine(), { model }));
    expect([...tensors.keys()].sort()).toEqual(['0.bias', '0.weight', '2.bias', '2.weight']);
  });

  it('holds a model in its own dtype, and a run as exactly as the engine does', async () => {
    const options = settings();
    const engine = newEngine();
    await train(engine, options, 3);
    const saved = async (subject: checkpoint.Subject) =>
      safetensors.decode(await checkpoint.save(engine, subject)).tensors.get('0.weight')!;
    const [plain, exact] = [await saved({ model: options.model }), await saved(options)];
    expect([plain.dtype, exact.dtype]).toEqual(['f32', 'f64']);
    expect(plain.data).toEqual(Float32Array.from(exact.data));
  });

  it('loads plain weights, and a model alone out of a whole checkpoint', async () => {
    const options = settings();
    const engine = newEngine();
    await train(engine, options, 3);
    const file = await checkpoint.save(engine, options);
    const copy = settings();
    const other = newEngine();
    expect((await checkpoint.load(other, file, { model: copy.model })).progress).toBeUndefined();
    expect(await weights(other, copy)).toEqual(await weights(engine, options));
    const single = { shape: [2, 2], dtype: 'f32', data: Float32Array.of(1, 2, 3, 4) } as const;
    const bias = { shape: [2], dtype: 'f32', data: Float32Array.of(5, 6) } as const;
    const dense = nn.sequential(nn.dense(2, 2));
    await checkpoint.load(other, safetensors.encode({ '0.weight': single, '0.bias': bias }), {
      model: dense,
    });
    expect(Array.from((await other.read(dense.parameters[0]!)).data)).toEqual([1, 2, 3, 4]);
  });

  it('writes nothing where anything is missing, damaged or of another shape', async () => {
    const options = settings();
    const engine = newEngine();
    const file = await checkpoint.save(engine, {
      ...options,
      progress: fit(engine, options).progress,
    });
    const target = newEngine();
    const before = await weights(target, options);
    const wider = nn.sequential(nn.dense(2, 7), nn.dropout(), nn.dense(7, 2));
    await expect(checkpoint.load(target, file, { model: wider })).rejects.toThrow(
      /'0.weight' is \[6, 2\] in the file and \[7, 2\]/,
    );
    const deeper = nn.sequential(nn.dense(2, 6), nn.dropout(), nn.dense(6, 2), nn.dense(2, 2));
    await expect(checkpoint.load(target, file, { model: deeper })).rejects.toThrow(
      /holds no '3.weight'/,
    );
    const shorter = nn.sequential(nn.dense(2, 6));
    await expect(checkpoint.load(target, file, { model: shorter })).rejects.toThrow(
      /nothing here is named '2/,
    );
    await expect(
      checkpoint.load(target, file, { ...options, optimizer: optim.rmsProp() }),
    ).rejects.toThrow(FormatError);
    await expect(checkpoint.load(target, file.slice(0, -3), options)).rejects.toThrow(/cut short/);
    expect(await weights(target, options)).toEqual(before);
  });

  it('names the dtype of a tensor that it cannot read, where that is asked for', async () => {
    const model = nn.sequential(nn.dense(2, 1));
    const weights = (dtype: string, width: number) => {
      const bias = { dtype: 'F32', shape: [1], data_offsets: [2 * width, 2 * width + 4] };
      const header = {
        '0.weight': { dtype, shape: [1, 2], data_offsets: [0, 2 * width] },
        '0.bias': bias,
      };
      const head = new TextEncoder().encode(JSON.stringify(header));
      const bytes = new Uint8Array(8 + head.length + 2 * width + 4).fill(127);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
      bytes.set(head, 8);
      return bytes;
    };
    const loaded = (bytes: Uint8Array, into = model) =>
      checkpoint.load(newEngine(), bytes, { model: into });
    await expect(loaded(weights('F8_E4M3', 1))).rejects.toThrow(FormatError);
    await expect(loaded(weights('F8_E4M3', 1))).rejects.toThrow(
      "checkpoint: '0.weight' is F8_E4M3, which no dtype here holds; save it as F32 (x.float() in PyTorch)",
    );
    await expect(loaded(weights('I64', 8))).rejects.toThrow(
      /'0.weight' is I64 with 9187201950435737471 at 0/,
    );
    await expect(loaded(weights('XYZ', 3))).rejects.toThrow(
      /'0.weight' is 'XYZ', which is no dtype that is known here/,
    );
    await expect(loaded(weights('BOOL', 1))).rejects.toThrow(
      /'0.weight' is BOOL with the byte 127 at 0/,
    );
    // where it is not asked for, only what could be a weight here is missed
    const biasOnly = { parameters: [model.parameters[1]!] } as never;
    for (const [dtype, width] of [
      ['C64', 8],
      ['XYZ', 3],
      ['F8_E4M3', 1],
      ['BOOL', 1],
      ['I64', 8],
    ] as const)
      await expect(loaded(weights(dtype, width), biasOnly)).resolves.toMatchObject({
        ignored: ['0.weight'],
      });
    await expect(loaded(weights('F16', 2), biasOnly)).rejects.toThrow(
      /nothing here is named '0.weight'/,
    );
  });

  it('takes metadata as a Map, and refuses those that are no text', async () => {
    const { model } = settings();
    const engine = newEngine();
    const metadata = new Map([['made', 'here']]);
    const { metadata: read } = await checkpoint.load(
      engine,
      await checkpoint.save(engine, { model, metadata }),
      {
        model,
      },
    );
    expect(read).toEqual(metadata.set('format', 'pt'));
    await expect(
      checkpoint.save(engine, { model, metadata: { epoch: 3 } as never }),
    ).rejects.toThrow(/metadata 'epoch' is 3; make it text/);
  });

  it('refuses progress that is none', async () => {
    const { model } = settings();
    const engine = newEngine();
    const progressed = async (text: string): ReturnType<typeof checkpoint.load> =>
      checkpoint.load(
        engine,
        await checkpoint.save(engine, { model, metadata: { 'nabla.progress': text } }),
        {
          model,
        },
      );
    for (const text of ['{', 'null', '{"seed":-1}'])
      await expect(progressed(text)).rejects.toThrow(FormatError);
    await expect(progressed('null')).rejects.toThrow('checkpoint: its progress: it is null');
  });
});
