// The live page where something is missing or slow: each part lives on its own, says what happened, and can be tried again.
import type { Page } from 'puppeteer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Demo, openDemo } from '../support/demo.js';

let demo: Demo;

beforeAll(async () => {
  demo = await openDemo();
}, 60_000);

afterEach(() => {
  demo.letAllThrough();
  demo.complaints.length = 0;
});
afterAll(() => demo?.close());

const textOf = (page: Page, id: string): Promise<string> =>
  page.$eval(`#${id}`, (found) => found.textContent ?? '');
/** What the console said beside what the test caused. */
const unexpected = (cause: RegExp): string[] =>
  demo.complaints.splice(0).filter((line) => !cause.test(line));

/** The three parts beside the digits compute. */
async function othersWork(page: Page): Promise<void> {
  await page.click('#playgroundTab');
  await page.waitForSelector('#playToggle:enabled', { timeout: 50_000 });
  await page.click('#playToggle');
  await page.waitForFunction(() => Number(document.querySelector('#playStep')!.textContent) > 2, {
    timeout: 30_000,
  });
  await page.click('#backpropTab');
  await page.waitForSelector('#walkNext:enabled', { timeout: 50_000 });
  await page.click('#trustTab');
  await page.waitForSelector('#suite:enabled', { timeout: 50_000 });
  await page.click('#suite');
  await page.waitForFunction(() => document.querySelectorAll('#suiteRows tr').length > 3, {
    timeout: 50_000,
  });
  await page.click('#suite');
  expect(await page.$('#notice:not([hidden])')).toBeNull();
}

describe('without the digits', () => {
  let page: Page;

  it('says what happened, and the other parts work', async () => {
    demo.refuse(/mnist\/t10k-labels/, 503);
    page = await demo.openPage('', undefined, true);
    await page.waitForSelector('#digitsRetry', { visible: true, timeout: 50_000 });
    expect(await textOf(page, 'status')).toBe(
      'The digits could not be fetched: t10k-labels-idx1-ubyte answers 503. The other parts work without them.',
    );
    expect(
      await page.$$('#toggle:enabled, #reset:enabled, #sample:enabled, #progress:not([hidden])'),
    ).toEqual([]);
    await demo.shoot(page, 'no-digits', undefined, ['light']);
    await othersWork(page);
  }, 120_000);

  it('can be tried again, fails again, and takes changes of the settings along', async () => {
    const letThrough = demo.refuse(/mnist\/t10k-labels/, 503);
    await page.click('#digitsTab');
    const isHidden = await page.$eval('#digitsRetry', (button) => {
      (button as HTMLButtonElement).click();
      return (
        (button as HTMLButtonElement).hidden &&
        !document.querySelector<HTMLElement>('#progress')!.hidden
      );
    });
    expect(isHidden).toBe(true);
    await page.waitForSelector('#digitsRetry', { visible: true, timeout: 50_000 });
    await page.$eval('#digitSettings [name=hidden]', (field) => {
      (field as HTMLInputElement).value = '32, 16';
      field.dispatchEvent(new Event('change', { bubbles: true }));
    });
    expect(await textOf(page, 'status')).toMatch(/^The digits could not be fetched/);
    letThrough();
    await page.click('#digitsRetry');
    await page.waitForSelector('#toggle:enabled', { timeout: 50_000 });
    expect(await page.$('#digitsRetry:not([hidden])')).toBeNull();
    await page.click('#toggle');
    await page.waitForFunction(() => Number(document.querySelector('#step')!.textContent) > 2, {
      timeout: 30_000,
    });
    await page.waitForFunction(() => document.querySelectorAll('#signals canvas').length === 3);
    expect(unexpected(/503|t10k-labels/)).toEqual([]);
    await page.close();
  }, 120_000);

  it('says so where they are damaged', async () => {
    const letThrough = demo.refuse(/mnist\/train-labels/, 200);
    page = await demo.openPage('', undefined, true);
    await page.waitForSelector('#digitsRetry', { visible: true, timeout: 50_000 });
    expect(await textOf(page, 'status')).toMatch(/^The digits could not be fetched: /);
    letThrough();
    await page.click('#digitsRetry');
    await page.waitForSelector('#toggle:enabled', { timeout: 50_000 });
    await page.close();
    expect(unexpected(/^$/)).toEqual([]);
  }, 120_000);
});

describe('where a part breaks in the worker', () => {
  it.each([
    ['playground', 'putImageData', '#playRetry', '#playToggle:enabled', '#playStatus'],
    ['backprop', 'get', '#graphRetry', '#walkNext:enabled', '#graphError'],
  ])(
    '%s says so, and can be tried again',
    async (name, method, retry, ready, words) => {
      const page = await demo.openPage(name);
      await page.waitForSelector(ready, { timeout: 50_000 });
      const [worker] = page.workers();
      await worker!.evaluate((broken) => {
        const holder =
          broken === 'get' ? Map.prototype : OffscreenCanvasRenderingContext2D.prototype;
        const real = Reflect.get(holder, broken) as (...values: unknown[]) => unknown;
        Object.assign(globalThis, { mend: () => Reflect.set(holder, broken, real) });
        Reflect.set(holder, broken, function (this: unknown, ...values: unknown[]) {
          // of all maps, the names of an expression
          if (broken !== 'get' || values[0] === 'f') throw new RangeError('broken by the test');
          return real.apply(this, values);
        });
      }, method);
      if (name === 'playground') await page.click('#playReset');
      else await page.select('#example', '1');
      await page.waitForSelector(retry, { visible: true, timeout: 30_000 });
      expect(await textOf(page, words.slice(1))).toContain('broken by the test');
      expect(await page.$(ready)).toBeNull();
      await demo.shoot(page, `${name}-failed`, undefined, ['light']);
      expect(await page.$('#notice:not([hidden])')).toBeNull();
      await worker!.evaluate(() => (globalThis as unknown as { mend: () => void }).mend());
      await page.click(retry);
      await page.waitForSelector(ready, { timeout: 50_000 });
      await page.click('#digitsTab');
      await page.waitForSelector('#toggle:enabled', { timeout: 50_000 });
      await page.close();
      expect(unexpected(/^$/)).toEqual([]);
    },
    120_000,
  );
});

