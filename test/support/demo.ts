// The live page in a browser, for tests: its server, its pages, and pictures of them in .cache/demo.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page, Viewport } from 'puppeteer';
import { createServer } from 'vite';
import { startBrowser } from './browser.js';

const root = fileURLToPath(new URL('../../demo', import.meta.url));
const pictures = fileURLToPath(new URL('../../.cache/demo', import.meta.url));
export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

export type Demo = Awaited<ReturnType<typeof openDemo>>;

/** `draws`: in a browser that shows what WebGPU draws. */
export async function openDemo({ draws = false } = {}) {
  await mkdir(pictures, { recursive: true });
  const server = await createServer({
    ...{ root, configFile: join(root, 'vite.config.ts'), logLevel: 'error' },
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
  });
  await server.listen();
  const browser = await startBrowser({ draws });
  /** What the consoles of pages and of their workers complained about. */
  const complaints: string[] = [];
  return {
    complaints,
    /** Opens a part of the page. */
    async openPage(part = '', prepare?: (page: Page) => Promise<unknown>): Promise<Page> {
      const page = await browser.newPage();
      await page.setViewport(desktop);
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
      page.on('console', (message) => {
        if (['error', 'warn'].includes(message.type())) complaints.push(message.text());
      });
      await prepare?.(page);
      await page.goto(`${server.resolvedUrls!.local[0]}${part && `#/${part}`}`);
      return page;
    },
    /** Takes pictures of the whole page, on each device and in each colour scheme. */
    async shoot(
      page: Page,
      name: string,
      devices: Record<string, Viewport> = { desktop, phone },
      schemes = ['light', 'dark'],
    ): Promise<void> {
      for (const [device, viewport] of Object.entries(devices))
        for (const scheme of schemes) {
          await page.setViewport(viewport);
          await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
          await page.screenshot({ path: join(pictures, `${name}-${device}-${scheme}.png`), fullPage: true });
        }
      await page.setViewport(desktop);
    },
    async close(): Promise<void> {
      await browser.close();
      await server.close();
    },
  };
}
