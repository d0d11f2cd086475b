// Checks before a command starts that its output files replace neither its inputs nor each other.
import { existsSync, statSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { NablaError } from '../../core/errors.js';
import { cannotWrite, checkWritable, previousOf, targetOf } from '../targets.js';

/** A file that an option names, and what is written there: "the model". */
export type Output = Readonly<Record<'option' | 'what' | 'file', string>>;
/** Files that are read, and what they hold: "the training data". */
export type Input = Readonly<{ what: string; files: readonly string[] }>;

/** Whether two paths are one file, by any of its names. */
function isSame(path: string, other: string): boolean {
  if (path === other) return true;
  const statOf = (file: string) => statSync(file, { throwIfNoEntry: false, bigint: true });
  const a = statOf(path);
  const b = statOf(other);
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/**
 * Makes a folder for what an option writes and runs the check of all outputs; where that throws, the folders that were made for
 * it are removed. Throws NablaError, before it makes any, where an output would have to be one of them.
 */
export async function makeFolder(
  folder: string,
  outputs: readonly Output[],
  check: () => Promise<void>,
): Promise<void> {
  const path = resolve(folder);
  const clash = outputs.find(({ file }) => `${path}${sep}`.startsWith(`${resolve(file)}${sep}`));
  if (clash)
    throw new NablaError(
      `${clash.option} ${clash.file}: the folder ${folder} goes there; name another file`,
    );
  const made = await mkdir(path, { recursive: true }).catch((error) => {
    throw cannotWrite(folder, error);
  });
  try {
    await check();
  } catch (error) {
    if (made)
      for (let at = path; at.startsWith(made); at = dirname(at)) await rmdir(at).catch(() => {}); // no longer empty
    throw error;
  }
}

/** The files that a save changes: the one that its path leads to, and the copy of what that held before. */
function writtenFor({ file }: Output): readonly [target: string, previous: string] {
  const target = targetOf(file);
  return [target, previousOf(target)];
}

/**
 * Throws NablaError where a file could not be written later, or where it, or the `.previous` that is kept beside it, would
 * replace one that is read or that another option names.
 */
export async function checkOutputs(
  outputs: readonly Output[],
  inputs: readonly Input[],
): Promise<void> {
  for (const { file } of outputs) await checkWritable(file);
  const reserved = inputs.flatMap(({ what, files }) => {
    const fact = `it would replace ${what}`;
    const existing = files.filter((file) => existsSync(file));
    return existing.map((at) => ({ at, fact }));
  });
  for (const output of outputs) {
    const written = writtenFor(output);
    const taken = reserved.find(({ at }) => written.some((path) => isSame(path, at)));
    if (taken)
      throw new NablaError(`${output.option} ${output.file}: ${taken.fact}; name another file`);
    const [target, previous] = written;
    reserved.push({ at: target, fact: `${output.what} goes there` });
    reserved.push({ at: previous, fact: `what ${output.what} replaces is kept there` });
  }
}
