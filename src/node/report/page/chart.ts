// Draws a chart with uPlot in the page's colours, as wide as its box, and again when the colours change.
import uPlot from 'uplot';
import { byId } from './elements.js';

/** A property of the style sheet, such as '--muted'. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const fontOf = (pixels: number): string =>
  `${pixels}px ${getComputedStyle(document.body).fontFamily}`;

/** Labels of an axis, and its steps, where values are whole numbers. */
export const wholeAxis: uPlot.Axis = {
  values: (_, splits) => splits.map((value) => value.toLocaleString('en-US')),
  incrs: Array.from({ length: 9 }, (_, exponent) =>
    [1, 2, 5].map((part) => part * 10 ** exponent),
  ).flat(),
};

/** A whole number in a chart's legend. */
export const wholeValue = (_: uPlot, value: number | null): string =>
  value?.toLocaleString('en-US') ?? '–';

/** A line or dots; the stroke is a property of the style sheet. */
export type ChartSeries = Omit<uPlot.Series, 'stroke'> & { readonly stroke: string };

export interface Chart extends Pick<uPlot.Options, 'scales' | 'legend' | 'cursor' | 'hooks'> {
  /** The element that holds the chart. */
  readonly box: string;
  /** What the chart shows, in words. */
  readonly label: string;
  /** Values of x, then those of each series. */
  readonly data: uPlot.AlignedData;
  /** How the legend names x. */
  readonly along: uPlot.Series;
  readonly series: readonly ChartSeries[];
  readonly x: uPlot.Axis;
  readonly y?: uPlot.Axis;
}

const HEIGHT = 256;
const LEAST_WIDTH = 200;

function styleAxis(own: uPlot.Axis): uPlot.Axis {
  return {
    stroke: () => colour('--muted'),
    font: fontOf(12),
    labelFont: fontOf(12),
    labelSize: 22,
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    size: 32,
    ...own,
  };
}

const styleSeries = (own: ChartSeries): uPlot.Series => ({
  width: 2,
  points: { show: false },
  ...own,
  stroke: () => colour(own.stroke),
});

export function drawChart({ box, label, data, along, series, x, y, ...options }: Chart): void {
  const holder = byId(box);
  const size = () => ({ width: Math.max(LEAST_WIDTH, holder.clientWidth), height: HEIGHT });
  const look: uPlot.Options = {
    ...size(),
    padding: [10, 12, 0, 0],
    cursor: { y: false },
    axes: [styleAxis(x), styleAxis({ size: 48, ...y })],
    series: [along, ...series.map(styleSeries)],
    ...options,
  };
  const plot = new uPlot(look, data, holder);
  plot.ctx.canvas.setAttribute('role', 'img');
  plot.ctx.canvas.setAttribute('aria-label', label);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
  const darkness = matchMedia('(prefers-color-scheme: dark)');
  darkness.addEventListener('change', () => plot.redraw(false, true));
}

/** Removes the figure that a chart with nothing to show would fill. */
export const removeFigure = (box: string): void => byId(box).parentElement?.remove();
