import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** What each optional peer is for, and the line that installs it. */
export const peers = {
  webgpu: { use: 'Dawn: WebGPU in Node', install: 'npm install webgpu' },
  '@sparticuz/chromium': {
    use: 'SwiftShader, and a browser where none is installed (Linux x64)',
    install: 'npm install @sparticuz/chromium@147',
  },
} as const;

export type Peer = keyof typeof peers;

/** The file a package's name resolves to, beside this package or in the working folder's project; undefined if absent. */
export function resolvePackage(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name, { paths: [import.meta.dirname, process.cwd()] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

/** An optional peer's main file, folder and version, or the line that installs it. */
export function findPeer(name: Peer): { main: string; folder: string; version: string } | { missing: string } {
  const main = resolvePackage(name);
  if (!main) return { missing: `the package ${name} is not installed; run: ${peers[name].install}` };
  const inside = join('node_modules', name);
  const folder = main.slice(0, main.lastIndexOf(inside) + inside.length);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { main, folder, version };
}
