// In Chromium between a page and a worker; in Node at both ends of a channel.
import { expect, it } from 'vitest';
import { type EpochReport, fit } from '../../src/index.common.js';
import { type Port, remoteTrainer, serveTrainer } from '../../src/index.worker.js';
import { sharedMemory } from '../support/containers.js';
import { setUp } from '../support/trainer.js';

function startWorker(): Port {
  if (typeof Worker !== 'undefined')
    return new Worker(new URL('../support/trainer.worker.ts', import.meta.url), { type: 'module' });
  const { port1, port2 } = new MessageChannel();
  serveTrainer(setUp, port2);
  return port1;
}
const settings = () => ({
  points: Float32Array.from({ length: 60 }, (_, i) => Math.sin(i * i)),
  labels: Int32Array.from({ length: 30 }, (_, i) => Number(Math.sin(4 * i * i) > 0)),
});
async function costsOf(run: AsyncIterable<EpochReport>): Promise<number[]> {
  const costs: number[] = [];
  for await (const { cost } of run) costs.push(cost);
  return costs;
}

it('gives the same costs as training here, bit for bit', async () => {
  const given = settings();
  const trainer = await remoteTrainer(startWorker(), given);
  expect(trainer.info.backend).toBe('gpu');
  expect([given.points.length, given.labels.length]).toEqual([0, 0]);
  const remote = await costsOf(trainer);
  await trainer.close();
  const { engine, ...options } = await setUp(settings());
  const local = await costsOf(fit(engine, options));
  engine.dispose();
  expect(remote).toHaveLength(4);
  expect(remote).toEqual(local);
});

it('sends arrays in shared memory, as copies', async () => {
  const given = settings();
  const points = new Float32Array(sharedMemory(240), 0, 60);
  points.set(given.points);
  const trainer = await remoteTrainer(startWorker(), { ...given, points });
  expect(await costsOf(trainer)).toHaveLength(4);
  expect(points).toEqual(settings().points);
  await trainer.close();
});

const inBrowsers = typeof Worker === 'undefined' ? [] : ['a script with an error'];
it.each(inBrowsers)('says what is wrong with a worker that does not start: %s', async () => {
  const worker = new Worker(new URL('data:text/javascript,throw new Error("broken")'), {
    type: 'module',
  });
  await expect(remoteTrainer(worker)).rejects.toThrow(/an error in the worker: .*broken/);
});
