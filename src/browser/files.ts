const handleOf = async (name: string, create: boolean): Promise<FileSystemFileHandle> =>
  (await navigator.storage.getDirectory()).getFileHandle(name, { create });

/** Writes a file in the page's private storage (OPFS). The old content stays until the new is complete. */
export async function saveFile(name: string, bytes: Uint8Array): Promise<void> {
  const writable = await (await handleOf(name, true)).createWritable();
  await writable.write(bytes.slice());
  await writable.close();
}

/** The bytes of a file in the page's private storage. */
export const loadFile = async (name: string): Promise<Uint8Array> =>
  new Uint8Array(await (await (await handleOf(name, false)).getFile()).arrayBuffer());
