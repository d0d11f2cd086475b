// Both sides in one thread, through a channel of Node's; test/node/worker.test.ts has threads.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/core/errors.js';
import { fit, nn, type Progress, type StepReport } from '../../src/index.common.js';
import { remoteTrainer, serveTrainer } from '../../src/index.worker.js';
import { sharedMemory } from '../support/containers.js';
import { openCpuEngine } from '../support/engine.js';
import {
  build,
  closeAll,
  connect,
  local,
  open,
  reportsOf,
  type Settings,
  settings,
} from '../support/remote.js';

afterEach(closeAll);

describe('a remote trainer', () => {
  it('gives the reports of fit, and tells of steps as they are done', async () => {
    const steps: StepReport[] = [];
    const { trainer } = await connect(settings(), { onStep: (report) => steps.push(report) });
    expect(trainer.info.backend).toBe('cpu');
    expect(await reportsOf(trainer)).toEqual(await local());
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(steps[19]).toEqual({ epoch: 4, step: 20, steps: 20, cost: expect.any(Number) });
  });

  it('copies arrays in shared memory, which cannot move, and leaves the rest as it is', async () => {
    const given = settings();
    const shared = new Float32Array(sharedMemory(200), 8, 44);
    shared.set(given.inputs.points);
    const flags = new DataView(sharedMemory(8));
    flags.setUint8(3, 9);
    const received: unknown[] = [];
    const { port1, port2 } = new MessageChannel();
    serveTrainer<Settings & { flags: DataView; list: readonly unknown[] }>((sent) => {
      received.push(sent);
      return { engine: openCpuEngine(), ...build(sent), reportEvery: 1 };
    }, port2);
    const list = [1, { deep: [shared] }, 'text'];
    const trainer = await remoteTrainer(port1, {
      ...given,
      inputs: { points: shared },
      flags,
      list,
    });
    open.push(trainer);
    shared.fill(0); // another thread's later writing is not seen
    flags.setUint8(3, 0);
    const [sent] = received as [
      Settings & { flags: DataView; list: [1, { deep: [Float32Array] }, 'text'] },
    ];
    for (const points of [sent.inputs.points, sent.list[1].deep[0]]) {
      expect(points).toEqual(settings().inputs.points);
      expect(points.buffer).toBeInstanceOf(ArrayBuffer);
    }
    expect(sent.flags.getUint8(3)).toBe(9);
    expect([sent.list[0], sent.list[2], given.labels.length]).toEqual([1, 'text', 0]);
    expect(await reportsOf(trainer)).toEqual(await local());
  });

  it('loads a checkpoint out of any memory, and leaves that as it is', async () => {
    const { trainer } = await connect();
    await trainer.pause();
    const file = await trainer.save();
    const shared = new Uint8Array(sharedMemory(file.length), 0, file.length);
    shared.set(file);
    for (const bytes of [file, Buffer.from(file), file.slice().buffer, shared])
      await trainer.load(bytes);
    expect(shared).toEqual(file);
    await expect(trainer.load('file' as never)).rejects.toThrow(FormatError);
    expect(await reportsOf(trainer)).toEqual(await local());
  });

  it('is no promise: what gives it does not wait for the end of training', async () => {
    const { trainer } = await connect();
    expect('then' in trainer).toBe(false);
    expect((await trainer.pause()).step).toBe(0);
  });

  it('moves the memory of its settings, and copies that of parts of arrays', async () => {
    const given = settings();
    const whole = new Float32Array(50);
    whole.set(given.inputs.points, 3);
    const part = { ...given, inputs: { points: whole.subarray(3, 47) } };
    await connect(part);
    expect([part.labels.length, whole.length]).toEqual([0, 50]);
    const plain = settings();
    await connect({ ...plain, again: plain.labels } as Settings);
    expect([plain.labels.length, plain.inputs.points.length]).toEqual([0, 0]);
  });

  it('pauses between two steps and goes on where it stood', async () => {
    const small = { ...settings(), batchSize: 1 };
    let paused: Promise<Progress> | undefined;
    const onStep = ({ step }: StepReport): void => {
      if (step === 25) paused = trainer.pause();
    };
    const { trainer } = await connect(small, { onStep });
    const first = await reportsOf(trainer);
    expect(first.map(({ epoch }) => epoch)).toEqual([1]);
    const { epoch, step } = (await paused)!;
    expect(epoch).toBe(1);
    expect(step).toBeGreaterThanOrEqual(25);
    expect(step).toBeLessThan(44);
    const whole = await reportsOf(fit(openCpuEngine(), build({ ...settings(), batchSize: 1 })));
    expect([...first, ...(await reportsOf(trainer))]).toEqual(whole);
  });

  it('stops where its reports are left, and pauses at any time', async () => {
    const { trainer } = await connect();
    expect((await trainer.pause()).step).toBe(0);
    for await (const { epoch } of trainer) if (epoch === 2) break;
    const [a, b] = await Promise.all([trainer.pause(), trainer.pause()]);
    expect([a, b.epoch, b.position]).toEqual([b, 2, 0]);
    const seen: number[] = [];
    for await (const { epoch } of trainer) {
      seen.push(epoch);
      void trainer.pause();
    }
    expect(seen).toEqual([3]);
    expect((await reportsOf(trainer)).map(({ epoch }) => epoch)).toEqual([4]);
  });

  it('saves running statistics with the rest, and the worker goes on from them', async () => {
    const serve = () => {
      const { port1, port2 } = new MessageChannel();
      const norm = nn.batchNorm1d(6);
      const model = nn.sequential([nn.dense(2, 6, { bias: false }), norm, nn.dense(6, 2)], {
        seed: 4,
      });
      const engine = openCpuEngine();
      serveTrainer<Settings>((given) => ({ engine, ...build(given), model }), port2);
      const values = () =>
        Promise.all(norm.buffers.map(async (each) => Array.from((await engine.read(each)).data)));
      return { port1, values };
    };
    const [first, second] = [serve(), serve()];
    const trainer = await remoteTrainer(first.port1, settings());
    open.push(trainer);
    await reportsOf(trainer);
    const file = await trainer.save();
    const other = await remoteTrainer(second.port1, settings());
    open.push(other);
    await other.load(file);
    expect((await second.values())[2]).toEqual([20]);
    expect(await second.values()).toEqual(await first.values());
  });

  it('saves where it stands, and goes on from there and from the beginning', async () => {
    const { trainer } = await connect();
    const start = await trainer.save();
    for await (const { epoch } of trainer) if (epoch === 2) break;
    const middle = await trainer.save();
    const { trainer: other } = await connect();
    await other.load(middle);
    const whole = await local();
    expect(await reportsOf(other)).toEqual(whole.slice(2));
    await other.load(start);
    expect(await reportsOf(other)).toEqual(whole);
    await expect(other.load(start.slice(9))).rejects.toThrow(FormatError);
  });

  it('may be closed between two reports', async () => {
    const { trainer } = await connect(settings(4));
    open.pop();
    let reports = 0;
    for await (const _ of trainer) if (++reports === 2) await trainer.close();
    expect(reports).toBe(2);
  });

  it('calls functions of the worker while it trains', async () => {
    const heard: unknown[] = [];
    const calls = { twice: (x: Float32Array) => x.map((value) => 2 * value) };
    let asked: Promise<unknown> | undefined;
    const onStep = (): void => {
      asked ??= trainer.call('twice', Float32Array.of(1, 2)).finally(() => heard.push('answer'));
    };
    const { trainer } = await connect(settings(), { onStep }, calls);
    for await (const _ of trainer) heard.push('epoch');
    expect(await asked).toEqual(Float32Array.of(2, 4));
    expect(heard.slice(0, 2)).toEqual(['answer', 'epoch']);
    await expect(trainer.call('thrice')).rejects.toThrow(/no function 'thrice'; it has twice/);
  });
});
