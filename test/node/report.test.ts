// What `nabla train` leaves beside the model, and `nabla report`: the pages as a browser shows them.
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { accuracyIn, type Cli, type Outcome, openCli } from '../support/cli.js';
import { openQuiet, shoot } from '../support/pages.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let cli: Cli;
let browser: Browser;
let shots: string;
let trained: Outcome;
const complaints: string[] = [];

const train = (options: string) =>
  cli.nabla(`train --backend cpu --data digits --layers 16 ${options}`);
const open = (name: string): Promise<Page> =>
  openQuiet(browser, pathToFileURL(join(cli.folder, name)).href, complaints);
const texts = (page: Page, selector: string): Promise<string[]> =>
  page.$$eval(selector, (all) => all.map(({ textContent }) => textContent ?? ''));

beforeAll(async () => {
  [cli, browser] = await Promise.all([openCli(), startBrowser()]);
  shots = await mkdtemp(join(tmpdir(), 'nabla-report-'));
  trained = await train('--optimizer sgd --learning-rate 0.2 --epochs 3 --batch 7');
  await train('--epochs 2 --batch 20 --output adam.safetensors');
});
afterAll(async () => {
  await Promise.all([browser?.close(), cli?.close()]);
});

describe('the page of a run', () => {
  let page: Page;
  beforeAll(async () => {
    page = await open('nabla-model.report.html');
  });

  it('is where the command says', () => {
    expect(trained).toMatchObject({ code: 0, errors: '' });
    expect(trained.out).toContain('wrote nabla-model.report.html; open it in a browser\n');
  });

  it('has the figures that the command prints', async () => {
    expect(await page.title()).toBe('nabla-model.safetensors · Nabla report');
    const cost = /^test accuracy .* cost (\S+)/m.exec(trained.out)![1];
    expect(await texts(page, '.figures dd')).toEqual([
      accuracyIn(trained),
      cost,
      '87',
      expect.anything(),
      expect.anything(),
    ]);
    const printed = [
      ...trained.out.matchAll(/^epoch \d.*cost (\S+) {2}train (\S+) {2}test (\S+) {2}(.*)$/gm),
    ];
    const rows = await page.$$eval('#epochs tbody tr', (all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent)),
    );
    expect(rows.map(([, cost, training, , test, time]) => [cost, training, test, time])).toEqual(
      printed.map((line) => line.slice(1)),
    );
  });

  it('counts each test digit once, and as many right as the accuracy says', async () => {
    const counts = (await texts(page, '#confusion tbody td:not(.recall)')).map(Number);
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    expect(counts).toHaveLength(100);
    expect(sum(counts)).toBe(50);
    const right = sum(counts.filter((_, i) => i % 11 === 0));
    expect(`${(2 * right).toFixed(2)}%`).toBe(accuracyIn(trained));
    expect(await page.$$('#worst canvas')).toHaveLength(50 - right);
    const labels = await page.$$eval('#worst canvas', (all) =>
      all.map((one) => one.ariaLabel ?? ''),
    );
    for (const label of labels)
      expect(label).toMatch(/^Test digit \d+, a (\d), read as (?!\1)\d with \d+%$/);
  });

  it('draws digits in their own shape, as dark as they are', async () => {
    const images = await readFile(join(cli.folder, 'digits', 't10k-images-idx3-ubyte'));
    const drawn = await page.$eval('#right canvas', (canvas) => {
      const { width, height, ariaLabel } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement)
        .getContext('2d')!
        .getImageData(0, 0, width, height);
      return { width, height, ink: [...data].filter((_, i) => i % 4 === 3), label: ariaLabel };
    });
    const example = Number(/Test digit (\d+)/.exec(drawn.label!)![1]);
    expect(drawn).toMatchObject({
      width: 5,
      height: 4,
      ink: [...images.subarray(16 + 20 * example, 36 + 20 * example)],
    });
  });

  it('tells of the settings, the engine and the versions', async () => {
    const rows = await texts(page, '#options tbody tr');
    for (const row of [
      'batch7',
      'optimizersgd',
      'learning rate0.2',
      'engineCPU, float64',
      `node${process.version}`,
    ])
      expect(rows).toContain(row);
  });

  it('says in words what its curves show', async () => {
    const labels = await page.$$eval('canvas[role=img][aria-label*=" by "]', (all) =>
      all.map((one) => one.ariaLabel),
    );
    expect(labels).toHaveLength(2);
    expect(labels[0]).toMatch(/^Cost by step. nabla-model.safetensors: from 2\.\d{4} to 1\.\d{4}$/);
    expect(labels[1]).toContain(accuracyIn(trained));
  });

  it('fits a phone and a desktop', async () => {
    expect(await shoot(page, join(shots, 'run'))).toEqual([]);
  });
});

