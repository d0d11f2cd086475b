import { DeviceError, DTypeError } from '../errors.js';
import { pointwise } from '../graph/op.js';
import { isConstant, isParameter, type Program } from '../graph/program.js';
import { definePointwise, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { formatShape, sizeOf } from '../shape.js';
import { base } from './alias.js';
import { align, nodeBytes, type ParameterStore, type Place, type PlanBuffer } from './arena.js';
import { type AdapterClass, type EmitOptions, emitMap, emitReduce, type Kernel } from './kernels.js';
import { lower } from './lower.js';
import { emitMatmul } from './matmul.js';
import { assignSlots } from './memory.js';
import { schedule } from './order.js';
import { isLeaf, isLiteral } from './partition.js';
import { members, type Unit, Units } from './units.js';
import { type Group, groupUnits } from './updates.js';

/** One kernel call: its text, its buffers, and the units (for people and for the cross-check) that it computes. */
export interface Dispatch {
  readonly kernel: string;
  readonly ops: readonly string[];
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
  readonly bindings: readonly { readonly place: Place; readonly access: 'read' | 'read_write' }[];
  readonly units: readonly Unit[];
}

/** A program as plain data: what `GpuExecutable` turns into GPU objects, again after a lost device. */
export interface Plan {
  readonly dispatches: readonly Dispatch[];
  readonly dispatchesUnfused: number;
  readonly buffers: readonly PlanBuffer[];
  /** Bytes of the buffers that only this plan uses. */
  readonly bytes: number;
  /** Where each stored node lies. */
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly outputs: readonly Tensor[];
  /** Next values that could not be written in place, copied to their parameters after the pass. */
  readonly copies: readonly (readonly [next: Tensor, parameter: Tensor])[];
  readonly feeds: readonly Tensor[];
  readonly nodes: number;
}

/** What plans of one engine share. */
export interface PlanContext {
  readonly store: ParameterStore;
  readonly constants: WeakMap<Tensor, PlanBuffer>;
  readonly adapter: AdapterClass;
  /** Whether kernels may hold half-precision numbers. */
  readonly f16: boolean;
}

const identity = definePointwise('identity', pointwise('identity', 'fn identity(a: f32) -> f32 { return a; }'), {
  accepts: 'any',
  reference: (x) => x,
});

/** Lowers a program; next values get nodes of their own, so that each update has one kernel to write it. */
function lowerProgram({ outputs, updates }: Program): Pick<Program, 'outputs' | 'updates'> {
  const roots = lower([...outputs, ...updates.map(([, next]) => next)]);
  const taken = new Set<Tensor>();
  const own = roots
    .splice(outputs.length)
    .map(base)
    .map((next) => {
      const made = isLeaf(next) || taken.has(next) ? identity(next) : next;
      taken.add(made);
      return made;
    });
  return { outputs: roots, updates: updates.map(([parameter], i) => [parameter, own[i]!]) };
}

function emit(unit: Unit, options: EmitOptions): Kernel {
  if (unit.kind === 'matmul') return emitMatmul(unit, options);
  return unit.kind === 'reduce' ? emitReduce(unit, options) : emitMap(unit, options)!;
}

/** A short name for a dispatch: its heavy op, or what its result is. */
const kernelName = (unit: Unit): string =>
  [...unit.heads, ...unit.roots.slice(unit.heads.length ? -1 : 0)].map((node) => node.op.name).join('+');

/** The ops that a unit computes, with everything written into it, each after those that it uses. */
function opsOf(unit: Unit, stored: ReadonlySet<Tensor>): string[] {
  const own = members(unit);
  const isWritten = (node: Tensor): boolean => own.includes(node) || !(stored.has(node) || isLiteral(node));
  return topological(own, ({ inputs }) => inputs.filter(isWritten)).map(({ op }) => op.name);
}

/** Places of leaves: parameters in the engine's flat buffers, constants once an engine, inputs once a plan. */
function placeLeaves(
  nodes: readonly Tensor[],
  { feedConstants }: Program,
  context: PlanContext,
  places: Map<Tensor, Place>,
): void {
  const leaves = [...new Set(nodes)].filter(isLeaf);
  context.store.add(leaves.filter(isParameter));
  for (const node of leaves) {
    checkStorable(node, context);
    const bytes = align(nodeBytes(node), 16);
    const isKept = isConstant(node) && !feedConstants;
    const kept = isKept ? context.constants.get(node) : undefined;
    const buffer: PlanBuffer = kept ?? { kind: isKept ? 'constant' : 'feed', bytes, node };
    if (isKept) context.constants.set(node, buffer);
    places.set(node, isParameter(node) ? context.store.get(node)! : { buffer, offset: 0, bytes });
  }
}

/** Throws where a value cannot lie in a buffer of this adapter, or cannot be made there. */
function checkStorable(node: Tensor, { store, f16 }: PlanContext): void {
  const bytes = nodeBytes(node);
  const what = `${node.op.name} ${formatShape(node.shape)}`;
  if (bytes > store.maxBytes)
    throw new DeviceError(
      `${what} takes ${bytes} bytes, above this adapter's binding limit of ${store.maxBytes}; use a smaller batch or split it`,
    );
  if (node.dtype === 'u8' && !isLeaf(node))
    throw new DTypeError(`${what}: u8 is storage only and no kernel makes it; cast to f32 or i32 first`);
  if (node.dtype === 'f16' && !f16) throw new DTypeError(`${what}: this adapter has no shader-f16; use f32`);
}

/** Compiles a program to a plan: lower, fuse, order, place, write WGSL. Pure, but for the shared parameter layout. */
export function makePlan(program: Program, context: PlanContext): Plan {
  const lowered = lowerProgram(program);
  const units = new Units(lowered);
  const { stored, aliases, order: nodes } = units.partition;
  const targets = new Map(lowered.updates.map(([parameter, next]) => [next, parameter]));
  const { order, inPlace } = schedule(units, targets);
  const target = (node: Tensor): Tensor => (inPlace.has(node) ? targets.get(node)! : node);
  const options: EmitOptions = { stored, adapter: context.adapter, target };
  const places = new Map<Tensor, Place>();
  const groups = groupUnits(units, order, options, context.store, places);
  placeLeaves([...nodes, ...targets.values()], program, context, places);
  for (const node of inPlace) places.set(node, places.get(target(node))!);
  for (const unit of order) for (const node of unit.stores) checkStorable(node, context);
  assignSlots(groups, lowered.outputs.map(base), aliases, places);
  const dispatches = groups
    .filter(({ units: [first] }) => sizeOf(members(first!)[0]!.shape) > 0)
    .map((group) => describeDispatch(group, options, (node) => places.get(base(node))!));
  const buffers = [...new Set([...places.values()].map(({ buffer }) => buffer))];
  const own = buffers.filter(({ kind }) => kind !== 'parameters' && kind !== 'constant');
  const computed = nodes.filter((node) => !isLeaf(node) && !isLiteral(node));
  return {
    dispatches,
    dispatchesUnfused: computed.filter((node) => node.op.name !== 'reshape').length,
    buffers,
    bytes: own.reduce((total, { bytes }) => total + bytes, 0),
    places,
    outputs: lowered.outputs,
    copies: [...targets].filter(([next]) => !inPlace.has(next)),
    feeds: buffers.flatMap(({ kind, node }) => (kind === 'feed' ? [node!] : [])),
    nodes: computed.length,
  };
}

/** A kernel with its places. It may not bind one buffer both to read and to write: there, all is bound to be written. */
function describeDispatch(
  { units, ranges, kernel }: Group,
  options: EmitOptions,
  placeOf: (node: Tensor) => Place,
): Dispatch {
  const unit = units[0]!; // the units of a run are alike
  const { wgsl, workgroups, bindings: bound } = kernel ?? emit(unit, options);
  const places = bound.map(({ node }) => ranges?.get(options.target(base(node))) ?? placeOf(node));
  const written = new Set(places.filter((_, i) => bound[i]!.access === 'read_write').map(({ buffer }) => buffer));
  const bindings = places.map((place) => ({
    place: { ...place, bytes: align(place.bytes, 16) }, // whole vec4s
    access: written.has(place.buffer) ? ('read_write' as const) : ('read' as const),
  }));
  let text = wgsl;
  for (const [i, { access }] of bindings.entries())
    text = text.replace(`@binding(${i}) var<storage, read>`, `@binding(${i}) var<storage, ${access}>`);
  return { kernel: kernelName(unit), ops: opsOf(unit, options.stored), wgsl: text, workgroups, bindings, units };
}
