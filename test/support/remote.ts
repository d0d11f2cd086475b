// Trainers at the other end of a channel of Node's, both sides in one thread.
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'vitest';
import { dataset, type EpochReport, fit, loss, nn, optim } from '../../src/index.common.js';
import {
  type RemoteListeners,
  type RemoteTrainer,
  remoteTrainer,
  type ServedTrainer,
  serveTrainer,
} from '../../src/index.worker.js';
import { openCpuEngine } from '../support/engine.js';

export interface Settings {
  readonly inputs: { readonly points: Float32Array };
  readonly labels: Int32Array;
  readonly epochs: number;
  readonly batchSize?: number;
}
export const settings = (epochs = 4): Settings => ({
  inputs: { points: Float32Array.from({ length: 44 }, (_, i) => Math.sin(i * i)) },
  labels: Int32Array.from({ length: 22 }, (_, i) => i % 2),
  epochs,
});
export const build = ({ inputs, labels, epochs, batchSize = 5 }: Settings) => ({
  model: nn.sequential([nn.dense(2, 6, { activation: 'tanh' }), nn.dropout(0.2), nn.dense(6, 2)], {
    seed: 4,
  }),
  optimizer: optim.adam({ learningRate: 0.05 }),
  ...{ loss: loss.crossEntropy, data: dataset(inputs.points, labels), epochs, batchSize },
});

/** Those to be closed after a test. */
export const open: RemoteTrainer[] = [];
export const closeAll = async (): Promise<void> => {
  await Promise.all(open.splice(0).map((trainer) => trainer.close()));
};

/** A trainer at the other end of a channel. */
export async function connect(
  given = settings(),
  listeners: RemoteListeners = {},
  calls: ServedTrainer['calls'] = {},
) {
  const { port1, port2 } = new MessageChannel();
  const engine = openCpuEngine();
  serveTrainer<Settings>(
    (received) => ({ engine, ...build(received), reportEvery: 1, calls }),
    port2,
  );
  const trainer = await remoteTrainer(port1, given, listeners);
  open.push(trainer);
  return { trainer, engine };
}
/** Of each epoch, without its time. */
export async function reportsOf(
  run: AsyncIterable<EpochReport>,
): Promise<Omit<EpochReport, 'seconds'>[]> {
  const reports: Omit<EpochReport, 'seconds'>[] = [];
  for await (const { seconds, ...report } of run) {
    expect(seconds).toBeGreaterThanOrEqual(0);
    reports.push(report);
  }
  return reports;
}
export const local = () => reportsOf(fit(openCpuEngine(), build(settings())));