describe('nabla report', () => {
  it('compares runs: a table here, curves and settings that differ in a page', async () => {
    const { code, out, errors } = await cli.nabla(
      'report nabla-model.report.html adam.report.html --output both.html',
    );
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const [head, first, second, wrote] = out.split('\n');
    expect(head).toMatch(
      /^run +test accuracy +test cost +steps done +steps\/s +optimizer +batch +epochs +learningRate$/,
    );
    expect(first).toMatch(/^nabla-model .* sgd +7 +3 +0.2$/);
    expect(first).toContain(accuracyIn(trained));
    expect(second).toMatch(/^adam .* 20 .* adam +20 +2 +0.001$/);
    expect(wrote).toBe('wrote both.html');

    const page = await open('both.html');
    expect(await texts(page, 'h1')).toEqual(['2 runs compared']);
    expect(await texts(page, '#summary tbody th')).toEqual(['nabla-model', 'adam']);
    const label = await page.$eval('#cost canvas', (canvas) => canvas.ariaLabel);
    expect(label).toMatch(/nabla-model: from .* to .*; adam: from .* to /);
    const differing = await texts(page, '#options > .scroll tbody tr');
    expect(differing).toEqual([
      'optimizersgdadam',
      'batch720',
      'epochs32',
      'learning rate0.20.001',
    ]);
    expect(await shoot(page, join(shots, 'both'))).toEqual([]);
  });

  it('takes a comparison too, and adds to it', async () => {
    const { code, out } = await cli.nabla('report both.html adam.report.html');
    expect(code).toBe(0);
    expect(out.match(/^(nabla-model|adam) /gm)).toEqual(['nabla-model ', 'adam ', 'adam ']);
    expect(await texts(await open('nabla-compare.report.html'), 'h1')).toEqual(['3 runs compared']);
  });

  it.each([
    ['report nowhere.html adam.report.html', /nowhere.html: there is no such file; name one/],
    ['report adam.report.html', /one file; name two or more/],
    ['report digits adam.report.html', /digits: it is a folder; name a file in it/],
    ['report text.html adam.report.html', /text.html: it is no report that nabla train writes/],
    ['report broken.html adam.report.html', /broken.html: .*JSON/],
    ['report other.html adam.report.html', /other.html: it holds no runs as this version/],
    [
      'report nabla-model.report.html adam.report.html --output nowhere/x.html',
      /nowhere.x.html: its folder cannot be written to/,
    ],
    ['report', /missing required argument 'files'/],
    [
      'train --data digits --report nowhere/x.html',
      /nowhere.x.html: its folder cannot be written to/,
    ],
    [
      'train --data digits --output x --report ./x',
      /--report \.\/x: the model goes there; name another/,
    ],
    ['train --data digits --backend cpu --profile', /--profile: it needs a GPU/],
    ['train --data digits --backend cpu --tune', /--tune: it needs a GPU/],
  ])('nabla %s: one line and exit code 2', async (args, error) => {
    const page = await readFile(join(cli.folder, 'adam.report.html'), 'utf8');
    await writeFile(join(cli.folder, 'text.html'), '<p>No report.</p>');
    await writeFile(join(cli.folder, 'broken.html'), page.replace('id="runs">[{', 'id="runs">[{{'));
    await writeFile(
      join(cli.folder, 'other.html'),
      page.replace(/id="runs">.*<\/script>/, 'id="runs">[{"a":1}]</script>'),
    );
    const { code, out, errors } = await cli.nabla(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toMatch(/^nabla: .*\n$/);
    expect(errors).toMatch(error);
  });
});

it('writes the page where it is told, or none', async () => {
  await train('--steps 1 --output there.safetensors --report elsewhere.html');
  await train('--steps 1 --output none.safetensors --no-report');
  const names = await readdir(cli.folder);
  expect(await texts(await open('elsewhere.html'), '.figures dd')).toContain('1');
  expect(names.filter((name) => /^(there|none).*html$/.test(name))).toEqual([]);
});

it('shows a run that came to nothing', async () => {
  await train(
    '--layers 8,8,8,8,8,8,8,8,8 --activation identity --optimizer sgd --learning-rate 1e38 --steps 1 --output lost.safetensors',
  );
  expect(await texts(await open('lost.report.html'), '.figures dd')).toContain('NaN');
  const { code, out } = await cli.nabla('report lost.report.html adam.report.html');
  expect(code).toBe(0);
  expect(out).toMatch(/^lost .* NaN +1 /m);
});

it('keeps a name with tags in it a name', async () => {
  await train('--steps 2 --output <!--<script>$&.safetensors');
  expect(await texts(await open('<!--<script>$&.report.html'), 'h1')).toEqual([
    '<!--<script>$&.safetensors',
  ]);
});

it('eval prints how often each digit is taken for another', async () => {
  const { code, out } = await cli.nabla('eval nabla-model.safetensors --data digits --backend cpu');
  expect(code).toBe(0);
  const rows = out
    .trimEnd()
    .split('\n')
    .slice(-10)
    .map((line) => line.trim().split(/\s+/).map(Number));
  expect(rows.map(([label]) => label)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const right = rows.reduce((sum, row, label) => sum + row[label + 1]!, 0);
  expect(`${(2 * right).toFixed(2)}%`).toBe(accuracyIn(trained));
});

it('complains about nothing in the console and fetches nothing', () => {
  process.stdout.write(`report: screenshots in ${shots}\n`);
  expect(complaints).toEqual([]);
});