describe('where the code of a part cannot be fetched', () => {
  it.each([
    ['digits', '#toggle:enabled'],
    ['playground', '#playToggle:enabled'],
  ])(
    '%s says so, the others live, and it is there once the page is loaded again',
    async (name, ready) => {
      const letThrough = demo.refuse(new RegExp(`/${name}/page`), 404);
      const page = await demo.openPage(name);
      const box = await page.waitForSelector(`#${name} > .notice`, { timeout: 30_000 });
      expect(await box!.evaluate(({ textContent }) => textContent)).toMatch(
        /^This part could not be loaded/,
      );
      expect(await page.$$(`#${name} progress:not([hidden])`)).toEqual([]);
      await demo.shoot(page, `${name}-missing`, undefined, ['light']);
      await page.click('#backpropTab');
      await page.waitForSelector('#walkNext:enabled', { timeout: 50_000 });
      await page.click('#trustTab');
      await page.waitForSelector('#suite:enabled', { timeout: 50_000 });
      expect(await page.$eval('#watch', (field) => (field as HTMLFieldSetElement).disabled)).toBe(
        name === 'digits',
      );
      letThrough();
      await page.click(`#${name}Tab`);
      const [button] = await page.$$(`#${name} > .notice button`);
      await Promise.all([page.waitForNavigation(), button!.click()]);
      await page.waitForSelector(ready, { timeout: 50_000 });
      expect(await page.$(`#${name} > .notice`)).toBeNull();
      await page.close();
      expect(unexpected(/404|\/page\.ts/)).toEqual([]);
    },
    120_000,
  );
});

it('shows no graph, nor checks, before there is an engine, and says that it computes', async () => {
  const release = demo.hold(/\/worker\.ts/);
  const page = await demo.openPage('trust');
  await page.waitForSelector('#suite', { timeout: 30_000 });
  expect(await page.$$('#suite:enabled, #watch:enabled')).toEqual([]);
  await page.click('#backpropTab');
  await page.waitForSelector('#says', { timeout: 30_000 });
  expect(await textOf(page, 'says')).toBe('Computing every number of this graph…');
  expect(await page.$$('#backprop .stepper :enabled, #graph *, #graphProgress[hidden]')).toEqual(
    [],
  );
  await demo.shoot(page, 'backprop-computing', undefined, ['light']);
  release();
  await page.waitForSelector('#walkNext:enabled', { timeout: 50_000 });
  await page.click('#trustTab');
  await page.waitForSelector('#suite:enabled');
  await page.close();
  expect(unexpected(/^$/)).toEqual([]);
}, 120_000);

describe('the playground before its kernels are compiled', () => {
  it('shows points, axes and controls, and what it waits for; what can be used can', async () => {
    const release = demo.hold(/\/worker\.ts/);
    const page = await demo.openPage('playground');
    await page.waitForSelector('#playStatus', { timeout: 30_000 });
    const painted = (): Promise<number> =>
      page.$eval('#points', (found) => {
        const { width, height } = found as HTMLCanvasElement;
        const { data } = (found as HTMLCanvasElement)
          .getContext('2d')!
          .getImageData(0, 0, width, height);
        return data.filter((value, at) => at % 4 === 3 && value === 255).length;
      });
    await page.waitForFunction(
      () => (document.querySelector('#points') as HTMLCanvasElement).clientWidth > 100,
    );
    await new Promise((resolve) => setTimeout(resolve, 200)); // points are drawn with a frame
    const spiral = await painted();
    expect(spiral).toBeGreaterThan(240 * 20);
    expect(await textOf(page, 'playStatus')).toBe('Compiling the kernels…');
    expect(await page.$('#playProgress:not([hidden])')).not.toBeNull();
    await demo.shoot(page, 'playground-compiling');
    await page.click('#playData [value=own] + span');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await painted()).toBeLessThan(spiral / 20);
    const box = (await (await page.$('#points'))!.boundingBox())!;
    await page.mouse.click(box.x + 0.2 * box.width, box.y + 0.7 * box.height);
    await page.click('#dropClass [value="1"] + span');
    await page.mouse.click(box.x + 0.8 * box.width, box.y + 0.2 * box.height);
    await page.select('#playNet [name=hidden]', '8');
    release();
    await page.waitForSelector('#playToggle:enabled', { timeout: 50_000 });
    expect(await textOf(page, 'playStatus')).toBe('Ready: the weights are random.');
    await page.click('#playToggle');
    await page.waitForFunction(
      () => document.querySelector('#playAccuracy')!.textContent === '100%',
      {
        timeout: 50_000,
      },
    );
    expect(await textOf(page, 'playStatus')).toBe('Learning');
    await demo.shoot(page, 'playground-training', undefined, ['light']);
    await page.close();
    expect(unexpected(/willReadFrequently/)).toEqual([]);
  }, 120_000);
});
