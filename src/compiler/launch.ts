// A dispatch to be: the kernel of one fusion group, or of several that run side by side.
import { isParameter } from '../graph/program.js';
import type { EmitOptions } from '../kernels/options.js';
import type { Group } from '../planning/groups.js';
import type { Kernel } from '../wgsl/bindings.js';

export interface Launch {
  readonly groups: readonly [Group, ...Group[]];
  readonly kernel: Kernel;
  /** Of a run, one kernel over the updates of neighbouring parameters: the bytes from the first one's values to the last's. */
  readonly run?: number;
}

/** Whether kernels may not run after others that stand behind them: these need what they make, or overwrite what they read. */
export function isInTheWay(
  groups: readonly Group[],
  others: readonly Group[],
  { target }: EmitOptions,
): boolean {
  const made = new Set(groups.flatMap(({ stores }) => stores));
  const read = groups.flatMap(({ reads }) => [...reads.keys()]);
  const kept = new Set(read.filter(isParameter));
  return others.some(
    ({ needs, stores }) =>
      [...needs].some((node) => made.has(node)) || stores.some((node) => kept.has(target(node))),
  );
}
