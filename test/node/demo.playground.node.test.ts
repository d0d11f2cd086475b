// The playground in a real browser: the boundary follows what the network learns.
import { createHash } from 'node:crypto';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Demo, openDemo } from '../support/demo.js';

let demo: Demo;
let page: Page;

beforeAll(async () => {
  demo = await openDemo({ draws: true });
  page = await demo.openPage('playground');
}, 60_000);

afterAll(() => demo?.close());

const number = (id: string): Promise<number> =>
  page.$eval(`#${id}`, ({ textContent }) =>
    Number.parseFloat((textContent ?? '').replace(/,/g, '')),
  );

/** The pixels of the field as they are on the screen. */
async function field(): Promise<string> {
  const pixels = await (await page.$('.stage'))!.screenshot();
  return createHash('sha1').update(pixels).digest('hex');
}

const reads = (share: number): Promise<unknown> =>
  page.waitForFunction(
    (least) => Number.parseFloat(document.querySelector('#playAccuracy')!.textContent!) >= least,
    { timeout: 50_000 },
    share,
  );

it('moves the boundary as the network learns, drawn from the GPU’s buffer', async () => {
  await page.waitForSelector('#playToggle:enabled', { timeout: 30_000 });
  expect(await page.$eval('#drawn', ({ textContent }) => textContent)).toMatch(
    /^Drawn from the GPU/,
  );
  await page.click('#playData [value=moons] + span');
  const before = await field();
  await page.click('#playToggle');
  await reads(97);
  expect(await field()).not.toBe(before);
  await page.click('#playToggle');
  await demo.shoot(page, 'playground');
});

it('keeps still while it is paused', async () => {
  const step = await number('playStep');
  const before = await field();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([await number('playStep'), await field()]).toEqual([step, before]);
});

it('takes points that are dropped by mouse and by keyboard', async () => {
  await page.click('#playData [value=own] + span');
  await page.waitForFunction(() => document.querySelector('#playStep')!.textContent === '0');
  const box = (await (await page.$('#points'))!.boundingBox())!;
  await page.mouse.click(box.x + 0.25 * box.width, box.y + 0.5 * box.height);
  await page.click('#dropClass [value="1"] + span');
  await page.focus('#points');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  const before = await field();
  await page.click('#playToggle');
  await reads(100);
  expect(await field()).not.toBe(before);
});

it('rests while another part is in view', async () => {
  await page.click('#digitsTab');
  await page.click('#playgroundTab');
  await new Promise((resolve) => setTimeout(resolve, 300)); // a frame that was under way
  const step = await number('playStep');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await number('playStep')).toBe(step);
});

it('starts again on a new device where the GPU was lost', async () => {
  await page.workers()[0]!.evaluate(() => {
    const make = GPUDevice.prototype.createCommandEncoder;
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, ...options) {
      this.destroy();
      return make.apply(this, options);
    };
  });
  await page.click('#playReset');
  await page.waitForSelector('#again', { visible: true });
  expect(await page.$eval('#noticeText', ({ textContent }) => textContent)).toMatch(
    /^The GPU device was lost/,
  );
  await page.click('#again');
  await page.waitForSelector('#playToggle:enabled', { timeout: 30_000 });
  await page.click('#playToggle');
  await reads(100);
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
