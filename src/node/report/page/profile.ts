// The section "GPU time": kernels by their share of the time, beside the roofline chart.
import type { KernelProfile, Profile } from '../../../graph/backend.js';
import { addTable, byId, type Cell, make, reveal } from './elements.js';
import { count, duration, rate } from './format.js';
import { drawRoofline } from './roofline.js';

const HEAD = ['Kernel', 'Calls', 'ms', 'Share', 'µs a call', 'GFLOP/s', 'GB/s', 'Of roof'];

/** Kernels below this share of the time are folded away, but for the first few. */
const SMALL_SHARE = 0.01;
const LEAST_SHOWN = 4;

/** `whole`: all steps were measured, not only the first ones. */
export function showProfile(profile: Profile, whole: boolean): void {
  reveal('profile');
  const { peaks, milliseconds, kernels, adapter } = profile;
  const measured = `${whole ? '' : 'The first steps: '}${duration(milliseconds / 1000)} on ${adapter}`;
  const reached = `${rate(peaks.flopsPerSecond)} GFLOP/s and ${rate(peaks.bytesPerSecond)} GB/s`;
  byId('time').textContent = `${measured}; a small probe reached ${reached}.`;
  drawRoofline(profile);
  const longest = Math.max(...kernels.map(({ share }) => share));
  const rows = kernels.map((kernel, i) => rowOf(kernel, i + 1, longest));
  const shown = Math.max(LEAST_SHOWN, kernels.filter(({ share }) => share >= SMALL_SHARE).length);
  addTable(byId('kernels'), {
    label: 'GPU time by kernel',
    head: HEAD,
    rows: rows.slice(0, shown),
  });
  if (rows.length === shown) return;
  const rest = make(
    'details',
    {},
    make('summary', {}, `${rows.length - shown} more kernels, each under 1%`),
  );
  addTable(rest, { label: 'GPU time of the other kernels', head: HEAD, rows: rows.slice(shown) });
  byId('kernels').append(rest);
}

/** A kernel's figures, its share as a bar against the longest kernel's. */
function rowOf(kernel: KernelProfile, rank: number, longest: number): Cell[] {
  const { ops, calls, milliseconds, share, flopsPerSecond, bytesPerSecond, ofPeak } = kernel;
  const breakable = kernel.kernel.replaceAll('+', '+\u200b');
  const name = make('span', { title: ops.join(', ') }, `${rank}. ${breakable}`);
  const bar = { class: 'share', style: `--of: ${(100 * share) / longest}%` };
  return [
    name,
    count(calls),
    milliseconds.toFixed(1),
    make('td', bar, `${(100 * share).toFixed(1)}%`),
    ((1000 * milliseconds) / calls).toFixed(1),
    rate(flopsPerSecond),
    rate(bytesPerSecond),
    `${(100 * ofPeak).toFixed(0)}%`,
  ];
}
