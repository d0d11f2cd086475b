// Finds a browser with WebGPU for puppeteer: the one PUPPETEER_EXECUTABLE_PATH names, an installed Chrome or Chromium,
// the headless Chromium out of @sparticuz/chromium.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { messageOf } from './failures.js';
import { unpackChromium } from './unpack.js';

/**
 * Returns a browser to start, with a line on where it came from, or why there is `missing` one and what to do. The packaged
 * one has no other mode than 'shell'.
 */
export function findBrowser() {
  const named = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (named && !existsSync(named))
    return { missing: `PUPPETEER_EXECUTABLE_PATH: ${named} is no program` };
  const executablePath = named || browserPaths().find(existsSync);
  if (executablePath) return { executablePath, headless: true as const, source: executablePath };
  try {
    const source = 'headless Chromium from @sparticuz/chromium';
    const packaged = join(unpackChromium('browser'), 'chromium');
    return { executablePath: packaged, headless: 'shell' as const, source };
  } catch (error) {
    return { missing: `no Chrome or Chromium is installed, and ${messageOf(error)}` };
  }
}

/** Where Chrome and Chromium are installed, in order of preference. */
function browserPaths(): string[] {
  const { LOCALAPPDATA, PROGRAMFILES, PATH = '' } = process.env;
  if (process.platform === 'darwin')
    return ['Google Chrome', 'Chromium'].map(
      (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
    );
  if (process.platform === 'win32')
    return [PROGRAMFILES, LOCALAPPDATA].map((base) =>
      join(base ?? '', 'Google/Chrome/Application/chrome.exe'),
    );
  const names = ['google-chrome-stable', 'google-chrome', 'chrome', 'chromium', 'chromium-browser'];
  return names.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
}
