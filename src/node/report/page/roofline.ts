// The roofline chart: the speed each kernel reached against its arithmetic per byte, under the adapter's measured peaks.
import uPlot from 'uplot';
import type { KernelProfile, Profile } from '../../../graph/backend.js';
import { type ChartSeries, colour, drawChart, fontOf, removeFigure } from './chart.js';

/** Kernels drawn at most. */
const SHOWN = 12;
/** A call with less arithmetic shows only what a call costs. */
const LEAST_FLOPS = 1000;

interface Point {
  readonly kernel: string;
  /** Place in the table of kernels, from 1. */
  readonly rank: number;
  /** FLOP per byte. */
  readonly x: number;
  /** GFLOP/s. */
  readonly y: number;
  /** In CSS pixels; the area shows the share of the time. */
  readonly diameter: number;
}

function pointsOf(kernels: readonly KernelProfile[]): Point[] {
  const points = kernels
    .slice(0, SHOWN)
    .map(({ kernel, flops, bytes, flopsPerSecond, share }, i) => {
      const point = {
        kernel,
        rank: i + 1,
        x: flops / bytes,
        y: flopsPerSecond / 1e9,
        diameter: 8 + 18 * Math.sqrt(share),
      };
      return { ...point, isShown: flops >= LEAST_FLOPS && bytes > 0 && point.y > 0 };
    });
  return points.filter(({ isShown }) => isShown);
}

export function drawRoofline({ kernels, peaks }: Profile): void {
  const points = pointsOf(kernels);
  const ridge = peaks.flopsPerSecond / peaks.bytesPerSecond;
  if (points.length === 0 || !(ridge > 0)) {
    removeFigure('roofline');
    return;
  }
  const places = [ridge, ...points.map(({ x }) => x)];
  const low = Math.min(...places) / 3;
  const high = Math.max(...places) * 3;
  const xs = [low, ridge, high];
  const roof = xs.map((x) => Math.min(peaks.flopsPerSecond, x * peaks.bytesPerSecond) / 1e9);
  const heights = points.map(({ y }) => y);
  const said = points.map(
    ({ kernel, rank, y }) => `${rank} ${kernel}: ${y.toPrecision(3)} GFLOP/s`,
  );
  const roofLine: ChartSeries = { stroke: '--muted', spanGaps: true };
  drawChart({
    box: 'roofline',
    label: `Roofline. ${said.join('; ')}`,
    data: uPlot.join([[xs, roof], ...points.map(({ x, y }): uPlot.AlignedData => [[x], [y]])]),
    along: {},
    series: [roofLine, ...points.map(dotOf)],
    x: { ...decades, label: 'FLOP per byte' },
    y: { ...decades, label: 'GFLOP/s', size: 56 },
    legend: { show: false },
    cursor: { show: false },
    hooks: { draw: [(plot) => writeRanks(plot, points)] },
    scales: {
      x: { time: false, distr: 3, range: [low, high] },
      y: { distr: 3, range: [Math.min(...heights) / 3, Math.max(...roof, ...heights) * 2] },
    },
  });
}

const dotOf = ({ diameter }: Point): ChartSeries => ({
  stroke: '--run0',
  points: { show: true, size: diameter, fill: () => colour('--faint') },
});

/** Writes each point's rank to its right, in device pixels. */
function writeRanks({ ctx, valToPos }: uPlot, points: readonly Point[]): void {
  const scale = devicePixelRatio;
  ctx.fillStyle = colour('--ink');
  ctx.font = fontOf(12 * scale);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const { x, y, rank, diameter } of points) {
    const right = valToPos(x, 'x', true) + (diameter / 2 + 3) * scale;
    ctx.fillText(String(rank), right, valToPos(y, 'y', true));
  }
}

const isPowerOfTen = (value: number): boolean => Math.abs(Math.log10(value) % 1) < 1e-6;

/** A logarithmic axis with a line at each power of ten. */
const decades: uPlot.Axis = {
  splits: (_, _axis, from, to) => {
    const powers: number[] = [];
    const last = Math.floor(Math.log10(to));
    for (let power = Math.ceil(Math.log10(from)); power <= last; power++) powers.push(10 ** power);
    return powers;
  },
  values: (_, splits) =>
    splits.map((value) => (isPowerOfTen(value) ? String(Number(value.toPrecision(3))) : '')),
};
