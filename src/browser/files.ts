// Saves and loads files in the page's private storage (OPFS); a file keeps its old content until the new is complete.
import { type Bytes, copyBytes } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { queues } from '../io/inOrder.js';

const inOrder = queues();

const handleOf = async (name: string, create: boolean): Promise<FileSystemFileHandle> =>
  (await navigator.storage.getDirectory()).getFileHandle(name, { create });

/** Runs work on a file; what the browser says against it becomes an error that names the file. */
async function withFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { name: kind, message } = cause as Error;
    const fact =
      kind === 'NotFoundError'
        ? "there is no such file in the page's storage; save one first"
        : message;
    throw new NablaError(`${String(name) || "''"}: ${fact}`, { cause });
  }
}

/**
 * Writes a file in the page's private storage (OPFS). The old content stays until the new is complete. The bytes are copied
 * at the call; saves to one name run in the order of the calls. Throws NablaError, which names the file, where it cannot be
 * written.
 */
export async function saveFile(name: string, bytes: Bytes): Promise<void> {
  const content = copyBytes('saveFile', bytes);
  const write = async (): Promise<void> => {
    const writable = await (await handleOf(name, true)).createWritable();
    await writable.write(content);
    await writable.close();
  };
  await inOrder(name, () => withFile(name, write));
}

/** The bytes of a file in the page's private storage. Throws NablaError, which names the file, where there is none. */
export const loadFile = (name: string): Promise<Uint8Array> =>
  withFile(
    name,
    async () => new Uint8Array(await (await (await handleOf(name, false)).getFile()).arrayBuffer()),
  );
