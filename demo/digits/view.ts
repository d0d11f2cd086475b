// Figures and bars of the digits.
import { percent, put } from '../shared/dom.js';
import { Speed } from '../shared/speed.js';

/** Accuracy, step, steps per second and cost. */
export class Figures {
  #step = 0;
  #cost: number | undefined;
  #accuracy: { share: number; tests: number } | undefined;
  readonly #speed = new Speed();

  step(step: number, cost: number): void {
    this.#step = step;
    this.#cost = cost;
    this.#speed.step(step);
  }

  get stepText(): string {
    return this.#step.toLocaleString('en');
  }

  accuracy(share: number, tests: number): void {
    this.#accuracy = { share, tests };
  }

  /** Training rests: there is no speed, and time that passes from now on does not count. */
  rest(): void {
    this.#speed.rest();
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
    put('step', this.stepText);
    put('speed', this.#speed.text);
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
      return {
        row,
        bar: row.querySelector<HTMLElement>('.bar')!,
        value: row.querySelector<HTMLElement>('.value')!,
      };
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
