/** Writes a file in the page's private storage (OPFS). The old content stays until the new is complete. */
export async function saveFile(name: string, bytes: Uint8Array): Promise<void> {
  const folder = await navigator.storage.getDirectory();
  const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await writable.write(bytes.slice());
  await writable.close();
}

/** The bytes of a file in the page's private storage. */
export async function loadFile(name: string): Promise<Uint8Array> {
  const folder = await navigator.storage.getDirectory();
  return new Uint8Array(await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer());
}
