// Folders in the page's private storage (OPFS), for checkpoints.
import type { Folder } from '../core/folder.js';
import { filesIn } from './files.js';

/** What the types of TypeScript's DOM library lack. */
interface Listed {
  keys(): AsyncIterable<string>;
}

/** Opens a folder of the page's private storage, 'runs/first' say, and makes it where it is missing. */
export async function openFolder(path: string): Promise<Folder> {
  let folder = await navigator.storage.getDirectory();
  for (const part of path.split('/').filter(Boolean))
    folder = await folder.getDirectoryHandle(part, { create: true });
  const { save, load } = filesIn(async () => folder, `${path}/`);
  return {
    async names() {
      const names: string[] = [];
      for await (const name of (folder as FileSystemDirectoryHandle & Listed).keys())
        names.push(name);
      return names;
    },
    read: load,
    write: save,
    async remove(name) {
      await folder.removeEntry(name).catch((error) => {
        if (Object(error).name !== 'NotFoundError') throw error;
      });
    },
  };
}
