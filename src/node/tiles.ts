// Keeps what the tuner has measured in a file of the user's cache folder, by adapter.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TileStore } from '../graph/backend.js';
import { saveFile } from './files.js';

function fileOf(adapter: string): string {
  const name = createHash('sha256').update(adapter).digest('hex').slice(0, 16);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'nabla', 'tiles', `${name}.json`);
}

/** What was measured, in the user's cache folder: a file for each adapter and driver, written at once or not at all. */
export const tileStore: TileStore = {
  load: (adapter) => readFile(fileOf(adapter), 'utf8').catch(() => undefined),
  async save(adapter, text) {
    await mkdir(dirname(fileOf(adapter)), { recursive: true });
    await saveFile(fileOf(adapter), Buffer.from(text));
  },
};
