// Opens a page with the benchmark in Chromium. Its files come from memory: no server, no port.
import type { Page } from 'puppeteer';
import { startBrowser } from '../support/browser.js';
import type { PageBench } from './page.js';

// A page of this host may use WebGPU, as over https.
const origin = 'http://localhost';

interface BenchPage extends PageBench {
  readonly source: string;
  close(): Promise<void>;
}

export async function openPage(): Promise<BenchPage> {
  const files = await buildPage();
  const browser = await startBrowser({ protocolTimeout: 3_600_000 });
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const name = new URL(request.url()).pathname.slice(1);
    const body = files.get(name);
    if (name === '')
      request.respond({
        contentType: 'text/html',
        body: '<script type="module" src="page.js"></script>',
      });
    else request.respond(body ? { contentType: 'text/javascript', body } : { status: 404 });
  });
  await page.goto(origin);
  await page.waitForFunction('globalThis.bench', { timeout: 60_000 });
  return {
    source: `${await browser.version()}, ${browser.source}`,
    adapter: () => inPage(page, 'adapter'),
    facts: (...args) => inPage(page, 'facts', ...args),
    run: (...args) => inPage(page, 'run', ...args),
    close: () => browser.close(),
  };
}

/** Calls the page's benchmark. */
const inPage = <K extends keyof PageBench>(
  page: Page,
  method: K,
  ...args: Parameters<PageBench[K]>
) => page.evaluate(`bench.${method}(...${JSON.stringify(args)})`) as ReturnType<PageBench[K]>;

async function buildPage(): Promise<Map<string, string>> {
  const { build } = await import('vite');
  const built = await build({
    ...{ configFile: false, logLevel: 'error' },
    build: {
      ...{ write: false, minify: false, target: 'es2022', modulePreload: false },
      rollupOptions: { input: 'test/bench/page.ts', output: { entryFileNames: '[name].js' } },
    },
  });
  const { output } = built as Extract<typeof built, { output: unknown }>;
  return new Map(
    output.flatMap((part) => (part.type === 'chunk' ? [[part.fileName, part.code] as const] : [])),
  );
}
