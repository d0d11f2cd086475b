// Finds a browser with WebGPU for puppeteer: the one PUPPETEER_EXECUTABLE_PATH names, an installed Chrome or Chromium,
// the headless Chromium out of @sparticuz/chromium.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { unpackChromium } from './unpack.js';

export interface Browser {
  executablePath: string;
  headless: true | 'shell';
  args: string[];
  /** The whole environment of the browser's process. */
  env: Record<string, string | undefined>;
  /** One line: which browser this is and where it came from. */
  source: string;
}

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

/** A browser to start, or why there is none and what to do. */
export async function findBrowser(): Promise<Browser | { missing: string }> {
  const named = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (named && !isExecutable(named)) return { missing: `PUPPETEER_EXECUTABLE_PATH: ${named} is no program` };
  const executablePath = named || browserPaths().find(isExecutable);
  if (executablePath) {
    // Chromium refuses its sandbox to root.
    const args = process.getuid?.() === 0 ? [...flags, '--no-sandbox'] : flags;
    const source = `${executablePath} (${named ? 'named by PUPPETEER_EXECUTABLE_PATH' : 'installed'})`;
    return { executablePath, headless: true, args, env: process.env, source };
  }
  const unpacked = await unpackChromium('browser');
  if ('missing' in unpacked) return { missing: `no Chrome or Chromium is installed, and ${unpacked.missing}` };
  const { folder } = unpacked;
  const libraries = [join(folder, 'lib'), folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  const fonts = existsSync('/etc/fonts/fonts.conf') ? {} : { FONTCONFIG_FILE: join(folder, 'fonts.conf') };
  return {
    executablePath: join(folder, 'chromium'),
    headless: 'shell',
    args: [...flags, '--use-webgpu-adapter=swiftshader', '--no-sandbox'],
    env: { ...process.env, LD_LIBRARY_PATH: libraries, ...fonts },
    source: 'headless Chromium from @sparticuz/chromium',
  };
}

/** Where Chrome and Chromium are installed, in order of preference. */
function browserPaths(): string[] {
  const { LOCALAPPDATA, PROGRAMFILES, PATH = '' } = process.env;
  if (process.platform === 'darwin')
    return ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  if (process.platform === 'win32')
    return [PROGRAMFILES, LOCALAPPDATA].map((base) => join(base ?? '', 'Google/Chrome/Application/chrome.exe'));
  const names = ['google-chrome-stable', 'google-chrome', 'chrome', 'chromium', 'chromium-browser'];
  return names.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
