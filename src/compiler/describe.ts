// Dispatches of a plan as plain data: text, buffers, and what they compute, for devices and for people.
import type { DType } from '../core/dtype.js';
import { DeviceError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { outputIndex } from '../graph/several.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import type { EmitOptions } from '../kernels/options.js';
import type { Place } from '../planning/context.js';
import { callOf, type Group } from '../planning/groups.js';
import { choices } from '../planning/limits.js';
import { isLiteral, isVirtual } from '../planning/nodes.js';
import { type Binding, type Kernel, wholeText } from '../wgsl/bindings.js';
import type { Taken } from '../wgsl/library.js';
import type { Launch } from './launch.js';
import { wholeVectors } from './memory.js';

/** A buffer as a dispatch binds it. */
export interface BoundPlace {
  readonly place: Place;
  readonly access: 'read' | 'read_write';
  readonly dtype: DType;
}

/** One kernel call: its text, its buffers, and the groups (for people and for the cross-check) that it computes. */
export interface Dispatch {
  readonly workgroups: Kernel['workgroups'];
  readonly product: string | undefined;
  /** A short name. */
  readonly kernel: string;
  readonly wgsl: string;
  /** Where the functions of its text were written. */
  readonly origins: ReadonlyMap<string, Taken>;
  readonly bindings: readonly BoundPlace[];
  readonly groups: readonly Group[];
  /** The names of what it computes. */
  readonly ops: readonly string[];
  /** What it computes, with everything written into it, each node after those that it uses. */
  readonly computed: readonly Tensor[];
  /** Of the values that it must read and write, each once: an elementwise kernel reads a data set's rows, not all. */
  readonly bytes: number;
}

/** A short name for a kernel: its heavy ops, and what its last result is. */
function kernelName({ kind, members }: Group): string {
  if (kind === 'written') return callOf(members[0]).op.name;
  const last = members.findLast(isVirtual);
  const named = members.filter((node) => kind === 'map' || !isVirtual(node) || node === last);
  return named.map(({ op }) => op.name).join('+');
}

/** What a kernel computes, with everything written into it, each node after those that it uses. */
function nodesOf({ members }: Group, stored: ReadonlySet<Tensor>): Tensor[] {
  const isWritten = (node: Tensor): boolean =>
    members.includes(node) || !(stored.has(node) || isLiteral(node));
  return topological(members, ({ inputs }) => inputs.filter(isWritten));
}

const elementsOf = ({ members: [first] }: Group): number => sizeOf(first.shape);
const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

interface Bound extends Omit<BoundPlace, 'dtype'> {
  readonly binding: Binding;
}

/** What a launch binds. It may not bind one buffer both to read and to write: there, all is bound to be written. */
function boundBy({ kernel, spans }: Launch, placeOf: (node: Tensor) => Place): Bound[] {
  const places = kernel.bindings.map((binding) => {
    const place = placeOf(binding.node);
    const bytes = spans?.get(binding.node) ?? place.bytes;
    return { binding, place: { ...place, bytes } };
  });
  const written = places.filter(({ binding }) => binding.access === 'read_write');
  const buffers = new Set(written.map(({ place }) => place.buffer));
  return places.map(({ binding, place }) => ({
    ...{ binding, place },
    access: buffers.has(place.buffer) ? 'read_write' : 'read',
  }));
}

/** Refuses a kernel that binds more buffers than the device lets it. */
function checkBound({ groups: [first], kernel }: Launch, most: number): void {
  const { length } = kernel.bindings;
  if (length <= most) return;
  const fact = `it binds ${length} buffers of at most ${most}`;
  throw new DeviceError(`${kernelName(first)}: ${fact}; give it fewer inputs`);
}

/** A launch with the places of what it binds. */
export function describe(
  launch: Launch,
  { stored, limits, adapter, arraysOf }: EmitOptions,
  placeOf: (node: Tensor) => Place,
): Dispatch {
  checkBound(launch, limits.storageBuffers);
  const { groups, kernel, spans } = launch;
  const { code, workgroups, product } = kernel;
  const [first] = groups;
  const bound = boundBy(launch, placeOf);
  const whole = bound.map(({ place, ...rest }) => {
    return { ...rest, place: { ...place, bytes: wholeVectors(place.bytes) } };
  });
  const most = first.kind === 'map' ? 4 * total(groups.map(elementsOf)) : Number.POSITIVE_INFINITY;
  const computed = groups.flatMap((group) => nodesOf(group, stored));
  // the groups of a run are alike
  const named = spans ? nodesOf(first, stored) : computed;
  const texts = whole.map(({ place, ...rest }) => ({ ...rest, bytes: place.bytes }));
  return {
    kernel: [...new Set(groups.map(kernelName))].join('+'),
    wgsl: wholeText(code, texts, arraysOf?.(product ?? first.kind) ?? choices[adapter].arrays),
    origins: code.vocabulary.taken,
    ...{ workgroups, product, groups },
    bindings: whole.map(({ place, access, binding }) => {
      return { place, access, dtype: binding.node.dtype };
    }),
    ops: named.flatMap((node) => (outputIndex(node) === undefined ? node.op.name : [])),
    computed,
    bytes: total(bound.map(({ place }) => Math.min(place.bytes, most))),
  };
}
