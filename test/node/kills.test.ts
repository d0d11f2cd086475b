// Processes that are killed while they save: what was saved is whole, and the next save leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { loadFile, saveFile } from '../../src/index.node.js';
import { type Cli, openCli } from '../support/cli.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Bytes of a file: so many that writing one takes longer than the time between two kills. */
const SIZE = 2 ** 23;
let cli: Cli;
let folder: string;
let script: string;
beforeAll(async () => {
  cli = await openCli();
  folder = mkdtempSync(join(tmpdir(), 'nabla-kills-'));
  script = join(folder, 'save.mjs');
  const entry = pathToFileURL(join(cli.built, 'index.node.js')).href;
  writeFileSync(
    script,
    `import { saveFile } from '${entry}';
for (let value = 0; ; value = (value + 1) % 251) {
  await saveFile(process.argv[2], new Uint8Array(${SIZE}).fill(value));
  process.stdout.write('.');
}`,
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await cli.close();
});

const saving = (path: string): ChildProcess => spawn(process.execPath, [script, path]);
const parts = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.part'));

it('leave a whole file and, after the next save, no parts', async () => {
  const path = join(folder, 'model');
  for (let round = 0; round < 20; round++) {
    // two at once, every other time
    const children = Array.from({ length: 1 + (round % 2) }, () => saving(path));
    await Promise.all(children.map((child) => once(child.stdout!, 'data')));
    await new Promise((resolve) => setTimeout(resolve, (7 * round) % 40));
    const ends = children.map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ends);
    const bytes = await loadFile(path);
    expect(bytes.length).toBe(SIZE);
    expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
  }
  await saveFile(path, Uint8Array.of(1));
  expect(parts()).toEqual([]);
});

it('parts of those that still write are left alone', async () => {
  const path = join(folder, 'other');
  const child = saving(path);
  await once(child.stdout!, 'data');
  for (let i = 0; i < 20; i++) await saveFile(join(folder, 'mine'), Uint8Array.of(i));
  await once(child.stdout!, 'data'); // its own saves still succeed
  child.kill('SIGKILL');
  await once(child, 'exit');
});
