// The page of a run on the GPU: its kernels' times, and the plan of its step.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { openCli } from '../support/cli.js';
import { openQuiet } from '../support/pages.js';

it('shows the time of each kernel, here and in the page, and the plan with its WGSL', async () => {
  const [cli, browser] = await Promise.all([openCli(), startBrowser()]);
  try {
    const { code, out } = await cli.nabla(
      'train --backend gpu --data digits --batch 25 --epochs 2 --profile',
    );
    expect(code).toBe(0);
    expect(out).toMatch(
      /^kernel +calls +ms +share +GFLOP\/s +GB\/s +of peak\n\S+ +[\d,]+ +\d+\.\d +\d+\.\d% /m,
    );
    expect(out).toMatch(/ ms .*in all; a probe reached \d+\.\d GFLOP\/s and \d+\.\d GB\/s$/m);
    const { traceEvents } = JSON.parse(
      await readFile(join(cli.folder, 'nabla-model.trace.json'), 'utf8'),
    );
    expect(traceEvents.length).toBeGreaterThan(16 * 5); // 16 steps

    const complaints: string[] = [];
    const page = await openQuiet(
      browser,
      pathToFileURL(join(cli.folder, 'nabla-model.report.html')).href,
      complaints,
    );
    const rows = await page.$$eval('#kernels tbody tr', (all) =>
      all.map((row) => [...row.children].map((c) => c.textContent)),
    );
    const shares = rows.map(([, , , share]) => Number.parseFloat(share!));
    expect(shares.reduce((a, b) => a + b, 0)).toBeGreaterThan(95);
    expect(rows.some(([name, calls]) => name!.includes('matmul') && calls === '16')).toBe(true);
    expect(await page.$eval('#roofline canvas', ({ ariaLabel }) => ariaLabel)).toMatch(
      /\d matmul\S*: \S+ GFLOP\/s/,
    );
    expect(await page.$eval('#planned', ({ textContent }) => textContent)).toMatch(
      /^\d+ dispatches, \d+ without fusion; /,
    );
    const folded = await page.$$('#dispatches details');
    await (await folded[0]!.$('summary'))!.click();
    await page.waitForFunction(() =>
      document.querySelector('#dispatches pre')?.textContent?.includes('@compute'),
    );

    // without --profile the first steps are measured, and nothing is said of it here
    const { out: brief } = await cli.nabla(
      'train --backend gpu --data digits --batch 25 --epochs 4 --output brief',
    );
    expect(brief).not.toMatch(/^kernel/m);
    await page.goto(pathToFileURL(join(cli.folder, 'brief.report.html')).href);
    expect(await page.$eval('#profile', ({ textContent }) => textContent)).toContain(
      'The first steps: ',
    );
    const calls = await page.$$eval('#kernels tbody tr td:nth-child(2)', (all) =>
      all.map((each) => each.textContent),
    );
    expect(Math.max(...calls.map(Number))).toBe(16); // the first 16 runs; training and evaluation share a kernel
    expect(complaints).toEqual([]);
  } finally {
    await Promise.all([browser.close(), cli.close()]);
  }
});
