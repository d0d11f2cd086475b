// Ends of `nabla train` that were not planned: signals, a full disk, a crash. What was learned is not lost.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { accuracyIn, type Cli, openCli, type Running } from '../support/cli.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let cli: Cli;
beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

const train = (options: string, running?: Running) =>
  cli.nabla(`train --backend cpu --data digits ${options}`, running);

describe('nabla train', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const)('writes what was learned and ends on %s', async (signal, expected) => {
    let sent = false;
    const output = `${signal}.safetensors`;
    const { code, errors } = await train(`--epochs 100000 --output ${output}`, {
      onOutput(child) {
        if (!sent) setTimeout(() => child.kill(signal), 500);
        sent = true;
      },
    });
    expect({ code, errors }).toEqual({ code: expected, errors: '' });
    expect(await readdir(cli.folder)).toContain(output);
  });

  it('saves what was learned where the disk of their output is full, and say so', async () => {
    const options = '--backend cpu --data digits --steps 5 --output full.safetensors';
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(cli.built, 'cli.js'), 'train', ...options.split(' ')],
      { cwd: cli.folder, stdio: ['ignore', full, 'pipe'], encoding: 'utf8' },
    );
    closeSync(full);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^nabla: standard output: the disk is full; make room.* \(ENOSPC\)\n$/);
    expect(await readdir(cli.folder)).toContain('full.safetensors');
  });

  it('goes on from their last checkpoint after a crash, with the same command line', async () => {
    const rest = '--optimizer adam --epochs 3 --batch 20 --no-report';
    const whole = await train(`${rest} --output whole-run.safetensors`);
    const line = `${rest} --checkpoint saved --every 3 --keep 2 --resume --output resumed.safetensors`;
    let sent = false;
    const killed = await train(line, {
      onOutput(child) {
        if (!sent) setTimeout(() => child.kill('SIGKILL'), 400);
        sent = true;
      },
    });
    expect(killed.code).not.toBe(0);
    const resumed = await train(line);
    expect(resumed).toMatchObject({ code: 0, errors: '' });
    expect(resumed.out).toMatch(/^going on after step \d+$/m);
    expect(accuracyIn(resumed)).toBe(accuracyIn(whole));
    const saved = await readdir(join(cli.folder, 'saved'));
    expect(saved.sort()).toEqual(['step-000000027.safetensors', 'step-000000030.safetensors']);
    const other = await train(`${line} --activation tanh`);
    expect(other.code).toBe(2);
    expect(other.errors).toMatch(/is of another run: model: .*tanh here and 0 × in the checkpoint/);
  });
});
