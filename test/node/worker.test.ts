// nabla/worker as the package has it, between real threads.
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, run } from '../support/cli.js';
import { installPackage } from '../support/package.js';

let project: string;
beforeAll(async () => {
  ({ project } = await installPackage());
  await mkdir(join(project, 'node_modules/@sparticuz'));
  for (const name of ['webgpu', '@sparticuz/chromium'])
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
  await writeFile(join(project, 'trainer.mjs'), trainer);
}, 60_000);
afterAll(() => rm(project, { recursive: true, force: true }));

const trainer = `
import { parentPort } from 'node:worker_threads';
import { dataset, loss, nn, open, optim, ShapeError } from 'nabla';
import { serveTrainer } from 'nabla/worker';

serveTrainer(async ({ points, labels, backend }) => ({
  engine: await open({ backend }),
  model: nn.sequential(nn.dense(2, 16, { activation: 'tanh' }), nn.dense(16, 2)),
  ...{ loss: loss.crossEntropy, optimizer: optim.adam({ learningRate: 0.03 }) },
  ...{ data: dataset(points, labels), epochs: 6, batchSize: 50 },
  calls: {
    fail() {
      throw new ShapeError('fail: as asked');
    },
    end: () => process.exit(3),
  },
}), parentPort);
`;
const program = (backend: string): string => `
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { data, ShapeError } from 'nabla';
import { remoteTrainer } from 'nabla/worker';

const [batch] = data.moons({ examples: 200, seed: 1 }).batches(200);
const [points, labels] = [batch.inputs.data, batch.labels.data];
const start = (settings) => remoteTrainer(new Worker(new URL('./trainer.mjs', import.meta.url), { env: SHARE_ENV }), settings);
const trainer = await start({ points, labels, backend: '${backend}' });
const epochs = [];
for await (const { epoch, cost } of trainer) {
  epochs.push([epoch, cost]);
  if (epoch === 3) break;
}
const { step } = await trainer.pause();
for await (const { epoch, cost } of trainer) epochs.push([epoch, cost]);
const { length } = await trainer.save();
const failed = await trainer.call('fail').catch((error) => error instanceof ShapeError && error.message);
await trainer.close();
const other = await start({ points: [[0, 0]], labels: [1], backend: 'cpu' });
const ended = await other.call('end').catch(({ message }) => message);
const { backend } = trainer.info;
console.log(JSON.stringify({ backend, moved: [points.length, labels.length], epochs, step, length, failed, ended }));
`;

it.each(['cpu', 'gpu'])(
  'trains on the %s in a thread, pauses, saves, and ends with the process',
  async (backend) => {
    await writeFile(join(project, 'start.mjs'), program(backend));
    const { code, out, errors } = await run(join(project, 'start.mjs'), [], project);
    expect(code, errors).toBe(0);
    const { epochs, length, ...rest } = JSON.parse(out) as Record<string, unknown> & {
      epochs: number[][];
      length: number;
    };
    expect(epochs.map(([epoch]) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(epochs[5]![1]).toBeLessThan(0.8 * epochs[0]![1]!);
    expect(length).toBeGreaterThan(1000);
    expect(rest).toEqual({
      ...{ backend, moved: [0, 0], step: 12, failed: 'fail: as asked' },
      ended: 'remoteTrainer: the worker is gone: exit code 3',
    });
  },
);
