// Kernels of elementwise results: every invocation walks over elements, four at a time where sizes allow.
import skeleton from '../../shaders/map.wgsl?raw';
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

/** What a kernel runs over beside its own elements: so many of buffers with one layout, which have these nodes' in them. */
interface Run {
  readonly length: number;
  readonly own: ReadonlySet<Tensor>;
}

/** An elementwise kernel, or one over neighbours too (the parameters of a whole model). */
export function emitMap(group: Group, options: EmitOptions, run?: Run): Kernel {
  const length = run?.length ?? countOf(group.space.row);
  const GROUP_X = invocations.map;
  const LANES = length % 4 === 0 ? 4 : 1;
  const GROUPS = Math.ceil(length / LANES);
  const vectorAt = (node: Tensor): string | undefined => {
    const isOwn = run ? run.own.has(node) : readsOwn(group, node);
    return isOwn ? 'group' : undefined;
  };
  const { writer, ...parts } = writeResults(group, options, LANES > 1 ? vectorAt : undefined);
  const most = choices[options.adapter].elementwiseGroups;
  const workgroups = Math.min(Math.ceil(GROUPS / GROUP_X), most);
  const filling = { parts, constants: { LANES, GROUPS, GROUP_X } };
  return writer.kernel(skeleton, filling, [Math.max(1, workgroups), 1, 1]);
}
