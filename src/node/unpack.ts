// Unpacks the npm package @sparticuz/chromium: it holds a headless Chromium, its libraries, SwiftShader's Vulkan driver
// and a Vulkan loader as brotli archives. They are unpacked once, into one folder: Chromium finds SwiftShader only
// beside its own binary.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { NablaError } from '../core/errors.js';
import { messageOf } from './failures.js';
import { findPeer } from './peers.js';

/** Returns the folder of an unpacked part. Throws NablaError saying why there is none and what to do. */
export function unpackChromium(part: 'swiftshader' | 'browser'): string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new NablaError(
      `@sparticuz/chromium runs on Linux x64 only, this is ${process.platform} ${process.arch}`,
    );
  const peer = join(findPeer('@sparticuz/chromium', '@147'), '../../..'); // of build/cjs/index.cjs
  const manifest = fs.readFileSync(join(peer, 'package.json'), 'utf8');
  const { version }: { version: string } = JSON.parse(manifest);
  const ofBrowser = ['chromium', 'al2023.tar', 'fonts.tar'];
  const archives = ['swiftshader.tar', ...(part === 'browser' ? ofBrowser : [])];
  const failures: string[] = [];
  const beside = join(peer, '../../.cache');
  for (const cache of [beside, process.env.XDG_CACHE_HOME || join(homedir(), '.cache')])
    try {
      const folder = join(cache, 'nabla', `chromium-${version}-${part}`);
      if (!fs.existsSync(folder)) unpackInto(folder, join(peer, 'bin'), archives);
      return folder;
    } catch (error) {
      failures.push(messageOf(error));
    }
  throw new NablaError(
    `@sparticuz/chromium ${version} could not be unpacked: ${failures.join('; ')}`,
  );
}

/** Unpacks beside the target and renames, so that no process sees half a folder and several may unpack at once. */
export function unpackInto(folder: string, bin: string, archives: readonly string[]): void {
  fs.mkdirSync(dirname(folder), { recursive: true });
  const half = fs.mkdtempSync(`${folder}-`);
  try {
    fs.chmodSync(half, 0o755);
    for (const name of archives) {
      const bytes = brotliDecompressSync(fs.readFileSync(join(bin, `${name}.br`)));
      if (name.endsWith('.tar'))
        execFileSync('tar', ['-x', '--no-same-owner', '-C', half], { input: bytes });
      else fs.writeFileSync(join(half, name), bytes, { mode: 0o755 });
    }
    fs.renameSync(half, folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error;
  } finally {
    fs.rmSync(half, { recursive: true, force: true });
  }
}
