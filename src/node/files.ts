// Saves and loads files atomically: written beside their target, synced, and moved into place by a rename.
import { type Stats, statSync } from 'node:fs';
import { type FileHandle, link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Bytes, copyBytes } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { queues } from '../io/inOrder.js';
import { codeOf, messageOf } from './failures.js';
import {
  cannotWrite,
  checkFile,
  checkPrevious,
  nameBeside,
  previousOf,
  removeLeftParts,
  targetOf,
} from './targets.js';

const inOrder = queues();

/**
 * Writes a file so that a crash leaves the old content or the new, never a part: into a temporary file beside it, which
 * is synced and then renamed. What was there before is kept as `<path>.previous`. Symbolic links are followed, and the
 * file keeps its mode and, where that is allowed, its owner. The bytes are copied at the call; saves to one file run in the
 * order of the calls. Throws NablaError where it cannot be written: in a folder that is missing or closed, in the place of a
 * folder, a device, a pipe or a socket; then the old content stays.
 */
export async function saveFile(path: string, bytes: Bytes): Promise<void> {
  const content = copyBytes('saveFile', bytes);
  const target = targetOf(path);
  await inOrder(target, () => replace(path, target, content));
}

async function replace(path: string, target: string, content: Uint8Array): Promise<void> {
  const temporary = nameBeside(target);
  try {
    const before = statSync(target, { throwIfNoEntry: false });
    checkFile(path, before);
    await writeNew(temporary, content, before);
    if (before) await keepPrevious(target);
    await rename(temporary, target);
    await syncFolder(dirname(target));
    await removeLeftParts(dirname(target));
  } catch (error) {
    await rm(temporary, { force: true });
    throw cannotWrite(path, error);
  }
}

/** Writes and syncs a file that must not be there yet, with mode and owner of the one that it will replace. */
async function writeNew(
  temporary: string,
  content: Uint8Array,
  before: Stats | undefined,
): Promise<void> {
  const file = await open(temporary, 'wx', before ? 0o600 : 0o666);
  try {
    await file.writeFile(content);
    if (before) await keepOwner(file, before);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keepOwner(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat();
  const isOwn = own.uid === uid && own.gid === gid;
  const isKept =
    isOwn ||
    (await file.chown(uid, gid).then(
      () => true,
      () => false, // only an administrator may
    ));
  // another's file must not run as us
  await file.chmod(mode & (isKept ? 0o7777 : 0o777)).catch(() => {}); // the file system has no modes
}

/** Keeps a file's content under its second name, in one step, where the file system has hard links. */
async function keepPrevious(target: string): Promise<void> {
  checkPrevious(target);
  const aside = nameBeside(target);
  try {
    await link(target, aside);
    await rename(aside, previousOf(target));
  } catch {
    // it has no links, or the name is too long
  } finally {
    await rm(aside, { force: true }); // where both were one file already, renaming leaves it
  }
}

/** Syncs a folder, so that a rename in it survives a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined); // Windows opens none; some may not be read
  try {
    await handle?.sync();
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes(codeOf(error))) throw error; // the file system does not sync folders
  } finally {
    await handle?.close();
  }
}

/** What the file system's codes mean for a file that is read. */
const facts: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; name one that is there',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'it may not be read; change its permissions, or name another',
};

/** Makes an error about reading a file that names the file. */
function cannotRead(file: string, error: unknown): NablaError {
  const fact = facts[codeOf(error)] ?? messageOf(error);
  return new NablaError(`${String(file) || "''"}: ${fact}`, { cause: error });
}

/** Reads a file. Throws NablaError, which names the file, where it cannot be read. */
export async function loadFile(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Runs work on a file; errors about its content, and the file system's, become errors that name the file. */
export async function withFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NablaError && error.message.startsWith(`${file}: `)) throw error; // it is named already
    const foreseen =
      error instanceof NablaError || error instanceof SyntaxError || 'syscall' in Object(error);
    throw foreseen ? cannotRead(file, error) : error;
  }
}
