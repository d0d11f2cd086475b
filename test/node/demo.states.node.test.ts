// The live page under impatient hands: what its parts say is what their ends in the worker do, whatever is clicked how fast.
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Demo, openDemo } from '../support/demo.js';
import {
  agrees,
  canPause,
  deedsOf,
  digits,
  noteSteps,
  perform,
  playground,
  sequences,
} from '../support/demoStates.js';

let demo: Demo;
let page: Page;

beforeAll(async () => {
  demo = await openDemo();
  page = await demo.openPage('', (opened) => opened.evaluateOnNewDocument(noteSteps));
  await page.waitForSelector('#toggle:enabled', { timeout: 50_000 });
}, 60_000);

afterAll(() => demo?.close());

const text = (id: string): Promise<string> =>
  page.$eval(`#${id}`, (found) => found.textContent ?? '');
const change = (name: string, value: string, wait = 0) => ({
  on: `#digitSettings [name=${name}]`,
  value,
  wait,
});

/** Clicks a button as soon as it is on, once. */
const clickWhenOn = (selector: string): Promise<void> =>
  page.evaluate((wanted) => {
    const timer = setInterval(() => {
      const button = document.querySelector<HTMLButtonElement>(wanted)!;
      if (button.disabled) return;
      clearInterval(timer);
      button.click();
    }, 1);
  }, selector);

describe('digits', () => {
  it.each([0, 60, 140])(
    'trains, says so and can be paused after two changes within %i ms and Start',
    async (gap) => {
      await perform(page, [change('activation', 'tanh', gap), change('optimizer', 'sgd')]);
      await clickWhenOn('#toggle');
      await page.waitForFunction(() => document.querySelector('#toggle')!.textContent === 'Pause', {
        timeout: 50_000,
      });
      expect((await agrees(page, digits)).label).toBe('Pause');
      await perform(page, [{ on: '#toggle', wait: 0 }]);
      expect((await agrees(page, digits)).label).toBe('Resume');
      await perform(page, [change('activation', 'relu'), change('optimizer', 'adam')]);
      await agrees(page, digits);
    },
    120_000,
  );

  it('stays paused where Reset, Start and Pause come at once', async () => {
    const click = (on: string) => ({ on, wait: 0 });
    await perform(page, [click('#toggle')]);
    await agrees(page, digits);
    await perform(page, [click('#reset'), click('#toggle'), click('#toggle')]);
    expect((await agrees(page, digits)).label).toBe('Resume');
  }, 120_000);

  it('shows no figure of the weights before a reset', async () => {
    await perform(page, [{ on: '#toggle', wait: 0 }]);
    await page.waitForFunction(() => document.querySelector('#accuracy')!.textContent !== '–', {
      timeout: 30_000,
    });
    await perform(page, [{ on: '#reset', wait: 0 }]);
    await agrees(page, digits);
    expect([await text('step'), await text('accuracy'), await text('cost')]).toEqual([
      '0',
      '–',
      '–',
    ]);
  }, 120_000);

  it('says what it does after anything that is done to it, generated', async () => {
    const buttons = [
      '#toggle',
      '#toggle',
      '#toggle',
      '#reset',
      '#sample',
      '#clear',
      '#timed',
      '#playgroundTab',
      '#digitsTab',
    ];
    for (const deeds of sequences(await deedsOf(page, buttons, '#digitSettings'), 14, 3)) {
      await perform(page, [...deeds, { on: '#digitsTab', wait: 0 }]);
      await canPause(page, digits);
    }
  }, 300_000);
});

describe('the playground', () => {
  it('says what it does after anything that is done to it, generated', async () => {
    await page.click('#playgroundTab');
    await page.waitForSelector('#playToggle:enabled', { timeout: 50_000 });
    const buttons = [
      '#playToggle',
      '#playToggle',
      '#playToggle',
      '#playReset',
      '#digitsTab',
      '#playgroundTab',
    ];
    const points = ['#playData [value=moons]', '#playData [value=xor]', '#playData [value=own]'];
    for (const deeds of sequences(
      await deedsOf(page, [...buttons, ...points], '#playNet'),
      14,
      3,
    )) {
      // points to learn from, at the end
      await perform(page, [
        ...deeds,
        { on: '#playgroundTab', wait: 0 },
        { on: '#playData [value=circles]', wait: 0 },
      ]);
      await canPause(page, playground);
    }
  }, 300_000);

  it('keeps the points that are dropped as another set is chosen', async () => {
    const dropped = await page.evaluate(() => {
      document.querySelector<HTMLInputElement>('#playData [value=moons]')!.click();
      const canvas = document.querySelector('#points')!;
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const at = { clientX: left + 0.02 * width, clientY: top + 0.02 * height };
      canvas.dispatchEvent(new PointerEvent('pointerdown', { ...at, button: 0 }));
      return document.querySelector<HTMLInputElement>('#playData [name=set]:checked')!.value;
    });
    expect(dropped).toBe('own');
    /** How opaque the point in the corner is drawn: nothing else is there. */
    const corner = (): Promise<number> =>
      page.$eval('#points', (found) => {
        const canvas = found as HTMLCanvasElement;
        const at = Math.round(0.02 * canvas.width);
        return canvas.getContext('2d')!.getImageData(at, at, 1, 1).data[3]!;
      });
    await page.waitForFunction(() =>
      document.querySelector('#playProgress')!.hasAttribute('hidden'),
    );
    await new Promise((resolve) => setTimeout(resolve, 300)); // a late answer would take it away
    expect(await corner()).toBe(255);
  }, 120_000);
});

