// Figures, bars and sentences of the page.
import type { Machine, Missing } from './protocol.js';

/** An element that the page has. */
export function element<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind)))
    throw new Error(`page: there is no ${kind?.name ?? 'element'} #${id}`);
  return found as T;
}

/** Milliseconds over which steps per second are counted. */
const WINDOW = 1500;

/** Accuracy, step, steps per second and cost. */
export class Figures {
  #step = 0;
  #cost: number | undefined;
  #accuracy: { share: number; tests: number } | undefined;
  /** Steps and when they were reported, over the last moments. */
  #recent: { time: number; step: number }[] = [];
  #speed: number | undefined;

  step(step: number, cost: number): void {
    const now = performance.now();
    this.#step = step;
    this.#cost = cost;
    this.#recent.push({ time: now, step });
    while (this.#recent.length > 2 && now - this.#recent[0]!.time > WINDOW) this.#recent.shift();
    const first = this.#recent[0]!;
    if (now - first.time > 200) this.#speed = (1000 * (step - first.step)) / (now - first.time);
  }

  accuracy(share: number, tests: number): void {
    this.#accuracy = { share, tests };
  }

  /** Training rests: there is no speed, and time that passes from now on does not count. */
  rest(): void {
    this.#recent = [];
    this.#speed = undefined;
  }

  clear(): void {
    this.#step = 0;
    this.#cost = this.#accuracy = undefined;
    this.rest();
  }

  draw(mean: number | undefined): void {
    const accuracy = this.#accuracy;
    put('accuracy', accuracy ? percent(accuracy.share, 1) : '–');
    put('tests', accuracy ? `of ${accuracy.tests.toLocaleString('en')} digits` : '');
    put('step', this.#step.toLocaleString('en'));
    put('speed', this.#speed === undefined ? '–' : rounded(this.#speed));
    put('cost', this.#cost === undefined || mean === undefined ? '–' : mean.toFixed(3));
  }

  /** The accuracy in words. */
  get result(): string {
    if (!this.#accuracy) return 'nothing counted yet';
    const { share, tests } = this.#accuracy;
    return `${percent(share, 1)} of ${tests.toLocaleString('en')} test digits are read right`;
  }

  /** The curve in words. */
  summary(mean: number | undefined): string {
    if (mean === undefined) return 'Curve of the cost, no steps yet';
    return `Curve of the cost: running mean ${mean.toFixed(3)} after ${this.#step.toLocaleString('en')} steps`;
  }
}

const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)}%`;
const rounded = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));

function put(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** Ten bars, and what they say. */
export class Probabilities {
  readonly #rows: { row: HTMLElement; bar: HTMLElement; value: HTMLElement }[];
  readonly #verdict: HTMLElement;
  readonly #hint: string;
  #values: Float32Array | undefined;
  /** The label of a test digit on the pad. */
  truth: number | undefined;

  constructor(list: HTMLElement, verdict: HTMLElement) {
    this.#verdict = verdict;
    this.#hint = verdict.textContent ?? '';
    this.#rows = Array.from({ length: 10 }, (_, digit) => {
      const row = document.createElement('li');
      row.innerHTML = `<span>${digit}</span><span class="track" aria-hidden="true"><div class="bar"></div></span><span class="value"></span>`;
      list.append(row);
      return { row, bar: row.querySelector<HTMLElement>('.bar')!, value: row.querySelector<HTMLElement>('.value')! };
    });
    this.draw();
  }

  set(values: Float32Array): void {
    this.#values = values;
  }

  clear(): void {
    this.#values = undefined;
    this.truth = undefined;
    this.draw();
  }

  draw(): void {
    const values = this.#values;
    const best = values ? values.indexOf(Math.max(...values)) : -1;
    this.#rows.forEach(({ row, bar, value }, digit) => {
      const share = values?.[digit] ?? 0;
      bar.style.transform = `scaleX(${share.toFixed(4)})`;
      row.classList.toggle('best', digit === best);
      const text = values ? percent(share, share < 0.0995 ? 1 : 0) : '';
      if (value.textContent !== text) value.textContent = text;
    });
    const label = this.truth === undefined ? '' : ` Its label is ${this.truth}.`;
    const sentence = best < 0 ? this.#hint : `The network reads a ${best}.${label}`;
    // spoken by screen readers, so it changes only when the answer does
    if (this.#verdict.textContent !== sentence) this.#verdict.textContent = sentence;
  }
}

/** What runs here, in a line. */
export function machineLine({ backend, adapter, software }: Machine): string {
  if (backend === 'cpu') return 'Runs on the CPU in float64, without WebGPU.';
  return `Runs on WebGPU: ${adapter}${software ? ' (software, no GPU)' : ''}.`;
}

/** Why there is no GPU, and what to do about it. */
export function missingNotice(missing: Missing): string {
  const slower = 'Until then the network learns on the CPU, slower.';
  switch (missing) {
    case 'insecure':
      return `Browsers offer WebGPU only to secure pages: open this one over https or on localhost. ${slower}`;
    case 'unsupported':
      return `This browser has no WebGPU. Chrome and Edge from version 113, Safari from 26 and Firefox from 141 have it on most machines; on Linux it may have to be switched on. ${slower}`;
    case 'no adapter':
      return `WebGPU finds no graphics adapter here. Switch “hardware acceleration” on in the browser's settings, or update the graphics driver. ${slower}`;
    default:
      return missing satisfies never;
  }
}
