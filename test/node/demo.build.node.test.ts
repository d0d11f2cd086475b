// The built page, as it is deployed: static files below any path.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startBrowser } from '../support/browser.js';

/** An event of Chromium's trace. */
interface Task {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly tdur: number;
  readonly args: { readonly name?: string };
}

const root = fileURLToPath(new URL('../../demo', import.meta.url));
const complaints: string[] = [];
let folder: string;
let server: PreviewServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-demo-'));
  const configFile = join(root, 'vite.config.ts');
  const outDir = join(folder, 'some', 'path');
  vi.stubEnv('NODE_ENV', 'production'); // Vitest's own is 'test', with which Vite builds another page
  await build({ ...{ root, configFile, logLevel: 'error' }, build: { outDir } });
  vi.unstubAllEnvs();
  server = await preview({
    ...{ root, configFile: false, logLevel: 'error', base: './', appType: 'mpa' },
    ...{ build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } },
  });
  browser = await startBrowser();
  page = await browser.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) =>
    complaints.push(`${request.url()}: ${request.failure()?.errorText}`),
  );
  page.on('response', (response) => {
    if (!response.ok()) complaints.push(`${response.url()}: ${response.status()}`);
  });
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(`${server.resolvedUrls!.local[0]}some/path/`);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

it('learns, below a path of its own', async () => {
  await page.waitForSelector('#toggle:enabled', { timeout: 30_000 });
  await page.tracing.start({ categories: ['__metadata', 'disabled-by-default-devtools.timeline'] });
  await page.click('#toggle');
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelector('#accuracy')!.textContent!) >= 80,
    {
      timeout: 50_000,
    },
  );
});

it('keeps the main thread free while it learns and parts are opened', async () => {
  for (const part of ['playground', 'backprop', 'trust', 'digits']) {
    await page.click(`#${part}Tab`);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  const { traceEvents } = JSON.parse(new TextDecoder().decode(await page.tracing.stop())) as {
    traceEvents: Task[];
  };
  const main = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const tasks = traceEvents.filter(
    ({ name, pid, tid, tdur }) =>
      name === 'RunTask' && tdur && main.some((each) => each.pid === pid && each.tid === tid),
  );
  expect(tasks.length).toBeGreaterThan(100);
  // the thread's own time in microseconds, whatever else the machine does
  expect(Math.max(...tasks.map(({ tdur }) => tdur))).toBeLessThan(50_000);
}, 60_000);

it('paints weights in the colours of the style sheet, which the build has shortened', async () => {
  const corners = await page.$eval('#weights', (canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement)
      .getContext('2d')!
      .getImageData(0, 0, width, height);
    return Array.from(
      { length: 3 },
      (_, channel) =>
        data.filter((_, at) => at % 4 === channel).reduce((a, b) => a + b) / (width * height),
    );
  });
  // white for zero, blue and orange to either side: no channel is far from the others
  expect(Math.min(...corners)).toBeGreaterThan(0.6 * Math.max(...corners));
});

it('complains about nothing in the console', () => {
  expect(complaints).toEqual([]);
});
