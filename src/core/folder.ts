// A folder of files as checkpoints use it, whatever the platform keeps files in.
import type { Bytes } from './bytes.js';

/** A folder of files. All its functions throw NablaError, which names the file and the fix. */
export interface Folder {
  /** Names of the files in it. */
  names(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  /** Writes a file whole or not at all, and lasting. */
  write(name: string, bytes: Bytes): Promise<void>;
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>;
}

/** Opens a folder; makes it where it is missing. */
export type OpenFolder = (path: string) => Promise<Folder>;
