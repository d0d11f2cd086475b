// The npm package @sparticuz/chromium carries a headless Chromium, the libraries it needs, SwiftShader's Vulkan driver
// and a Vulkan loader as brotli archives. They are unpacked once, into one folder: Chromium finds SwiftShader only
// beside its own binary.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { findPeer } from './peers.js';

const contents = {
  swiftshader: ['swiftshader.tar'],
  browser: ['chromium', 'swiftshader.tar', 'al2023.tar', 'fonts.tar'],
} as const;

/** The folder that holds the unpacked part, or why there is none and what to do. */
export async function unpackChromium(part: keyof typeof contents): Promise<{ folder: string } | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: `@sparticuz/chromium runs on Linux x64 only, this is ${process.platform} ${process.arch}` };
  const found = findPeer('@sparticuz/chromium');
  if ('missing' in found) return found;
  const failures: string[] = [];
  const beside = join(found.folder, '..', '..', '.cache');
  for (const cache of [beside, process.env.XDG_CACHE_HOME || join(homedir(), '.cache')])
    try {
      const folder = join(cache, 'nabla', `chromium-${found.version}-${part}`);
      if (!existsSync(folder)) await unpackInto(folder, join(found.folder, 'bin'), contents[part]);
      return { folder };
    } catch (error) {
      failures.push((error as Error).message);
    }
  return { missing: `@sparticuz/chromium ${found.version} could not be unpacked: ${failures.join('; ')}` };
}

/** Unpacks beside the target and renames, so that nobody sees half a folder and two processes may do it at once. */
export async function unpackInto(folder: string, bin: string, archives: readonly string[]): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const half = await mkdtemp(`${folder}-`);
  try {
    await chmod(half, 0o755);
    await Promise.all(archives.map((name) => inflate(join(bin, `${name}.br`), name, half)));
    await rename(half, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}

async function inflate(source: string, name: string, folder: string): Promise<void> {
  const bytes = await promisify(brotliDecompress)(await readFile(source));
  if (!name.endsWith('.tar')) return writeFile(join(folder, name), bytes, { mode: 0o755 });
  const tar = promisify(execFile)('tar', ['-x', '--no-same-owner', '-C', folder]);
  // A tar that stops early closes the pipe; its exit code says why.
  tar.child.stdin?.on('error', () => {}).end(bytes);
  await tar;
}
