// The npm package @sparticuz/chromium carries a headless Chromium, the libraries it needs, SwiftShader's Vulkan driver
// and a Vulkan loader as brotli archives. They are unpacked once, into one folder: Chromium finds SwiftShader only
// beside its own binary.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { findPeer } from './peers.js';

const contents = {
  swiftshader: ['swiftshader.tar'],
  browser: ['chromium', 'swiftshader.tar', 'al2023.tar', 'fonts.tar'],
} as const;

/** The folder that holds the unpacked part, or why there is none and what to do. */
export function unpackChromium(part: keyof typeof contents): { folder: string } | { missing: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: `@sparticuz/chromium runs on Linux x64 only, this is ${process.platform} ${process.arch}` };
  const found = findPeer('@sparticuz/chromium');
  if ('missing' in found) return found;
  const { version } = JSON.parse(fs.readFileSync(join(found.folder, 'package.json'), 'utf8')) as { version: string };
  const failures: string[] = [];
  const beside = join(found.folder, '..', '..', '.cache');
  for (const cache of [beside, process.env.XDG_CACHE_HOME || join(homedir(), '.cache')])
    try {
      const folder = join(cache, 'nabla', `chromium-${version}-${part}`);
      if (!fs.existsSync(folder)) unpackInto(folder, join(found.folder, 'bin'), contents[part]);
      return { folder };
    } catch (error) {
      failures.push((error as Error).message);
    }
  return { missing: `@sparticuz/chromium ${version} could not be unpacked: ${failures.join('; ')}` };
}

/** Unpacks beside the target and renames, so that nobody sees half a folder and two processes may do it at once. */
export function unpackInto(folder: string, bin: string, archives: readonly string[]): void {
  fs.mkdirSync(dirname(folder), { recursive: true });
  const half = fs.mkdtempSync(`${folder}-`);
  try {
    fs.chmodSync(half, 0o755);
    for (const name of archives) {
      const bytes = brotliDecompressSync(fs.readFileSync(join(bin, `${name}.br`)));
      if (name.endsWith('.tar')) execFileSync('tar', ['-x', '--no-same-owner', '-C', half], { input: bytes });
      else fs.writeFileSync(join(half, name), bytes, { mode: 0o755 });
    }
    fs.renameSync(half, folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error;
  } finally {
    fs.rmSync(half, { recursive: true, force: true });
  }
}
