import { bytesOf } from '../dtype.js';
import { DeviceError, DTypeError } from '../errors.js';
import { type PointwiseRecord, pointwise } from '../graph/op.js';
import { isConstant, isParameter, type Program } from '../graph/program.js';
import { apply, type Tensor } from '../graph/tensor.js';
import { formatShape, sizeOf } from '../shape.js';
import { base } from './alias.js';
import { nodeBytes, type ParameterStore, type Place, type PlanBuffer } from './arena.js';
import { type AdapterClass, type EmitOptions, emitMap, emitReduce, type Kernel } from './kernels.js';
import { lower } from './lower.js';
import { emitMatmul } from './matmul.js';
import { assignSlots } from './memory.js';
import { schedule } from './order.js';
import { isLeaf, isLiteral } from './partition.js';
import { members, type Unit, Units } from './units.js';
import { planUpdates, type Run } from './updates.js';

/** One kernel call: its text, its buffers, and the units (for people and for the cross-check) that it computes. */
export interface Dispatch {
  readonly kernel: string;
  readonly ops: readonly string[];
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
  readonly bindings: readonly { readonly place: Place; readonly access: 'read' | 'read_write' }[];
  readonly units: readonly Unit[];
}

/** A program as plain data: what `realise` turns into GPU objects, again after a lost device. */
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
  readonly feeds: ReadonlyMap<Tensor, Place>;
  readonly nodes: number;
}

/** What plans of one engine share. */
export interface PlanContext {
  readonly store: ParameterStore;
  readonly constants: WeakMap<Tensor, PlanBuffer>;
  readonly adapter: AdapterClass;
  readonly maxBinding: number;
  /** Whether kernels may hold half-precision numbers. */
  readonly f16: boolean;
}

const identityOp: PointwiseRecord<Record<string, never>> = {
  name: 'identity',
  accepts: 'any',
  reference: (x) => x,
  kernel: pointwise('identity', 'fn identity(a: f32) -> f32 { return a; }'),
  bound: { ulp: 0 },
};

/** Lowers a program; next values get nodes of their own, so that each update has one kernel to write it. */
function lowerProgram(program: Program): Omit<Program, 'inputs'> {
  const roots = lower([...program.outputs, ...program.updates.map(([, next]) => next)]);
  const taken = new Set<Tensor>();
  const updates = program.updates.map(([parameter], i) => {
    const next = base(roots[program.outputs.length + i]!);
    const shared = isLeaf(next) || taken.has(next);
    const own = shared ? apply(identityOp, [next], {}) : next;
    taken.add(own);
    return [parameter, own] as const;
  });
  return { ...program, outputs: roots.slice(0, program.outputs.length), updates };
}

const emit = (unit: Unit, options: EmitOptions): Kernel =>
  unit.kind === 'matmul'
    ? emitMatmul(unit, options)
    : unit.kind === 'reduce'
      ? emitReduce(unit, options)
      : emitMap(unit, options)!;

/** A short name for a dispatch: its heavy op, or what its result is. */
const kernelName = (unit: Unit): string =>
  [...unit.heads, ...unit.roots.slice(unit.heads.length ? -1 : 0)].map((node) => node.op.name).join('+');

/** The ops that a unit computes, heads first, then everything written into it. */
function opsOf(unit: Unit, stored: ReadonlySet<Tensor>): string[] {
  const own = new Set(members(unit));
  const names: string[] = [];
  const seen = new Set<Tensor>();
  const stack = [...own];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node) || isLeaf(node) || isLiteral(node) || (stored.has(node) && !own.has(node))) continue;
    seen.add(node);
    names.unshift(node.op.name);
    stack.push(...node.inputs);
  }
  return names;
}

/** Places of leaves: parameters in the engine's flat buffers, constants once an engine, inputs once a plan. */
function placeLeaves(
  units: Units,
  program: Omit<Program, 'inputs'>,
  context: PlanContext,
  places: Map<Tensor, Place>,
): void {
  const leaves = [...new Set([...units.partition.order, ...program.updates.map(([parameter]) => parameter)])].filter(
    (node) => isLeaf(node) && !isLiteral(node),
  );
  context.store.add(leaves.filter(isParameter));
  for (const node of leaves) {
    checkStorable(node, context);
    if (isParameter(node)) places.set(node, context.store.get(node)!);
    else {
      const kept = isConstant(node) && !program.feedConstants;
      let buffer = kept ? context.constants.get(node) : undefined;
      buffer ??= { kind: kept ? 'constant' : 'feed', bytes: padded(node), node };
      if (kept) context.constants.set(node, buffer);
      places.set(node, { buffer, offset: 0, bytes: padded(node) });
    }
  }
}

/** Throws where a value cannot lie in a buffer of this adapter, or cannot be made there. */
function checkStorable(node: Tensor, { maxBinding, f16 }: PlanContext): void {
  const bytes = nodeBytes(node);
  const what = `${node.op.name} ${formatShape(node.shape)}`;
  if (bytes > maxBinding)
    throw new DeviceError(
      `${what} takes ${bytes} bytes, above this adapter's binding limit of ${maxBinding}; use a smaller batch or split it`,
    );
  if (node.dtype === 'u8' && !isLeaf(node))
    throw new DTypeError(`${what}: u8 is storage only and no kernel makes it; cast to f32 or i32 first`);
  if (node.dtype === 'f16' && !f16) throw new DTypeError(`${what}: this adapter has no shader-f16; use f32`);
}

/** Buffers hold whole vec4s. */
const padded = (node: Tensor): number => Math.ceil(bytesOf(node.dtype, sizeOf(node.shape)) / 16) * 16;

