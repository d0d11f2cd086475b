// Curves over steps, by uPlot.
import uPlot from 'uplot';
import { colour } from './dom.js';

/** Above this many points every other one is dropped. */
const MOST = 4000;

const font = (): string => `12px ${getComputedStyle(document.body).fontFamily}`;

export interface CurveLine {
  /** Its colour in the style sheet. */
  readonly colour: string;
  readonly width: number;
  /** Shares are drawn against an axis of their own, on the right, from 0 to 100%. */
  readonly share?: boolean;
}

type Row = readonly [step: number, ...values: (number | undefined)[]];

/** One row of values a step; a value may be missing, and its line goes on from the one before. */
export class Curve {
  readonly #plot: uPlot;
  readonly #lines: readonly CurveLine[];
  #rows: Row[] = [];

  constructor(box: HTMLElement, lines: readonly CurveLine[], top = 2.4) {
    this.#lines = lines;
    const axis = (values: uPlot.Axis.Values, size: number): uPlot.Axis => ({
      ...{ stroke: () => colour('--muted'), font: font(), values, size },
      ...{ grid: { stroke: () => colour('--line'), width: 1 }, ticks: { show: false } },
    });
    const share = axis((_, splits) => splits.map((part) => `${Math.round(100 * part)}%`), 46);
    const hasShare = lines.some((line) => line.share);
    this.#plot = new uPlot(
      {
        ...{ width: Math.max(1, box.clientWidth), height: Math.max(1, box.clientHeight) },
        ...{
          padding: [10, hasShare ? 0 : 12, 0, 0],
          cursor: { show: false },
          legend: { show: false },
        },
        scales: {
          x: {
            time: false,
            range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(100, high ?? 0)],
          },
          y: { range: (_, _low, high) => [0, Math.max(0.5, (high ?? top) * 1.05)] },
          ...(hasShare && { share: { range: () => [0, 1] as [number, number] } }),
        },
        axes: [
          axis((_, splits) => splits.map((step) => step.toLocaleString('en')), 30),
          axis((_, splits) => splits.map((cost) => String(Number(cost.toPrecision(3)))), 40),
          ...(hasShare
            ? [{ ...share, scale: 'share', side: 1 as const, grid: { show: false } }]
            : []),
        ],
        series: [
          {},
          ...lines.map((line) => ({
            ...{
              stroke: () => colour(line.colour),
              width: line.width,
              points: { show: false },
              spanGaps: true,
            },
            scale: line.share ? 'share' : 'y',
          })),
        ],
      },
      [[], ...lines.map(() => [])],
      box,
    );
    new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      if (width > 0 && height > 0) this.#plot.setSize({ width, height });
    }).observe(box);
  }

  get lastStep(): number {
    return this.#rows.at(-1)?.[0] ?? 0;
  }

  add(step: number, ...values: (number | undefined)[]): void {
    this.#rows.push([step, ...values]);
    // rows that hold what comes seldom stay
    const isRare = (row: Row): boolean => row.at(-1) !== undefined && this.#lines.length > 2;
    if (this.#rows.length > MOST)
      this.#rows = this.#rows.filter(
        (row, i) => isRare(row) || (this.#rows.length - 1 - i) % 2 === 0,
      );
  }

  clear(): void {
    this.#rows = [];
  }

  draw(): void {
    const column = (at: number): (number | undefined)[] => this.#rows.map((row) => row[at]);
    this.#plot.setData([column(0) as number[], ...this.#lines.map((_, i) => column(i + 1))]);
  }

  /** After a change between light and dark. */
  recolour(): void {
    this.#plot.redraw(false, true);
  }
}
