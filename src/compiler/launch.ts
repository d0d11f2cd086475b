// A dispatch to be: the kernel of one fusion group, or of several that run side by side.
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import type { EmitOptions } from '../kernels/options.js';
import type { Group } from '../planning/groups.js';
import type { Kernel } from '../wgsl/bindings.js';

export interface Launch {
  readonly groups: readonly [Group, ...Group[]];
  readonly kernel: Kernel;
  /** The bytes that it binds from some nodes on, where that is more than the node: neighbours, which it runs over too. */
  readonly spans?: ReadonlyMap<Tensor, number>;
}

/** Kernels that come first: others may not come before them that need what they make, or overwrite what they read. */
export class Ahead {
  readonly #target: EmitOptions['target'];
  readonly #groups = new Set<Group>();
  readonly #made = new Set<Tensor>();
  readonly #kept = new Set<Tensor>();

  constructor({ target }: EmitOptions, groups: readonly Group[] = []) {
    this.#target = target;
    for (const group of groups) this.add(group);
  }

  has(group: Group): boolean {
    return this.#groups.has(group);
  }

  add(group: Group): void {
    this.#groups.add(group);
    for (const node of group.stores) this.#made.add(node);
    for (const node of group.reads.keys()) if (isParameter(node)) this.#kept.add(node);
  }

  holdsUp({ needs, stores }: Group): boolean {
    const isNeeded = [...needs].some((node) => this.#made.has(node));
    return isNeeded || stores.some((node) => this.#kept.has(this.#target(node)));
  }
}

/** Whether kernels may not run after others that stand behind them: these need what they make, or overwrite what they read. */
export function isInTheWay(
  groups: readonly Group[],
  others: readonly Group[],
  options: EmitOptions,
): boolean {
  const ahead = new Ahead(options, groups);
  return others.some((group) => ahead.holdsUp(group));
}