/** Compiles a program to a plan: lower, fuse, order, place, write WGSL. Pure, but for the shared parameter layout. */
export function makePlan(program: Program, context: PlanContext): Plan {
  const lowered = lowerProgram(program);
  const units = new Units(lowered);
  const targets = new Map(lowered.updates.map(([parameter, next]) => [next, parameter]));
  const places = new Map<Tensor, Place>();
  const { order, inPlace } = schedule(units, targets);
  const options: EmitOptions = {
    stored: units.partition.stored,
    adapter: context.adapter,
    target: (node) => (inPlace.has(node) ? targets.get(node)! : node),
  };
  const updateUnits = order.filter((unit) => unit.stores.length > 0 && unit.stores.every((node) => inPlace.has(node)));
  const runs = planUpdates(units, updateUnits, options, context.store, places);
  placeLeaves(units, lowered, context, places);
  for (const node of inPlace) places.set(node, places.get(targets.get(node)!)!);
  for (const unit of order) for (const node of unit.stores) checkStorable(node, context);
  const merged = mergeRuns(order, runs);
  assignSlots(
    merged.map((entry) => entry.units),
    lowered.outputs.map(base),
    units.partition.aliases,
    places,
  );
  return describePlan(lowered, units, merged, options, inPlace, places);
}

/** Everything laid out, as plain data. */
function describePlan(
  lowered: Omit<Program, 'inputs'>,
  units: Units,
  entries: readonly Entry[],
  options: EmitOptions,
  inPlace: ReadonlySet<Tensor>,
  places: ReadonlyMap<Tensor, Place>,
): Plan {
  const placeOf = (node: Tensor): Place => places.get(base(node))!;
  const dispatches = entries
    .filter(({ units: [first] }) => sizeOf(members(first!)[0]!.shape) > 0)
    .map((entry) => describeDispatch(entry, options, placeOf));
  const copies = lowered.updates.flatMap(([parameter, next]) =>
    inPlace.has(next) ? [] : [[next, parameter] as const],
  );
  const bound = dispatches.flatMap(({ bindings }) => bindings.map(({ place }) => place.buffer));
  const buffers = [...new Set([...bound, ...[...places.values()].map(({ buffer }) => buffer)])];
  const own = buffers.filter(({ kind }) => kind !== 'parameters' && kind !== 'constant');
  const computed = units.partition.order.filter((node) => !isLeaf(node) && !isLiteral(node));
  return {
    dispatches,
    dispatchesUnfused: computed.filter((node) => node.op.name !== 'reshape').length,
    buffers,
    bytes: own.reduce((total, { bytes }) => total + bytes, 0),
    places,
    outputs: lowered.outputs,
    copies,
    feeds: new Map([...places].filter(([node, { buffer }]) => buffer.kind === 'feed' && buffer.node === node)),
    nodes: computed.length,
  };
}

function describeDispatch({ units, run }: Entry, options: EmitOptions, placeOf: (node: Tensor) => Place): Dispatch {
  const kernel = run?.kernel ?? emit(units[0]!, options);
  const bindings = kernel.bindings.map(({ node, access }, i) => ({
    access,
    place: run?.ranges[i] ?? wholeVectors(placeOf(node)),
  }));
  const ops = opsOf(units[0]!, options.stored); // the units of a run are alike
  const named = { kernel: kernelName(units[0]!), ops, workgroups: kernel.workgroups, units };
  return { ...named, ...agree(kernel.wgsl, bindings) };
}

/** A kernel may not bind one buffer both to read and to write: there, what it reads is bound like what it writes. */
function agree(wgsl: string, bindings: Dispatch['bindings']): Pick<Dispatch, 'wgsl' | 'bindings'> {
  const written = new Set(bindings.filter(({ access }) => access === 'read_write').map(({ place }) => place.buffer));
  let text = wgsl;
  const agreeing = bindings.map((binding, i) => {
    if (binding.access === 'read_write' || !written.has(binding.place.buffer)) return binding;
    text = text.replace(`@binding(${i}) var<storage, read>`, `@binding(${i}) var<storage, read_write>`);
    return { ...binding, access: 'read_write' as const };
  });
  return { wgsl: text, bindings: agreeing };
}

/** Bindings cover whole vec4s; every entry has the room. */
const wholeVectors = (place: Place): Place => ({ ...place, bytes: Math.ceil(place.bytes / 16) * 16 });

/** A dispatch to be: one unit, or the units of a run. */
interface Entry {
  readonly units: readonly Unit[];
  readonly run?: Run;
}

/** Replaces the units of a run by one entry, at the place of the last of them, unless something between needs the others. */
function mergeRuns(order: readonly Unit[], runs: readonly Run[]): Entry[] {
  const position = new Map(order.map((unit, at) => [unit, at]));
  const entryOf = new Map<Unit, Run>();
  for (const run of runs) {
    const at = run.units.map((unit) => position.get(unit)!);
    const made = new Set(run.units.flatMap((unit) => unit.stores));
    const between = order.slice(Math.min(...at), Math.max(...at)).filter((unit) => !run.units.includes(unit));
    if (between.every((unit) => ![...unit.needs].some((node) => made.has(node))))
      for (const unit of run.units) entryOf.set(unit, run);
  }
  const lastOf = new Map(order.flatMap((unit) => (entryOf.has(unit) ? [[entryOf.get(unit)!, unit] as const] : [])));
  return order.flatMap((unit): Entry[] => {
    const run = entryOf.get(unit);
    if (!run) return [{ units: [unit] }];
    return lastOf.get(run) === unit ? [{ units: run.units, run }] : [];
  });
}
