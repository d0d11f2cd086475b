import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TileStore } from '../graph/backend.js';

const folder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nabla', 'tiles');
const fileOf = (adapter: string): string =>
  join(folder(), `${createHash('sha256').update(adapter).digest('hex').slice(0, 16)}.json`);

/** Tuned tiles in the user's cache folder, a file for each adapter and driver. */
export const tileStore: TileStore = {
  load: (adapter) => readFile(fileOf(adapter), 'utf8').catch(() => undefined),
  async save(adapter, text) {
    await mkdir(folder(), { recursive: true });
    await writeFile(fileOf(adapter), text);
  },
};
