// Joins dispatches: parameter updates of one kind over all parameters, and small kernels that run side by side.
import type { Tensor } from '../graph/tensor.js';
import { emit } from '../kernels/emit.js';
import type { EmitOptions } from '../kernels/options.js';
import type { Place } from '../planning/context.js';
import type { Group } from '../planning/groups.js';
import { fusion as limits, MAX_GROUPS, MAX_WORKGROUP_BYTES, products } from '../planning/limits.js';
import { isScatter, multiplyAdds } from '../planning/nodes.js';
import { addBinding, type Binding, type Kernel } from '../wgsl/bindings.js';
import { countOf } from '../wgsl/indices.js';
import { hasMemory, joined, sharesMemory, startsAlike } from '../wgsl/kernel.js';
import { acrossLaunches, isAcross } from './across.js';
import type { Fusion } from './fusion.js';
import { isInTheWay, type Launch } from './launch.js';
import { runsOf } from './runs.js';

/** The dispatches of kernels in this order; a run comes where the last of its updates was. */
export function launchesOf(
  fusion: Fusion,
  order: readonly Group[],
  options: EmitOptions,
  places: Map<Tensor, Place>,
): Launch[] {
  const runs = runsOf(fusion, order, options, places);
  const launchesFor = (group: Group): Launch[] =>
    isAcross(group)
      ? acrossLaunches(group, options, places)
      : [{ groups: [group], kernel: emit(group, options) }];
  return joinSmall(
    runs.order.flatMap((group) => runs.launches.get(group) ?? launchesFor(group)),
    options,
  );
}

/**
 * Small folds (bias gradients, the cost) become one dispatch where one may run when the other does, and so do small
 * products (δ and δaᵀ of a layer).
 */
function joinSmall(launches: readonly Launch[], options: EmitOptions): Launch[] {
  const out: Launch[] = [];
  for (const launch of launches) {
    const partners = partnersOf(launch, out);
    if (!partners.some((partner) => joinWith(out, partner, launch, options))) out.push(launch);
  }
  return out;
}

/** Earlier dispatches that are small of the same, the newest first. */
function partnersOf(launch: Launch, earlier: readonly Launch[]): Launch[] {
  const kind = smallKind(launch);
  const partners: Launch[] = [];
  if (kind === undefined) return partners;
  for (let at = earlier.length - 1; at >= 0 && partners.length < limits.partners; at--)
    partners.push(...earlier.slice(at, at + 1).filter((other) => smallKind(other) === kind));
  return partners;
}

/** Runs a launch in one dispatch with an earlier one, where one of them can come as early or as late as the other. */
function joinWith(out: Launch[], partner: Launch, launch: Launch, options: EmitOptions): boolean {
  const at = out.indexOf(partner);
  const between = out.slice(at + 1).flatMap(({ groups }) => groups);
  const isEarly = !isInTheWay([...partner.groups, ...between], launch.groups, options);
  if (!isEarly && isInTheWay(partner.groups, [...between, ...launch.groups], options)) return false;
  const groups: Launch['groups'] = [...partner.groups, ...launch.groups];
  const kernels = groups.map((group) => emit(group, options));
  const kernel = joinKernels(kernels, options.limits.storageBuffers);
  if (!kernel) return false;
  out.splice(at, 1);
  out.splice(isEarly ? at : out.length, 0, { groups, kernel });
  return true;
}

/** What a launch is small of, if it is. */
function smallKind({ groups }: Launch): Group['kind'] | undefined {
  return groups.every(isSmall) ? groups[0].kind : undefined;
}

function isSmall({ kind, members, space }: Group): boolean {
  switch (kind) {
    case 'map':
    case 'written':
      return false;
    case 'reduce':
      return countOf(space.element) <= limits.smallFold && !members.some(isScatter);
    case 'matmul':
      return multiplyAdds(members[0]) <= products.small;
    default:
      return kind satisfies never;
  }
}

/** Kernels that need nothing of each other as one; undefined where they begin differently or bind too much together. */
function joinKernels(kernels: readonly Kernel[], storageBuffers: number): Kernel | undefined {
  const [first] = kernels;
  if (!first || !kernels.every(({ code }) => startsAlike(code, first.code))) return undefined;
  const bindings: Binding[] = [];
  const parts = kernels.map((kernel) => {
    const names = kernel.bindings.map(
      (binding, at) => [`b${at}`, `b${addBinding(bindings, binding)}`] as const,
    );
    return { ...kernel, buffers: new Map(names) };
  });
  const total = kernels.reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0);
  if (bindings.length > storageBuffers || total > MAX_GROUPS) return undefined;
  if (!fitsTogether(kernels)) return undefined;
  return { code: joined(parts), bindings, workgroups: [total, 1, 1] };
}

/** Whether the memory of workgroups is the same for all of some kernels, or has room for that of each. */
function fitsTogether(kernels: readonly Kernel[]): boolean {
  const [first] = kernels;
  if (first && kernels.every(({ code }) => sharesMemory(code, first.code))) return true;
  const bytes = kernels.map(({ code, workgroupBytes = Infinity }) =>
    hasMemory(code) ? workgroupBytes : 0,
  );
  return bytes.reduce((sum, each) => sum + each, 0) <= MAX_WORKGROUP_BYTES;
}
