import { createRequire } from 'node:module';
import { join } from 'node:path';
import { NablaError } from '../errors.js';

/** The file a package's name resolves to, beside this package or in the working folder's project; undefined if absent. */
export function resolvePackage(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name, { paths: [import.meta.dirname, process.cwd()] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

/** An optional peer's main file and folder. Throws NablaError with the line that installs it, in this version. */
export function findPeer(name: string, version = ''): { main: string; folder: string } {
  const main = resolvePackage(name);
  if (!main) throw new NablaError(`the package ${name} is not installed; run: npm install ${name}${version}`);
  const inside = join('node_modules', name);
  return { main, folder: main.slice(0, main.lastIndexOf(inside) + inside.length) };
}
