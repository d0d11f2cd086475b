import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The line that installs each optional peer. */
const installs = {
  webgpu: 'npm install webgpu',
  '@sparticuz/chromium': 'npm install @sparticuz/chromium@147',
};

/** The file a package's name resolves to, beside this package or in the working folder's project; undefined if absent. */
export function resolvePackage(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name, { paths: [import.meta.dirname, process.cwd()] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

/** An optional peer's main file and folder, or the line that installs it. */
export function findPeer(name: keyof typeof installs): { main: string; folder: string } | { missing: string } {
  const main = resolvePackage(name);
  if (!main) return { missing: `the package ${name} is not installed; run: ${installs[name]}` };
  const inside = join('node_modules', name);
  return { main, folder: main.slice(0, main.lastIndexOf(inside) + inside.length) };
}
