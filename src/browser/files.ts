// Saves and loads files in the page's private storage (OPFS); a file keeps its old content until the new is complete.
import { type Bytes, copyBytes } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { queues } from '../io/inOrder.js';

const inOrder = queues();

/** Runs work on a file; an error of the browser becomes one that names the file. */
async function withFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const error = Object(cause);
    const isMissing = error.name === 'NotFoundError';
    const fact = isMissing
      ? "there is no such file in the page's storage; save one first"
      : error.message;
    throw new NablaError(`${String(name) || "''"}: ${fact}`, { cause });
  }
}

/** Saves and loads the files of one folder, whose name, if it has one, stands before theirs in messages. */
export function filesIn(open: () => Promise<FileSystemDirectoryHandle>, folder = '') {
  const handleOf = async (name: string, create: boolean): Promise<FileSystemFileHandle> =>
    (await open()).getFileHandle(name, { create });
  return {
    async save(name: string, bytes: Bytes): Promise<void> {
      const content = copyBytes('saveFile', bytes);
      const path = `${folder}${name}`;
      const write = async (): Promise<void> => {
        const writable = await (await handleOf(name, true)).createWritable();
        await writable.write(content);
        await writable.close();
      };
      await inOrder(path, () => withFile(path, write));
    },
    load: (name: string): Promise<Uint8Array> =>
      withFile(`${folder}${name}`, async () => {
        const file = await (await handleOf(name, false)).getFile();
        return new Uint8Array(await file.arrayBuffer());
      }),
  };
}

const atTop = filesIn(() => navigator.storage.getDirectory());

/**
 * Writes a file in the page's private storage (OPFS). The old content stays until the new is complete. The bytes are copied
 * at the call; saves to one name run in the order of the calls. Throws NablaError, which names the file, where it cannot be
 * written.
 */
export const saveFile = (name: string, bytes: Bytes): Promise<void> => atTop.save(name, bytes);

/** Reads a file of the page's private storage (OPFS). Throws NablaError, which names the file, where there is none. */
export const loadFile = (name: string): Promise<Uint8Array> => atTop.load(name);
