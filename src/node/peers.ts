// Finds optional packages, or says how to install them.
import { createRequire } from 'node:module';
import { NablaError } from '../core/errors.js';

/**
 * Returns the main file of an optional package, found from here or from the working folder. Throws NablaError with the line
 * that installs it; `rest` follows the package's name in that line: a version, or another way.
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
