// The npm package @sparticuz/chromium carries a headless Chromium, the libraries it needs, SwiftShader's Vulkan driver
// and a Vulkan loader as brotli archives. They are unpacked once, into one folder: Chromium finds SwiftShader only
// beside its own binary.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { installLine, resolvePeer } from './peers.js';

const contents = {
  swiftshader: ['swiftshader.tar'],
  browser: ['chromium', 'swiftshader.tar', 'al2023.tar', 'fonts.tar'],
} as const;

export type Part = keyof typeof contents;

/** The folder that holds the unpacked part, or why there is none and what to do. */
export async function unpackChromium(part: Part): Promise<{ folder: string } | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: `@sparticuz/chromium runs on Linux x64 only, this is ${process.platform} ${process.arch}` };
  const main = resolvePeer('@sparticuz/chromium');
  if (!main) return { missing: `@sparticuz/chromium is not installed; run: ${installLine['@sparticuz/chromium']}` };
  const root = main.slice(0, main.lastIndexOf(join('@sparticuz', 'chromium')) + join('@sparticuz', 'chromium').length);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const failures: string[] = [];
  for (const cache of cacheFolders(root)) {
    const folder = join(cache, `chromium-${version}-${part}`);
    if (existsSync(folder)) return { folder };
    try {
      await unpackInto(folder, join(root, 'bin'), contents[part]);
      return { folder };
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return { missing: `@sparticuz/chromium ${version} could not be unpacked: ${failures.join('; ')}` };
}

/** Beside the package if that can be written, else in the user's cache. */
function cacheFolders(root: string): string[] {
  const modules = root.slice(0, root.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules`.length);
  const user = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [join(modules, '.cache', 'nabla'), join(user, 'nabla')];
}

/** Unpacks beside the target and renames, so that nobody sees half a folder and two processes may do it at once. */
export async function unpackInto(folder: string, bin: string, archives: readonly string[]): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const half = await mkdtemp(`${folder}-`);
  try {
    await chmod(half, 0o755);
    await Promise.all(archives.map((name) => inflate(join(bin, `${name}.br`), name, half)));
    if (archives.includes('fonts.tar'))
      await writeFile(
        join(half, 'fonts.conf'),
        `<?xml version="1.0"?><fontconfig><dir>/usr/share/fonts</dir><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`,
      );
    await rename(half, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}

async function inflate(source: string, name: string, folder: string): Promise<void> {
  const bytes = await promisify(brotliDecompress)(await readFile(source));
  if (name.endsWith('.tar')) await untar(bytes, folder);
  else await writeFile(join(folder, name), bytes, { mode: 0o755 });
}

function untar(bytes: Uint8Array, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const tar = spawn('tar', ['-x', '--no-same-owner', '-C', folder], { stdio: ['pipe', 'ignore', 'pipe'] });
    let complaint = '';
    tar.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    tar.on('error', reject);
    tar.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`tar: ${complaint.trim() || code}`))));
    // A tar that stops early closes the pipe; its exit code says why.
    tar.stdin.on('error', () => {});
    tar.stdin.end(bytes);
  });
}
