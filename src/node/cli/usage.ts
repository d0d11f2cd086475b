import { FormatError, NablaError } from '../../errors.js';

/** The user asked for something that cannot be done; its message is all they need to see. */
export class UsageError extends NablaError {}

const reasons: Readonly<Record<string, string>> = {
  ...{ ENOENT: 'there is no such file or folder', ENOTDIR: 'part of its path is no folder', EISDIR: 'it is a folder' },
  ...{ EACCES: 'permission is denied', EPERM: 'permission is denied', EROFS: 'the disk is read-only' },
  ENOSPC: 'the disk is full',
};

/** Runs work on a file; what is wrong with it, or what the file system says against it, becomes an error that names it. */
export async function withFile<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${file}: ${error.message}`, { cause: error });
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) throw error;
    throw new UsageError(`${path ?? file}: ${reasons[code] ?? message}`, { cause: error });
  }
}
