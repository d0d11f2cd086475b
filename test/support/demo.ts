// The live page in a browser, for tests: its server, its pages, and pictures of them in .cache/demo.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page, Viewport } from 'puppeteer';
import { createServer, type Plugin } from 'vite';
import { startBrowser } from './browser.js';

const root = fileURLToPath(new URL('../../demo', import.meta.url));
const pictures = fileURLToPath(new URL('../../.cache/demo', import.meta.url));
export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

export type Demo = Awaited<ReturnType<typeof openDemo>>;

/** Requests that the server keeps waiting, or does not answer well. */
function makeGate() {
  const rules = new Set<{ pattern: RegExp; until: Promise<void> | undefined; status: number }>();
  const plugin: Plugin = {
    ...{ name: 'gate', enforce: 'pre' },
    configureServer: ({ middlewares }) => {
      middlewares.use(async ({ url = '' }, response, next) => {
        for (const rule of rules) {
          if (!rule.pattern.test(url)) continue;
          if (rule.until) await rule.until;
          else {
            response.writeHead(rule.status).end();
            return;
          }
        }
        next();
      });
    },
  };
  return {
    plugin,
    /** No rule holds any more. */
    letAllThrough: () => rules.clear(),
    /** Addresses that match wait until the function that it returns is called. */
    hold(pattern: RegExp): () => void {
      let release!: () => void;
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      const rule = { pattern, until, status: 0 };
      rules.add(rule);
      return () => {
        rules.delete(rule);
        release();
      };
    },
    /** Addresses that match are answered with a status, until the function that it returns is called. */
    refuse(pattern: RegExp, status: number): () => void {
      const rule = { pattern, until: undefined, status };
      rules.add(rule);
      return () => rules.delete(rule);
    },
  };
}

/** `draws`: in a browser that shows what WebGPU draws. */
export async function openDemo({ draws = false } = {}) {
  await mkdir(pictures, { recursive: true });
  const { plugin, hold, refuse, letAllThrough } = makeGate();
  const server = await createServer({
    ...{ root, configFile: join(root, 'vite.config.ts'), logLevel: 'error', plugins: [plugin] },
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
  });
  await server.listen();
  const browser = await startBrowser({ draws });
  /** What the consoles of pages and of their workers complained about. */
  const complaints: string[] = [];
  return {
    ...{ complaints, hold, refuse, letAllThrough },
    /** Opens a part of the page; `isFresh`: with nothing in the browser's cache. */
    async openPage(
      part = '',
      prepare?: (page: Page) => Promise<unknown>,
      isFresh = false,
    ): Promise<Page> {
      const page = await (isFresh ? await browser.createBrowserContext() : browser).newPage();
      await page.setViewport(desktop);
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('requestfailed', (request) =>
        complaints.push(`${request.url()}: ${request.failure()?.errorText}`),
      );
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
          await page.screenshot({
            path: join(pictures, `${name}-${device}-${scheme}.png`),
            fullPage: true,
          });
        }
      await page.setViewport(desktop);
    },
    async close(): Promise<void> {
      await browser.close();
      await server.close();
    },
  };
}
