// The live page in a real browser: it learns, reads what is drawn, pauses, goes on and starts over.
import type { Page, Viewport } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Demo, desktop, openDemo, phone } from '../support/demo.js';

let demo: Demo;
let page: Page;

beforeAll(async () => {
  demo = await openDemo();
  page = await demo.openPage();
}, 60_000);

afterAll(() => demo?.close());

const text = (id: string, from = page): Promise<string> =>
  from.$eval(`#${id}`, (found) => found.textContent ?? '');
const number = async (id: string): Promise<number> =>
  Number.parseFloat((await text(id)).replace(/,/g, ''));
const probabilities = (): Promise<string[]> =>
  page.$$eval('#bars .value', (values) => values.map(({ textContent }) => textContent ?? ''));

/** In the page: its workers find no WebGPU. */
function hideWebGpu(): void {
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const code = `
        delete WorkerNavigator.prototype.gpu;
        const early = [];
        onmessage = ({ data }) => early.push(data);
        import(${JSON.stringify(String(new URL(url, document.baseURI)))}).then(() => early.forEach((data) => onmessage({ data })));`;
      super(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), options);
    }
  };
}

const shoot = (
  name: string,
  devices?: Record<string, Viewport>,
  schemes?: string[],
): Promise<void> => demo.shoot(page, name, devices, schemes);

/** Draws a one: a line down the middle of the pad. */
async function drawOne(): Promise<void> {
  const box = (await (await page.$('#pad'))!.boundingBox())!;
  const at = (x: number, y: number): [number, number] => [
    box.x + x * box.width,
    box.y + y * box.height,
  ];
  await page.mouse.move(...at(0.55, 0.15));
  await page.mouse.down();
  await page.mouse.move(...at(0.47, 0.85), { steps: 8 });
  await page.mouse.up();
}

it('learns to read more than 90% of the test digits', async () => {
  await page.waitForSelector('#toggle:enabled', { timeout: 30_000 });
  expect(await text('machine')).toMatch(/^Runs on WebGPU: ./);
  await drawOne();
  await page.waitForFunction(() => document.querySelector('#bars .best'));
  const before = await probabilities();
  await page.click('#toggle');
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelector('#accuracy')!.textContent!) >= 90,
    {
      timeout: 50_000,
    },
  );
  expect(await number('speed')).toBeGreaterThan(0);
  expect(await probabilities()).not.toEqual(before);
});

it('tells what is drawn, while it learns', async () => {
  await page.waitForFunction(() => document.querySelector('#bars .best span')?.textContent === '1');
  expect(await text('verdict')).toBe('The network reads a 1.');
  const before = await probabilities();
  const box = (await (await page.$('#pad'))!.boundingBox())!;
  const finger = await page.touchscreen.touchStart(
    box.x + 0.2 * box.width,
    box.y + 0.2 * box.height,
  );
  await finger.move(box.x + 0.5 * box.width, box.y + 0.2 * box.height);
  await finger.end();
  await page.waitForFunction(
    (old) =>
      [...document.querySelectorAll('#bars .value')].map((each) => each.textContent).join() !== old,
    {},
    before.join(),
  );
});

it('pauses, counts all test digits, and goes on', async () => {
  await page.click('#toggle');
  expect(await text('toggle')).toBe('Resume');
  await page.waitForFunction(
    () => document.querySelector('#tests')!.textContent === 'of 10,000 digits',
  );
  expect(await text('status')).toMatch(
    /^Paused: [89]\d\.\d% of 10,000 test digits are read right\.$/,
  );
  const paused = await number('step');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await number('step')).toBe(paused);
  expect(await text('speed')).toBe('–');
  await shoot('paused');
  await page.click('#toggle');
  await page.waitForFunction(
    (old) => Number(document.querySelector('#step')!.textContent!.replace(',', '')) > old,
    {},
    paused,
  );
});

it('shows weights and error signals that change as it learns, and the hardest test digits', async () => {
  const pictures = (): Promise<string[]> =>
    page.$$eval('#weights, #signals canvas', (all) =>
      all.map((each) => (each as HTMLCanvasElement).toDataURL()),
    );
  const before = await pictures();
  expect(before).toHaveLength(3);
  await page.waitForFunction(
    (old) =>
      [...document.querySelectorAll<HTMLCanvasElement>('#weights, #signals canvas')].every(
        (each, i) => each.toDataURL() !== old[i],
      ),
    {},
    before,
  );
  expect(
    await page.$$eval('#hard li', (all) => all.map(({ textContent }) => textContent)),
  ).toHaveLength(12);
});

