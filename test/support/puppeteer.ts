// A Vitest browser provider: Chromium, driven by puppeteer.
import { defineBrowserProvider } from '@vitest/browser';
import type { Browser, Page } from 'puppeteer';
import type { BrowserProvider } from 'vitest/node';
import { startBrowser } from './browser.js';

async function start(): Promise<Browser> {
  const browser = await startBrowser({ protocolTimeout: 600_000 });
  process.stdout.write(`browser: ${browser.source}\n`);
  return browser;
}

function puppeteerProvider(): BrowserProvider {
  let browser: Promise<Browser> | undefined;
  const pages = new Map<string, Page>();
  return {
    name: 'puppeteer',
    supportsParallelism: false,
    getCommandsContext: (session) => ({ page: pages.get(session) }),
    async openPage(session, url) {
      browser ??= start();
      const page = await (await browser).newPage();
      page.on('pageerror', (error) => process.stderr.write(`page error: ${error}\n`));
      pages.set(session, page);
      await page.goto(url);
    },
    close: async () => (await browser?.catch(() => undefined))?.close(),
  };
}

export const chromium = defineBrowserProvider({
  name: 'puppeteer',
  supportedBrowser: ['chromium'],
  providerFactory: puppeteerProvider,
});
