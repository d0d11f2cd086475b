// What goes wrong in a worker, as its caller hears of it.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { CheckError, DeviceLostError, NablaError, ShapeError } from '../../src/core/errors.js';
import { nn } from '../../src/index.common.js';
import { remoteTrainer, serveTrainer } from '../../src/index.worker.js';
import { openCpuEngine } from '../support/engine.js';
import { build, closeAll, connect, open, reportsOf, settings } from '../support/remote.js';

afterEach(closeAll);

describe('errors', () => {
  it('come with their classes', async () => {
    const calls = {
      shape: () => {
        throw new ShapeError('add: no');
      },
      lost: () => Promise.reject(new DeviceLostError('gone')),
      type: () => (undefined as never as string).length,
      text: () => {
        throw 'words';
      },
      uncloned: () => () => {},
    };
    const { trainer } = await connect(settings(), {}, calls);
    await expect(trainer.call('shape')).rejects.toSatisfy(
      (error) =>
        error instanceof ShapeError && error.name === 'ShapeError' && error.message === 'add: no',
    );
    await expect(trainer.call('shape')).rejects.toHaveProperty(
      'stack',
      expect.stringContaining('remote.errors.test'),
    );
    await expect(trainer.call('lost')).rejects.toBeInstanceOf(DeviceLostError);
    await expect(trainer.call('type')).rejects.toMatchObject({ name: 'TypeError' });
    await expect(trainer.call('text')).rejects.toThrow(/^words$/);
    await expect(trainer.call('uncloned')).rejects.toMatchObject({ name: 'DataCloneError' });
  });

  it('of training end the iteration, those of setting up the start', async () => {
    const { port1, port2 } = new MessageChannel();
    serveTrainer<number>((epochs) => {
      if (epochs < 0) throw new CheckError('setUp: no');
      return {
        engine: openCpuEngine(),
        ...build(settings()),
        epochs,
        loss: () => nn.dense(1, 1).parameters[0]!,
      };
    }, port2);
    const trainer = await remoteTrainer(port1, 2);
    open.push(trainer);
    for (const _ of [1, 2]) await expect(reportsOf(trainer)).rejects.toThrow(ShapeError);
    const other = new MessageChannel();
    serveTrainer(() => Promise.reject(new CheckError('setUp: no')), other.port2);
    await expect(remoteTrainer(other.port1)).rejects.toThrow(CheckError);
  });

  it('say that the worker is gone, that there is no port, and which listener there is not', async () => {
    const { trainer } = await connect();
    await trainer.close();
    await expect(trainer.pause()).rejects.toThrow(/the worker is gone: it is closed/);
    open.length = 0;
    expect(() => serveTrainer(() => build(settings()) as never, null)).toThrow(/pass parentPort/);
    expect(() => serveTrainer(() => build(settings()) as never)).toThrow(NablaError);
    const { port1 } = new MessageChannel();
    await expect(remoteTrainer(port1, {}, { onSteps: () => {} } as never)).rejects.toThrow(
      /no option 'onSteps'/,
    );
    port1.close();
  });
});
