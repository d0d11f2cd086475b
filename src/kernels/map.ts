// Kernels of elementwise results: every invocation walks over elements, four at a time where sizes allow.
import skeleton from '../../shaders/map.wgsl?raw';
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import type { Group } from '../planning/groups.js';
import { choices, invocations } from '../planning/limits.js';
import type { Kernel } from '../wgsl/bindings.js';
import { countOf } from '../wgsl/indices.js';
import type { EmitOptions } from './options.js';
import { writeResults } from './results.js';

/** Whether a kernel has of a node its own element alone. */
const readsOwn = ({ reads, space }: Group, node: Tensor): boolean =>
  reads.get(node) !== false && sizeOf(node.shape) === countOf(space.row);

/** Whether a kernel may run over neighbours too: it has but its own element, of one width everywhere, and scalars. */
export function isElementwise(group: Group): boolean {
  const isOwn = (node: Tensor): boolean =>
    readsOwn(group, node) && bytesPerElement(node.dtype) === 4;
  const nodes = [...group.reads.keys(), ...group.stores];
  return nodes.every((node) => isOwn(node) || sizeOf(node.shape) === 1);
}

/**
 * An elementwise kernel. With `length`, one that runs over that many elements of buffers with one layout (the
 * parameters of a whole model).
 */
export function emitMap(
  group: Group,
  options: EmitOptions,
  length = countOf(group.space.row),
): Kernel {
  const GROUP_X = invocations.map;
  const LANES = length % 4 === 0 ? 4 : 1;
  const GROUPS = Math.ceil(length / LANES);
  const vectorAt = (node: Tensor): string | undefined =>
    readsOwn(group, node) ? 'group' : undefined;
  const { writer, ...parts } = writeResults(group, options, LANES > 1 ? vectorAt : undefined);
  const most = choices[options.adapter].elementwiseGroups;
  const workgroups = Math.min(Math.ceil(GROUPS / GROUP_X), most);
  const filling = { parts, constants: { LANES, GROUPS, GROUP_X } };
  return writer.kernel(skeleton, filling, [Math.max(1, workgroups), 1, 1]);
}
