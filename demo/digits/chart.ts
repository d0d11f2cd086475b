// The curves of the digits: the cost of single batches, its running mean, and the test accuracy.
import { Curve } from '../shared/curve.js';

/** What a step takes off the weight of all costs before it in the running mean; each step's cost comes. */
const FADE = 0.02;

export class LearningChart {
  readonly #curve: Curve;
  /** Exponentially weighted mean, and the sum of its weights. */
  #mean = 0;
  #weight = 0;

  constructor(box: HTMLElement) {
    this.#curve = new Curve(box, [
      { colour: '--faint', width: 1 },
      { colour: '--accent', width: 2 },
      { colour: '--one', width: 2, share: true },
    ]);
  }

  /** The running mean of the cost, once there is one. */
  get mean(): number | undefined {
    return this.#weight > 0 ? this.#mean / this.#weight : undefined;
  }

  add(step: number, cost: number): void {
    this.#mean += FADE * (cost - this.#mean);
    this.#weight += FADE * (1 - this.#weight);
    this.#curve.add(step, cost, this.mean, undefined);
  }

  /** Test accuracy, as of the last step. */
  accuracy(share: number): void {
    this.#curve.add(this.#curve.lastStep, undefined, undefined, share);
  }

  clear(): void {
    this.#curve.clear();
    this.#mean = this.#weight = 0;
  }

  draw(): void {
    this.#curve.draw();
  }

  recolour(): void {
    this.#curve.recolour();
  }
}
