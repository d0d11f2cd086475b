// Steps per second over the last moments.

/** Milliseconds over which they are counted. */
const WINDOW = 1500;

export class Speed {
  #recent: { time: number; step: number }[] = [];
  /** Undefined while nothing is counted. */
  value: number | undefined;

  step(step: number): void {
    const now = performance.now();
    this.#recent.push({ time: now, step });
    while (this.#recent.length > 2 && now - this.#recent[0]!.time > WINDOW) this.#recent.shift();
    const first = this.#recent[0]!;
    if (now - first.time > 200) this.value = (1000 * (step - first.step)) / (now - first.time);
  }

  /** Time that passes from now on does not count. */
  rest(): void {
    this.#recent = [];
    this.value = undefined;
  }

  /** For people. */
  get text(): string {
    if (this.value === undefined) return '–';
    return this.value < 10 ? this.value.toFixed(1) : Math.round(this.value).toLocaleString('en');
  }
}
