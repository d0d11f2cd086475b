// Kernels that records bring along, written out in WGSL.
import { DeviceError } from '../core/errors.js';
import type { WrittenKernel } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { callOf, type Group } from '../planning/groups.js';
import { MAX_GROUPS } from '../planning/limits.js';
import type { Binding, Kernel } from '../wgsl/bindings.js';
import { writtenCode } from '../wgsl/written.js';
import type { EmitOptions } from './options.js';

/** The kernel of a record for this class of adapters, with what it reads and what it writes bound in order. */
export function emitWritten({ members }: Group, { adapter, target }: EmitOptions): Kernel {
  const call = callOf(members[0]);
  const { name } = call.op;
  const { variants, ...usual } = call.op.kernel as WrittenKernel;
  const { wgsl, entry = 'main', constants, workgroups } = { ...usual, ...variants?.[adapter] };
  const shapes = call.inputs.map(({ shape }) => shape);
  const bindings = [
    ...call.inputs.map((node, i) => bound(base(node), 'read', `in${i}`)),
    ...members.map((node, i) => bound(target(node), 'read_write', `out${i}`)),
  ];
  const numbers = constants?.(shapes, call.options) ?? {};
  const buffers = bindings.map((each) => each.name);
  const code = writtenCode(name, wgsl, entry, numbers, buffers);
  return { code, bindings, workgroups: inRows(name, workgroups(shapes, call.options)) };
}

const bound = (node: Tensor, access: Binding['access'], name: string) => ({
  ...{ node, access, name },
  vector: false,
});

/** Workgroups along x beyond what WebGPU takes, as rows along y. Throws DeviceError for what it cannot take at all. */
function inRows(op: string, counts: Kernel['workgroups']): Kernel['workgroups'] {
  if (counts?.length !== 3)
    throw new DeviceError(
      `${op}: its workgroups are ${String(counts)}; give a list of three numbers`,
    );
  const [x, y, z] = counts;
  if (!counts.every((count) => Number.isInteger(count) && count > 0))
    throw new DeviceError(
      `${op}: its workgroups are ${counts.join(', ')}; give three whole numbers above 0`,
    );
  const down = Math.ceil(x / MAX_GROUPS);
  const rows: Kernel['workgroups'] =
    down > 1 && y * z === 1 ? [Math.ceil(x / down), down, 1] : [x, y, z];
  if (Math.max(...rows) <= MAX_GROUPS) return rows;
  throw new DeviceError(
    `${op}: its workgroups are ${counts.join(', ')}; give at most ${MAX_GROUPS} along an axis`,
  );
}
