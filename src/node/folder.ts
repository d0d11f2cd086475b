// Folders on disk, for checkpoints.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Folder } from '../core/folder.js';
import { loadFile, saveFile } from './files.js';
import { cannotWrite, checkWritable } from './targets.js';

/** Opens a folder, and makes it where it is missing. Throws NablaError now where files could not be written into it later. */
export async function openFolder(path: string): Promise<Folder> {
  await mkdir(path, { recursive: true }).catch((error) => {
    throw cannotWrite(path, error);
  });
  await checkWritable(join(path, 'file'));
  return {
    async names() {
      const entries = await readdir(path, { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    read: (name) => loadFile(join(path, name)),
    write: (name, bytes) => saveFile(join(path, name), bytes),
    async remove(name) {
      const file = join(path, name);
      await rm(file, { force: true }).catch((error) => {
        throw cannotWrite(file, error);
      });
    },
  };
}
