// Runs that nobody awaits, in processes of their own.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, openCli, run } from '../support/cli.js';

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
}, 60_000);
afterAll(() => cli?.close());

const program = (last: string): string => `
import { data, fit, loss, nn, open, optim } from './index.node.js';
const engine = await open({ backend: 'cpu' });
const model = nn.sequential(nn.dense(2, 2));
const settings = { model, loss: loss.crossEntropy, optimizer: optim.sgd(), data: data.xor({ examples: 8 }), epochs: 2, batchSize: 4 };
const run = () => fit(engine, settings);
${last}
`;
const ended = async (last: string) => {
  const file = join(cli.built, `fit-${Math.random()}.mjs`);
  await mkdir(cli.built, { recursive: true });
  await writeFile(file, program(last));
  return run(file, [], cli.folder);
};

it('are reported when the process ends, which nothing keeps from ending', async () => {
  const { code, errors } = await ended('run();');
  expect(code).toBe(0);
  expect(errors).toMatch(
    /^nabla: fit \(\S*fit-\S*\.mjs:\d+\) was neither awaited nor iterated over, so it trained nothing;/,
  );
  expect(errors.match(/nabla: fit/g)).toHaveLength(1);
  expect((await ended('globalThis.kept = run(); process.exit();')).errors).toContain('nabla: fit');
});

it('are not where they are awaited or iterated over, or an error ends the process', async () => {
  const awaited = await ended('const last = await run(); console.log(last.epoch);');
  expect(awaited).toEqual({ code: 0, out: '2\n', errors: '' });
  const iterated = await ended('for await (const { epoch } of run()) console.log(epoch);');
  expect(iterated).toEqual({ code: 0, out: '1\n2\n', errors: '' });
  const failed = await ended('run(); throw new Error("other");');
  expect(failed.code).toBe(1);
  expect(failed.errors).not.toContain('nabla: fit');
});
