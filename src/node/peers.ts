import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The line that installs each optional peer. */
export const installLine = {
  webgpu: 'npm install webgpu',
  '@sparticuz/chromium': 'npm install @sparticuz/chromium@147',
} as const;

export type Peer = keyof typeof installLine;

/** The file an optional peer resolves to, beside this package or in the working folder's project; undefined if absent. */
export function resolvePeer(name: Peer): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from).resolve(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}
