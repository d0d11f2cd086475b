// Checks of where a file may be written: through symbolic links, but never over a folder, device, pipe or socket.
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { NablaError } from '../core/errors.js';
import { codeOf, messageOf } from './failures.js';

/** What the file system's codes mean for a file that is to be written. */
const facts: Readonly<Record<string, string>> = {
  ENOENT: 'its folder cannot be written to; make the folder, or name another',
  ENOTDIR: 'its folder cannot be written to; make the folder, or name another',
  EEXIST: 'it is no folder, and one goes there; name another',
  EACCES: 'its folder cannot be written to; change its permissions, or name another',
  EPERM: 'its folder cannot be written to; change its permissions, or name another',
  EROFS: 'its folder cannot be written to, the file system is read-only; name another',
  ELOOP: 'its symbolic links form a loop; remove it, or name another file',
  ENAMETOOLONG: 'its name is too long; name a shorter one',
  ENOSPC: 'the disk is full; make room, or name a file on another',
  EDQUOT: 'your share of the disk is full; make room, or name a file on another',
  EBUSY: 'it is in use or mounted; name another file',
};

/** Makes an error about writing a file that names the file, the fact and the fix. */
export function cannotWrite(path: string, error: unknown): NablaError {
  if (error instanceof NablaError) return error;
  const code = codeOf(error);
  const known = facts[code];
  const fact = known === undefined ? messageOf(error) : `${known} (${code})`;
  return new NablaError(`${path}: ${fact}`, { cause: error });
}

/** Says what is at a path, and what to do, if it is no file. */
function otherKind(stats: Stats): string | undefined {
  if (stats.isDirectory()) return 'a folder; name a file in it';
  if (stats.isFIFO()) return 'a pipe; name a file';
  if (stats.isSocket()) return 'a socket; name a file';
  const isDevice = stats.isBlockDevice() || stats.isCharacterDevice();
  return isDevice ? 'a device; name a file' : undefined;
}

/** Throws if there is something at a path that is no file. */
export function checkFile(path: string, stats: Stats | undefined): void {
  const kind = stats && otherKind(stats);
  if (kind) throw new NablaError(`${path}: it is ${kind}`);
}

/** The most links to follow, as on Linux. */
const MAX_LINKS = 40;

/** Follows a path's links to their end, which need not exist. Throws the file system's errors. */
function followLinks(path: string): string {
  let at = resolve(path);
  for (let hops = 0; hops < MAX_LINKS; hops++) {
    const folder = realpathSync.native(dirname(at));
    at = join(folder, basename(at));
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return at;
    at = resolve(folder, readlinkSync(at));
  }
  throw Object.assign(new Error(`${path}: too many links`), { code: 'ELOOP' });
}

/**
 * The file that writing to a path changes: the path itself, or what its symbolic links lead to, which need not exist yet.
 * Throws NablaError for folders, devices, pipes and sockets, and where its folder is missing.
 */
export function targetOf(path: string): string {
  if (typeof path !== 'string')
    throw new NablaError(`saveFile: the path is ${String(path)}; give it as text`);
  if (path === '') throw new NablaError("'': the path is empty; name a file");
  try {
    // first of all, because what a link in /proc leads to has no path
    checkFile(path, statSync(path, { throwIfNoEntry: false }));
    if (path.endsWith('/') || path.endsWith(sep))
      throw new NablaError(`${path}: it ends with a slash, as folders do; name a file in it`);
    return followLinks(path);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** This machine in eight letters: processes are numbered on each, and folders may be shared. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const PART = /^\.nabla-([0-9a-f]{8})-(\d+)-[0-9a-f]{24}\.part$/;

/** Makes a unique name in a file's folder, short however long the file's own is, which tells the process that writes it. */
export const nameBeside = (file: string): string => {
  const unique = randomBytes(12).toString('hex');
  return join(dirname(file), `.nabla-${machine}-${process.pid}-${unique}.part`);
};

/** Whether a process of this machine is there, perhaps another user's. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // no signal, only the question
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Removes the parts of files in a folder that processes left which were killed while they wrote; those of running ones stay. */
export async function removeLeftParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []); // a folder that may be written to, and not read
  for (const name of names) {
    const [, host, pid] = PART.exec(name) ?? [];
    const isLeft = host === machine && !isRunning(Number(pid));
    if (isLeft) await rm(join(folder, name), { force: true }).catch(() => {}); // another user's
  }
}

/** Where the content before the last save is kept. */
export const previousOf = (target: string): string => `${target}.previous`;

/** Throws where the copy of a file's old content would replace something that is no file. */
export function checkPrevious(target: string): void {
  const previous = previousOf(target);
  // a name that is too long is no file's
  if (Buffer.byteLength(basename(previous)) < MAX_NAME)
    checkFile(previous, lstatSync(previous, { throwIfNoEntry: false }));
}
/** Bytes of a name, in most file systems. */
const MAX_NAME = 256;

/** Throws NablaError now where `saveFile` could not write later: it tries with an empty file beside, which it removes. */
export async function checkWritable(path: string): Promise<void> {
  const target = targetOf(path);
  const trial = nameBeside(target);
  try {
    checkPrevious(target);
    await (await open(trial, 'wx')).close();
    await rm(trial);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}