describe('backprop', () => {
  it('never lets anybody step through a graph that the form does not describe, generated', async () => {
    await page.click('#backpropTab');
    await page.waitForSelector('#walkNext:enabled', { timeout: 50_000 });
    const buttons = ['#walkNext', '#walkNext', '#walkPlay', '#walkBack', '#walkFirst'];
    const deeds = (await deedsOf(page, buttons, '#backprop .head')).filter(
      ({ value }) => value !== 'own',
    );
    for (const sequence of sequences(deeds, 20, 3))
      for (const deed of sequence) {
        await perform(page, [{ ...deed, wait: Math.min(deed.wait, 40) }]);
        const seen = await page.evaluate(() => {
          const lines = document
            .querySelector<HTMLTextAreaElement>('#graphSteps')!
            .value.split('\n');
          const rows = [...document.querySelectorAll<HTMLElement>('#numbers tr')];
          const inputs = [...document.querySelectorAll<HTMLInputElement>('#graphInputs input')];
          return {
            described: [
              ...inputs.map(({ name }) => name),
              ...lines.map((line) => line.split('=')[0]!.trim()),
            ],
            shown: rows.map(({ dataset }) => dataset.name!),
            drawn: document.querySelectorAll('#graph > *').length,
            isSteppable: ['walkFirst', 'walkBack', 'walkNext', 'walkPlay', 'walkAt'].some(
              (id) => !(document.getElementById(id) as HTMLButtonElement).disabled,
            ),
            isBusy: !document.querySelector<HTMLElement>('#graphProgress')!.hidden,
          };
        });
        // nodes on the way that have no name of their own have rows as well
        if (seen.isSteppable)
          expect(seen.described.filter((name) => !seen.shown.includes(name))).toEqual([]);
        else
          expect([seen.shown.length, seen.drawn, seen.isBusy]).toEqual([
            0,
            expect.any(Number),
            true,
          ]);
      }
    await page.waitForSelector('#walkNext:enabled');
  }, 300_000);

  it('has the old graph away at once, waits, and shows the new one', async () => {
    const at = async () => [
      await text('says'),
      await page.$$eval('#numbers tr', (all) => all.length),
    ];
    const state = await page.evaluate(() => {
      const select = document.querySelector<HTMLSelectElement>('#example')!;
      select.value = '5';
      select.dispatchEvent(new Event('change', { bubbles: true }));
      const next = document.querySelector<HTMLButtonElement>('#walkNext')!;
      next.click();
      return { isOff: next.disabled, drawn: document.querySelector('#graph')!.childElementCount };
    });
    expect(state).toEqual({ isOff: true, drawn: 0 });
    await page.waitForSelector('#walkNext:enabled', { timeout: 30_000 });
    expect((await at())[0]).toMatch(/^Values first/);
    expect(await page.$('#numbers [data-name=W1]')).not.toBeNull();
  }, 60_000);

  it('shows no graph under an expression that is none, also where an answer is on its way', async () => {
    const write = (steps: string): Promise<void> =>
      perform(page, [{ on: '#graphSteps', value: steps, wait: 0 }]);
    await write('f = sum(matmul(W1, x))');
    await write('f is nothing');
    expect(await text('graphError')).toContain('write each step as name = expression');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await text('says')).toMatch(/^There is no graph/);
    expect(await text('graphError')).toContain('write each step as name = expression');
    expect([await page.$('#walkNext:enabled'), await page.$('#numbers tr')]).toEqual([null, null]);
    expect(await page.$eval('#example', (select) => (select as HTMLSelectElement).value)).toBe(
      'own',
    );
    await demo.shoot(page, 'backprop-refused', undefined, ['light']);
    await write('f = sum(matmul(W1, x))');
    await page.waitForSelector('#walkNext:enabled', { timeout: 30_000 });
  }, 60_000);
});

describe('trust', () => {
  it('lists each op once, however often the tests are stopped and run again', async () => {
    await page.click('#trustTab');
    await page.waitForSelector('#suite:enabled', { timeout: 50_000 });
    for (const wait of [0, 700, 0, 1500, 0, 30, 0]) await perform(page, [{ on: '#suite', wait }]);
    expect(await text('suite')).toBe('Stop');
    await page.waitForFunction(() => document.querySelectorAll('#suiteRows tr').length > 8, {
      timeout: 50_000,
    });
    const names = await page.$$eval('#suiteRows th', (all) =>
      all.map(({ textContent }) => textContent),
    );
    expect(new Set(names).size).toBe(names.length);
    await perform(page, [{ on: '#suite', wait: 500 }]);
    const { length } = await page.$$('#suiteRows tr');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect([await text('suiteStatus'), (await page.$$('#suiteRows tr')).length]).toEqual([
      'Stopped.',
      length,
    ]);
  }, 120_000);
});

it('complains about nothing in the console', () => {
  expect(demo.complaints).toEqual([]);
});
