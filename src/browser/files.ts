// Saves and loads files in the page's private storage (OPFS); a file keeps its old content until the new is complete.
import { type Bytes, copyBytes } from '../bytes.js';
import { queues } from '../io/inOrder.js';

const inOrder = queues();

const handleOf = async (name: string, create: boolean): Promise<FileSystemFileHandle> =>
  (await navigator.storage.getDirectory()).getFileHandle(name, { create });

/**
 * Writes a file in the page's private storage (OPFS). The old content is kept until the new is complete. The bytes are
 * copied at the call; saves to the same name run in the order of the calls.
 */
export async function saveFile(name: string, bytes: Bytes): Promise<void> {
  const content = copyBytes('saveFile', bytes);
  await inOrder(name, async () => {
    const writable = await (await handleOf(name, true)).createWritable();
    await writable.write(content);
    await writable.close();
  });
}

/** Reads a file in the page's private storage. */
export const loadFile = async (name: string): Promise<Uint8Array> =>
  new Uint8Array(await (await (await handleOf(name, false)).getFile()).arrayBuffer());
