// What the live page says, against what its worker does: for tests that act like impatient people.
import fc from 'fast-check';
import type { Page } from 'puppeteer';
import { expect } from 'vitest';
import { seed } from './property.js';

/** In the page, before anything else: notes when a step of training is told of, whoever drops that afterwards. */
export function noteSteps(): void {
  const last: Record<string, number> = {};
  Object.assign(globalThis, { lastStep: last });
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      this.addEventListener('message', ({ data }) => {
        if (data.message?.type === 'step' || data.message?.type === 'report')
          last[data.part] = performance.now();
      });
    }
  };
}

/** A part that trains: its buttons, its status, and the bar that it shows while it prepares. */
export interface Trainable {
  readonly part: string;
  readonly toggle: string;
  readonly status: string;
  readonly progress: string;
}
export const digits: Trainable = {
  part: 'digits',
  toggle: '#toggle',
  status: '#status',
  progress: '#progress',
};
export const playground: Trainable = {
  ...{
    part: 'playground',
    toggle: '#playToggle',
    status: '#playStatus',
    progress: '#playProgress',
  },
};

interface Seen {
  readonly label: string;
  readonly status: string;
  readonly isOff: boolean;
}
const look = (page: Page, { toggle, status }: Trainable): Promise<Seen> =>
  page.evaluate(
    (button, words) => {
      const { textContent, disabled } = document.querySelector<HTMLButtonElement>(button)!;
      return {
        label: textContent!,
        isOff: disabled,
        status: document.querySelector(words)!.textContent!,
      };
    },
    toggle,
    status,
  );

/** Resolves once steps have been told of after now. */
const steps = (page: Page, { part }: Trainable): Promise<unknown> =>
  page
    .evaluate(() => performance.now())
    .then((now) =>
      page.waitForFunction(
        (name, from) =>
          ((globalThis as never as { lastStep: Record<string, number> }).lastStep[name] ?? 0) >
          from,
        { timeout: 30_000 },
        part,
        now,
      ),
    );

/** Resolves once nothing has been told of for a while. */
const rests = (page: Page, { part }: Trainable): Promise<unknown> =>
  page.waitForFunction(
    (name) =>
      performance.now() -
        ((globalThis as never as { lastStep: Record<string, number> }).lastStep[name] ?? 0) >
      700,
    { timeout: 30_000, polling: 50 },
    part,
  );

/** Once nothing is prepared any more: it trains exactly if the page says so, and then there is a way to pause. */
export async function agrees(page: Page, what: Trainable): Promise<Seen> {
  await page.waitForFunction(
    (bar) => document.querySelector<HTMLElement>(bar)!.hidden,
    { timeout: 60_000 },
    what.progress,
  );
  const seen = await look(page, what);
  expect(seen.isOff).toBe(false);
  if (seen.label === 'Pause') {
    await steps(page, what);
    expect((await look(page, what)).status).toMatch(/^Learning/);
  } else {
    await rests(page, what);
    expect((await look(page, what)).status).toMatch(/^(Ready|Paused|All epochs|Drop)/);
  }
  expect((await look(page, what)).label).toBe(seen.label);
  return seen;
}

/** Ends with training paused, by the button that is there for it. */
export async function canPause(page: Page, what: Trainable): Promise<void> {
  const { label } = await agrees(page, what);
  const click = (): Promise<void> =>
    page.$eval(what.toggle, (button) => (button as HTMLButtonElement).click());
  if (label !== 'Pause') {
    await click();
    await agrees(page, what);
  }
  await click();
  expect((await agrees(page, what)).label).not.toBe('Pause');
}

/** One thing that somebody does: a click, or a choice; and the milliseconds until the next. */
export type Deed = { readonly wait: number; readonly on: string; readonly value?: string };

/** Of choices: the values of its `select`s and of its groups of radio buttons. */
export async function deedsOf(
  page: Page,
  buttons: readonly string[],
  form: string,
): Promise<fc.Arbitrary<Deed>> {
  const choices = await page.$$eval(`${form} select, ${form} [type=radio]`, (fields) =>
    fields.flatMap((field) => {
      const { name, value, id } = field as HTMLInputElement;
      const values =
        field instanceof HTMLSelectElement ? [...field.options].map((each) => each.value) : [value];
      const own = name ? `[name="${name}"]` : `#${id}`;
      return values.map((each) => ({
        own,
        value: each,
        isRadio: !(field instanceof HTMLSelectElement),
      }));
    }),
  );
  const wait = fc.oneof(fc.constant(0), fc.nat(150), fc.nat(600));
  const clicks = fc.record({ wait, on: fc.constantFrom(...buttons) });
  const changes = fc.record({ wait, at: fc.nat(choices.length - 1) }).map(({ wait: pause, at }) => {
    const { own, value, isRadio } = choices[at]!;
    const on = `${form} ${own}${isRadio ? `[value="${value}"]` : ''}`;
    return isRadio ? { wait: pause, on } : { wait: pause, on, value };
  });
  return fc.oneof(clicks, changes);
}

export const sequences = (deeds: fc.Arbitrary<Deed>, length: number, runs: number): Deed[][] =>
  fc.sample(fc.array(deeds, { minLength: length, maxLength: length }), { seed, numRuns: runs });

/** Does all of it in the page, where nothing holds it up; a button that is off is not clicked. */
export const perform = (page: Page, deeds: readonly Deed[]): Promise<void> =>
  page.evaluate(async (all) => {
    for (const { on, value, wait } of all) {
      const found = document.querySelector<HTMLInputElement | HTMLSelectElement>(on)!;
      if (value === undefined) found.click();
      else {
        found.value = value;
        found.dispatchEvent(new Event('change', { bubbles: true }));
      }
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }, deeds as Deed[]);
