// Saves and loads files in the page's private storage (OPFS); a file keeps its old content until the new is complete.
import { type Bytes, copyBytes } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { queues } from '../io/inOrder.js';

const inOrder = queues();

async function handleOf(name: string, create: boolean): Promise<FileSystemFileHandle> {
  const folder = await navigator.storage.getDirectory();
  return folder.getFileHandle(name, { create });
}

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

/** Reads a file of the page's private storage (OPFS). Throws NablaError, which names the file, where there is none. */
export const loadFile = (name: string): Promise<Uint8Array> =>
  withFile(name, async () => {
    const handle = await handleOf(name, false);
    const file = await handle.getFile();
    return new Uint8Array(await file.arrayBuffer());
  });