it('is drawn on by the keyboard', async () => {
  await page.click('#clear');
  await page.focus('#pad');
  await page.keyboard.press('Space');
  for (let i = 0; i < 14; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.waitForFunction(() => document.querySelector('#bars .best span')?.textContent === '1');
});

it('has figures, pad and probabilities on the first screen of a phone', async () => {
  await page.setViewport(phone);
  const bottoms = await page.$$eval('#speed, #pad, #bars', (all) =>
    all.map((one) => one.getBoundingClientRect().bottom),
  );
  await page.setViewport(desktop);
  expect(Math.max(...bottoms)).toBeLessThan(phone.height);
});

it('starts over from random weights', async () => {
  await page.click('#reset');
  // figures are drawn with the next frame
  await page.waitForFunction(() => document.querySelector('#accuracy')!.textContent === '–');
  expect([await text('step'), await text('toggle')]).toEqual(['0', 'Start']);
  await page.click('#toggle');
  await page.waitForFunction(() => document.querySelector('#accuracy')!.textContent !== '–');
  expect(await number('step')).toBeLessThan(500);
});

it('trains another network', async () => {
  const change = (name: string, value: string): Promise<void> =>
    page.$eval(
      `#digitSettings [name=${name}]`,
      (field, to) => {
        (field as HTMLInputElement).value = to;
        field.dispatchEvent(new Event('change', { bubbles: true }));
      },
      value,
    );
  await change('hidden', '24, many');
  expect(await page.$('#digitSettings [name=hidden]:invalid')).not.toBeNull();
  await change('hidden', '32, 16');
  await change('activation', 'tanh');
  await page.waitForFunction(() => document.querySelectorAll('#signals canvas').length === 3);
  await page.waitForSelector('#toggle:enabled');
  expect(await text('kernelsTitle')).toMatch(
    /^Kernels of one step: \d+, fused from \d+ operations$/,
  );
  await page.click('#toggle');
  await page.waitForFunction(
    () => Number.parseFloat(document.querySelector('#accuracy')!.textContent!) >= 50,
  );
});

it('tells how long each kernel takes, and stops measuring', async () => {
  await page.click('#timed + span');
  await page.waitForSelector('#toggle:enabled', { timeout: 30_000 });
  expect([await text('step'), await text('toggle')]).toEqual(['0', 'Start']);
  await page.click('#toggle');
  await page.waitForFunction(() =>
    document.querySelector('#kernelHeads')!.textContent!.includes('µs'),
  );
  const rows = await page.$$eval('#kernels tr', (all) =>
    all.map((row) =>
      [...row.querySelectorAll('td')].map((cell) => Number.parseFloat(cell.textContent!)),
    ),
  );
  expect(rows[0]![0]).toBeGreaterThan(0);
  expect(rows.reduce((sum, [, share]) => sum + share!, 0)).toBeCloseTo(100, 0);
  await shoot('times');
  await page.click('#timed + span');
  await page.waitForFunction(
    () => document.querySelector('#kernelHeads')!.textContent === 'KernelWorkgroups',
  );
  await page.waitForSelector('#toggle:enabled');
  await page.click('#toggle');
});

it('draws the boundary from values where the browser may not show what WebGPU draws', async () => {
  await page.click('#toggle');
  await page.click('#playgroundTab');
  await page.waitForSelector('#playToggle:enabled', { timeout: 30_000 });
  expect(await text('drawn')).toMatch(/^Drawn from /);
  await page.click('#playToggle');
  await page.waitForFunction(() => Number(document.querySelector('#playStep')!.textContent) > 5);
  await page.click('#digitsTab');
  await page.click('#toggle');
});

it('says so when the GPU is lost, and starts again', async () => {
  await page.workers()[0]!.evaluate(() => {
    const make = GPUDevice.prototype.createCommandEncoder;
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, ...options) {
      this.destroy();
      return make.apply(this, options);
    };
  });
  await page.waitForSelector('#again', { visible: true });
  expect(await text('noticeText')).toMatch(/^The GPU device was lost/);
  await shoot('lost', { phone }, ['light']);
  await page.click('#again');
  await page.waitForSelector('#toggle:enabled');
  expect(await page.$('#again:not([hidden])')).toBeNull();
});

it('runs on the CPU where there is no WebGPU, and says how to get it', async () => {
  await page.close();
  page = await demo.openPage('', (opened) => opened.evaluateOnNewDocument(hideWebGpu));
  await page.waitForSelector('#toggle:enabled', { timeout: 30_000 });
  expect(await text('noticeText')).toMatch(/^This browser has no WebGPU/);
  expect(await text('machine')).toMatch(/^Runs on the CPU/);
  await shoot('cpu', { desktop }, ['light']);
  await page.click('#toggle');
  await page.waitForFunction(() => Number(document.querySelector('#step')!.textContent) > 2);
  await page.click('#toggle');
  await page.click('#playgroundTab');
  await page.waitForSelector('#playToggle:enabled', { timeout: 30_000 });
  expect(await text('drawn')).toBe('Drawn from values.');
  await page.click('#playToggle');
  await page.waitForFunction(() => Number(document.querySelector('#playStep')!.textContent) > 2);
  await page.click('#backpropTab');
  await page.waitForSelector('#numbers tr', { timeout: 30_000 });
  expect(await text('graphEngine')).toBe('the CPU');
  await page.click('#trustTab');
  await page.waitForSelector('#suite:disabled');
  expect(await text('suiteStatus')).toMatch(/^There are no kernels to check here/);
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
