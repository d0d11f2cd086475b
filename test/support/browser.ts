// Starts the browser that tests run in.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { Browser } from 'puppeteer';
import { findBrowser } from '../../src/node/chromium.js';

const flags = [
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--disable-dev-shm-usage', // containers give 64 MB
  '--enable-unsafe-webgpu',
  '--ignore-gpu-blocklist',
];

/** The packaged Chromium's own libraries and, where the system has no fonts, its fonts. */
async function packagedEnvironment(folder: string): Promise<Record<string, string | undefined>> {
  const libraries = [join(folder, 'lib'), folder, process.env.LD_LIBRARY_PATH]
    .filter(Boolean)
    .join(delimiter);
  const environment = { ...process.env, LD_LIBRARY_PATH: libraries };
  if (existsSync('/etc/fonts/fonts.conf')) return environment;
  const fonts = join(folder, 'fonts.conf');
  await writeFile(
    fonts,
    `<?xml version="1.0"?><fontconfig><dir>/usr/share/fonts</dir><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`,
  );
  return { ...environment, FONTCONFIG_FILE: fonts };
}

/** Without a GPU the packaged Chromium shows what WebGPU draws only if it composes the page by Vulkan too. */
const composing = [
  '--use-angle=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
];

export async function startBrowser({
  draws = false,
  ...options
}: {
  protocolTimeout?: number;
  /** Whether canvases of WebGPU are to be seen. */
  draws?: boolean;
} = {}): Promise<Browser & { source: string }> {
  const found = findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  const { executablePath, headless, source } = found;
  const packaged = headless === 'shell';
  const args = packaged ? ['--use-webgpu-adapter=swiftshader', '--no-sandbox'] : [];
  if (packaged && draws) args.push(...composing);
  // Chromium refuses its sandbox to root.
  if (!packaged && process.getuid?.() === 0) args.push('--no-sandbox');
  const env = packaged ? await packagedEnvironment(dirname(executablePath)) : process.env;
  const { launch } = await import('puppeteer');
  const browser = await launch({
    executablePath,
    headless,
    args: [...flags, ...args],
    env,
    ...options,
  });
  return Object.assign(browser, { source });
}
