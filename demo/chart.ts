// The curve of the cost, by uPlot.

import uPlot from 'uplot';

/** Above this many points every other one is dropped. */
const MOST = 4000;
/** What a step takes off the weight of all costs before it in the running mean. */
const FADE = 0.02;

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = (): string => `12px ${getComputedStyle(document.body).fontFamily}`;

export class CostChart {
  readonly #plot: uPlot;
  #steps: number[] = [];
  #costs: number[] = [];
  #means: number[] = [];
  /** Exponentially weighted mean, and the sum of its weights. */
  #mean = 0;
  #weight = 0;

  constructor(box: HTMLElement) {
    const axis = (values: uPlot.Axis.Values, size: number): uPlot.Axis => ({
      ...{ stroke: () => colour('--muted'), font: font(), values, size },
      ...{ grid: { stroke: () => colour('--line'), width: 1 }, ticks: { show: false } },
    });
    const line = (name: string, width: number): uPlot.Series => ({
      ...{ stroke: () => colour(name), width, points: { show: false } },
    });
    this.#plot = new uPlot(
      {
        ...{ width: Math.max(1, box.clientWidth), height: Math.max(1, box.clientHeight), padding: [10, 12, 0, 0] },
        ...{ cursor: { show: false }, legend: { show: false } },
        scales: {
          x: { time: false, range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(100, high ?? 0)] },
          y: { range: (_, _low, high) => [0, Math.max(0.5, (high ?? 2.4) * 1.05)] },
        },
        axes: [
          axis((_, splits) => splits.map((step) => step.toLocaleString('en')), 30),
          axis((_, splits) => splits.map((cost) => cost.toFixed(1)), 40),
        ],
        series: [{}, line('--faint', 1), line('--accent', 2)],
      },
      [[], [], []],
      box,
    );
    new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      if (width > 0 && height > 0) this.#plot.setSize({ width, height });
    }).observe(box);
  }

  /** The running mean of the cost, once there is one. */
  get mean(): number | undefined {
    return this.#means.at(-1);
  }

  add(step: number, cost: number): void {
    // costs come every few steps, and each stands for those since the one before
    const fresh = 1 - (1 - FADE) ** Math.max(1, step - (this.#steps.at(-1) ?? 0));
    this.#mean += fresh * (cost - this.#mean);
    this.#weight += fresh * (1 - this.#weight);
    this.#steps.push(step);
    this.#costs.push(cost);
    this.#means.push(this.#mean / this.#weight);
    if (this.#steps.length <= MOST) return;
    const thin = (values: number[]): number[] => values.filter((_, i) => (values.length - 1 - i) % 2 === 0);
    this.#steps = thin(this.#steps);
    this.#costs = thin(this.#costs);
    this.#means = thin(this.#means);
  }

  clear(): void {
    this.#steps = [];
    this.#costs = [];
    this.#means = [];
    this.#mean = this.#weight = 0;
  }

  draw(): void {
    this.#plot.setData([this.#steps, this.#costs, this.#means]);
  }

  /** After a change between light and dark. */
  recolour(): void {
    this.#plot.redraw(false, true);
  }
}
