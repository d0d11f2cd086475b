// A project's folder behind a web server, and pages of it in a browser.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { expect } from 'vitest';
import { startBrowser } from './browser.js';

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
};

/** A page of its own. */
export const htmlPage = (head: string): string =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${head}`;

export type ServedProject = Awaited<ReturnType<typeof serveProject>>;

export async function serveProject(project: string) {
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url!, 'http://127.0.0.1').pathname;
    const body = await readFile(join(project, path)).catch(() => undefined);
    response
      .writeHead(body ? 200 : 404, {
        'content-type': types[extname(path)] ?? 'application/octet-stream',
      })
      .end(body);
  }).listen(0, '127.0.0.1');
  const [browser] = await Promise.all([startBrowser(), once(server, 'listening')]);
  return {
    /**
     * What a page of the project makes its title, read as JSON once the page has what `selector` selects; it must load and
     * run without complaint.
     */
    async titleOf(path: string, selector = 'html'): Promise<unknown> {
      const tab = await browser.newPage();
      const complaints: string[] = [];
      tab.on('pageerror', (error) => complaints.push(String(error)));
      tab.on('requestfailed', (request) => complaints.push(request.url()));
      tab.on('console', (message) => complaints.push(message.text()));
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`);
      await tab
        .waitForFunction(
          (wanted) => document.title && document.querySelector(wanted),
          { timeout: 30_000 },
          selector,
        )
        .catch((error) => complaints.push(String(error)));
      const title = await tab.title();
      await tab.close();
      expect(complaints).toEqual([]);
      return JSON.parse(title);
    },
    async close(): Promise<void> {
      await browser.close();
      server.close();
    },
  };
}
