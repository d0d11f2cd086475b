import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { NablaError } from '../errors.js';

/**
 * Writes a file so that a crash leaves the old content or the new, never a part: into a temporary file beside it, which
 * is synced and then renamed. What was there before is kept as `<path>.previous`.
 */
export async function saveFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  await writeFile(temporary, bytes, { flush: true }).catch(async (error: unknown) => {
    await rm(temporary, { force: true });
    throw error;
  });
  await rm(`${path}.previous`, { force: true });
  await link(path, `${path}.previous`).catch(() => {}); // there was none, or the file system has no links
  await rename(temporary, path);
}

/** A file's bytes. */
export const loadFile = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(path));

/** What the file system's codes mean. */
const facts: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; name one that is there',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'it may not be read; change its permissions, or name another',
};

/** Runs work on a file; what is wrong with it, or what the file system says against it, becomes an error that names it. */
export async function withFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const foreseen = error instanceof NablaError || error instanceof SyntaxError || 'syscall' in Object(error);
    throw foreseen ? new NablaError(`${file}: ${facts[code ?? ''] ?? message}`, { cause: error }) : error;
  }
}
