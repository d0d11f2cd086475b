// The kernels of a training step: how they are spread, or how long they take.
import { element, make, percent, put } from '../shared/dom.js';
import type { Kernel, KernelTime } from './protocol.js';

/** Kernels below this share of the time are one row. */
const SMALL = 0.005;

function fill(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  element('kernelHeads').replaceChildren(
    ...heads.map((head) => make('th', { scope: 'col' }, head)),
  );
  element('kernels').replaceChildren(
    ...rows.map(([name, ...cells]) =>
      make(
        'tr',
        {},
        make('th', { scope: 'row' }, name!),
        ...cells.map((cell) => make('td', {}, cell)),
      ),
    ),
  );
}

const number = (value: number): string =>
  value < 0.01 ? '< 0.01' : value.toLocaleString('en', { maximumSignificantDigits: 3 });

/** What a step runs. */
export function showKernels(kernels: readonly Kernel[], unfused: number): void {
  element('kernelsBox').hidden = kernels.length === 0;
  put('kernelsTitle', `Kernels of one step: ${kernels.length}, fused from ${unfused} operations`);
  fill(
    ['Kernel', 'Workgroups'],
    kernels.map(({ name, workgroups }) => [name, workgroups]),
  );
}

/** GPU time of each kernel, the longest first. */
export function showTimes(times: readonly KernelTime[]): void {
  const large = times.filter(({ share }) => share >= SMALL);
  const rows = large.map(({ name, microseconds, share, flopsPerSecond, bytesPerSecond }) => [
    ...[name, number(microseconds), percent(share, 1)],
    ...[number(flopsPerSecond / 1e9), number(bytesPerSecond / 1e9)],
  ]);
  const rest = times.length - large.length;
  const others = times.reduce((sum, { share }) => sum + (share < SMALL ? share : 0), 0);
  if (rest > 0)
    rows.push([`${rest} ${rest > 1 ? 'others' : 'other'}`, '', percent(others, 1), '', '']);
  fill(['Kernel', 'µs a call', 'Share', 'GFLOP/s', 'GB/s'], rows);
}
