// Trust in a real browser: kernels are compared with float64 while they train, and by the test-suite.
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Demo, openDemo } from '../support/demo.js';

let demo: Demo;
let page: Page;

beforeAll(async () => {
  demo = await openDemo();
  page = await demo.openPage('trust');
  await page.waitForSelector('#adapterRows div', { timeout: 30_000 });
}, 60_000);

afterAll(() => demo?.close());

const text = (id: string): Promise<string> => page.$eval(`#${id}`, ({ textContent }) => textContent ?? '');

it('says what computes', async () => {
  expect(await text('adapterRows')).toMatch(/WebGPU.*Largest buffer.*MiB/);
});

it('compares every kernel with float64 while the digits train, until it is switched off', async () => {
  await page.click('#watch + span'); // also before there is something to train
  await page.waitForSelector('#watchRows tr', { timeout: 30_000 });
  const first = await text('watchValues');
  await page.waitForFunction((old) => document.querySelector('#watchValues')!.textContent !== old, {}, first);
  expect(await text('watchStep')).toMatch(/^step /);
  expect(Number(await text('watchWorst'))).toBeLessThanOrEqual(1);
  expect(await text('watchRows')).toContain('relu');
  await page.click('#watch + span');
  await page.$eval('#toggle', (button) => (button as HTMLButtonElement).click());
});

it('runs the kernel tests, and they pass', async () => {
  await page.click('#suite');
  await page.waitForFunction(() => document.querySelector('#suite')!.textContent === 'Run the tests', {
    timeout: 55_000,
  });
  expect(await text('suiteStatus')).toMatch(/^All \d+ ops passed, [\d,]+ values compared\.$/);
  expect((await page.$$('#suiteRows tr')).length).toBeGreaterThan(60);
  expect(await page.$('#trust .out')).toBeNull();
  await demo.shoot(page, 'trust');
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
