// Finds optional packages, or says how to install them.
import { createRequire } from 'node:module';
import { NablaError } from '../core/errors.js';

/**
 * The main file of an optional package, beside this one or in the working folder's project. Throws NablaError with the line
 * that installs it, which ends in `rest`: a version, or what else may be done.
 */
export function findPeer(name: string, rest = ''): string {
  try {
    return createRequire(import.meta.url).resolve(name, {
      paths: [import.meta.dirname, process.cwd()],
    });
  } catch (cause) {
    throw new NablaError(`the package ${name} is not installed; run: npm install ${name}${rest}`, {
      cause,
    });
  }
}
