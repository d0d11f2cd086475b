// Backpropagation step by step in a real browser: the published numbers of the seeds, on the GPU and in float64.
import { readFile } from 'node:fs/promises';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Demo, desktop, openDemo, phone } from '../support/demo.js';

let demo: Demo;
let page: Page;

beforeAll(async () => {
  demo = await openDemo();
  page = await demo.openPage('backprop');
  await page.waitForSelector('#numbers tr', { timeout: 30_000 });
}, 60_000);

afterAll(() => demo?.close());

const text = (selector: string): Promise<string> =>
  page.$eval(selector, ({ textContent }) => textContent ?? '');

/** The numbers of each row by its name: value and gradient, on the GPU and in float64. */
const rows = async (): Promise<Record<string, string[]>> =>
  Object.fromEntries(
    await page.$$eval('#numbers tr', (all) =>
      all.map((row) => [
        (row as HTMLElement).dataset.name!,
        [...row.querySelectorAll('td')].map(({ textContent }) =>
          (textContent ?? '').replaceAll('−', '-'),
        ),
      ]),
    ),
  );

const write = (steps: string): Promise<void> =>
  page.$eval(
    '#graphSteps',
    (field, value) => {
      (field as HTMLTextAreaElement).value = value;
      field.dispatchEvent(new Event('change', { bubbles: true }));
    },
    steps,
  );

const walkToEnd = (): Promise<void> =>
  page.$eval('#walkAt', (slider) => {
    const range = slider as HTMLInputElement;
    range.value = range.max;
    range.dispatchEvent(new Event('input'));
  });

it('makes values known node by node, then gradients edge by edge', async () => {
  expect((await rows()).x).toEqual(['', '', '', '']);
  await page.click('#walkNext');
  expect((await rows()).x).toEqual(['3', '3', '', '']);
  for (let i = 0; i < 8; i++) await page.click('#walkNext');
  expect(await text('#says')).toBe('Backwards from ∂f/∂f = 1');
  await page.click('#walkNext');
  await page.click('#walkBack');
  expect(await text('#says')).toBe('Backwards from ∂f/∂f = 1');
});

it('shows the numbers that seed 000 publishes', async () => {
  await walkToEnd();
  expect(await text('#says')).toBe('x forks: what arrives adds up, −0.724317 + 0.2 = −0.524317');
  const found = await rows();
  const { published } = JSON.parse(
    await readFile(new URL('../../demo/examples/seed000-section3.json', import.meta.url), 'utf8'),
  ) as { published: Record<string, number> };
  for (const [key, expected] of Object.entries(published)) {
    const isGradient = key.startsWith('∂');
    const [gpu, cpu] = found[key.replace('∂', '')]!.slice(isGradient ? 2 : 0);
    expect(Number(cpu)).toBeCloseTo(expected, 11);
    expect(Number(gpu)).toBeCloseTo(expected, 5);
  }
  await demo.shoot(page, 'backprop');
});

it('takes other inputs and another expression, and says what is wrong with one', async () => {
  await page.$eval('#graphInputs [name=x]', (field) => {
    (field as HTMLInputElement).value = '2';
    field.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await page.waitForFunction(
    () => (document.querySelector('#walkAt') as HTMLInputElement).value === '0',
  );
  await walkToEnd();
  expect((await rows()).c?.slice(0, 2)).toEqual(['4', '4']);
  await write('f = x * z');
  await page.waitForFunction(() => document.querySelector('#graphError')!.textContent !== '');
  expect(await text('#graphError')).toContain("'z' has no value");
  await write('f = x * x + y');
  await page.waitForFunction(() => document.querySelectorAll('#numbers tr').length === 4);
  await walkToEnd();
  expect((await rows()).x?.slice(2)).toEqual(['4', '4']);
});

it('draws the 3-4-2 network as layers of neurons, weights first, then their gradients', async () => {
  await page.select('#example', '5');
  await page.waitForSelector('#numbers [data-name=W1]');
  const seen = (selector: string): Promise<number> =>
    page.$$eval(`#graph ${selector}`, (all) => all.length);
  await page.waitForSelector('#graph .neuron');
  expect([await seen('.neuron'), await seen('.known')]).toEqual([3 + 4 + 2 + 2 + 1, 0]);
  await page.$eval('#walkAt', (slider) => {
    const range = slider as HTMLInputElement;
    range.value = '15'; // all values, no gradient yet
    range.dispatchEvent(new Event('input'));
  });
  expect([await seen('.value.known line'), await seen('.gradient.known line')]).toEqual([
    3 * 4 + 4 * 2,
    0,
  ]);
  await demo.shoot(page, 'backprop-forward', { desktop }, ['light']);
  await walkToEnd();
  expect(await seen('.gradient.known line')).toBe(3 * 4 + 4 * 2);
  const deltas = await page.$$eval('#graph .gradient.number', (all) =>
    all.map(({ textContent }) => textContent),
  );
  const { z2 } = await rows();
  expect(deltas.at(-1)).toBe(`δ ${Number(JSON.parse(z2![2]!)[1].toPrecision(3))}`);
  await demo.shoot(page, 'backprop-network');
});

it('draws arrays as cells where the graph is no network', async () => {
  await write('f = sum(matmul(W1, x))');
  await page.waitForFunction(() => document.querySelectorAll('#graph .cell').length > 20);
});

it('needs no scrolling sideways on a phone', async () => {
  await page.setViewport(phone);
  const widths = await page.$$eval('.numbers, html', (all) =>
    all.map(({ scrollWidth }) => scrollWidth),
  );
  await page.setViewport(desktop);
  expect(Math.max(...widths)).toBeLessThanOrEqual(phone.width);
});

it('asks, and tells right from wrong', async () => {
  const [wrong, right] = await page.$$('#backpropQuiz li:first-child button');
  const feedback = '#backpropQuiz li:first-child .feedback';
  await wrong!.click();
  expect(await text(feedback)).toBe('Not that one. Try another.');
  await right!.click();
  expect(await text(feedback)).toMatch(/^Right\. A change of x/);
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
