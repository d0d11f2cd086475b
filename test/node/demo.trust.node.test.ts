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

const text = (id: string): Promise<string> =>
  page.$eval(`#${id}`, ({ textContent }) => textContent ?? '');

it('says what computes', async () => {
  expect(await text('adapterRows')).toMatch(/WebGPU.*Largest buffer.*MiB/);
});

const crossCheck = (mode: string): Promise<void> => page.click(`#watch [value=${mode}] + span`);
const toggle = (): Promise<void> =>
  page.$eval('#toggle', (button) => (button as HTMLButtonElement).click());

/** Waits until more values are compared than now. */
async function comparesMore(): Promise<void> {
  const before = await text('watchValues');
  await page.waitForFunction(
    (old) => document.querySelector('#watchValues')!.textContent !== old,
    {},
    before,
  );
}

it('compares the kernels of the training itself with float64, as often as it is told to', async () => {
  await crossCheck('sampled'); // also before there is something to train
  await page.waitForSelector('#watchRows tr', { timeout: 30_000 });
  await comparesMore();
  expect(await text('watchStep')).toMatch(/^step /);
  await crossCheck('every');
  const kernels = await page.$$eval('#kernels th', (all) =>
    all.map(({ textContent }) => textContent),
  );
  await page.waitForFunction(
    (wanted) =>
      wanted.every((name) => document.querySelector('#watchRows')!.textContent!.includes(name)),
    {},
    kernels,
  );
  expect(Number(await text('watchWorst'))).toBeLessThanOrEqual(1);
  await demo.shoot(page, 'trust-watch');
  await crossCheck('off');
  // checks that were under way come to their end, and then steps go on without
  for (let values = ''; values !== (await text('watchValues')); ) {
    values = await text('watchValues');
    const step = await text('step');
    await page.waitForFunction(
      (old) => document.querySelector('#step')!.textContent !== old,
      {},
      step,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await toggle();
});

it('runs the kernel tests, and they pass', async () => {
  await page.click('#suite');
  await page.waitForFunction(
    () => document.querySelector('#suite')!.textContent === 'Run the tests',
    {
      timeout: 55_000,
    },
  );
  expect(await text('suiteStatus')).toMatch(/^All \d+ ops passed, [\d,]+ values compared\.$/);
  expect((await page.$$('#suiteRows tr')).length).toBeGreaterThan(60);
  expect(await page.$('#trust .out')).toBeNull();
  await demo.shoot(page, 'trust');
});

it('tells of a wrong kernel, and starts again', async () => {
  await page.workers()[0]!.evaluate(() => {
    const make = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (this: GPUDevice, { code }) {
      return make.call(this, {
        code: code.replace(/(fn sigmoid_derivative.*return) a/, '$1 1.01 * a'),
      });
    };
  });
  await page.$eval('#digitSettings [name=activation]', (field) => {
    (field as HTMLSelectElement).value = 'sigmoid';
    field.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await crossCheck('every');
  await page.waitForSelector('#again', { visible: true, timeout: 30_000 });
  expect(await text('noticeText')).toMatch(
    /^A kernel is wrong here.* on \S.*, the float64 reference .*they may differ by/,
  );
  expect(await page.$('#watchRows .out')).not.toBeNull();
  await demo.shoot(page, 'mismatch');
  await page.click('#again');
  await page.waitForSelector('#toggle:enabled');
  await page.waitForFunction(() => document.querySelectorAll('#watchRows tr').length === 0);
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
