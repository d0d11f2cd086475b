// Compiles a program to a plan: lowers, fuses, orders, places buffers and writes the WGSL of every dispatch.
import { DeviceError, DTypeError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { isConstant, isParameter, type Program, type Updates } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import type { EmitOptions } from '../kernels/kernels.js';
import { multiplyAdds } from '../kernels/matmul.js';
import { stopGradient } from '../ops/cast.js';
import type { Taken } from '../wgsl/library.js';
import { wholeText } from '../wgsl/writer.js';
import { type Group, groupUnits } from './dispatches.js';
import { lower } from './lower.js';
import type { Place, PlanContext } from './memory.js';
import { align, assignSlots, nodeBytes, placeInRow } from './memory.js';
import { type Aliases, base, isLeaf, isLiteral, isVirtual } from './partition.js';
import { schedule, type Unit, Units } from './units.js';

/** One kernel call: its text, its buffers, and the units (for people and for the cross-check) that it computes. */
export type Dispatch = ReturnType<typeof describeDispatch>;
/** A program as plain data: what `GpuBackend` turns into GPU objects, again after a lost device. */
export type Plan = ReturnType<typeof makePlan>;

/**
 * Lowers a program. Next values get nodes of their own, so that each update has one kernel to write it, and so do
 * outputs that the step overwrites.
 */
function lowerProgram(program: Program, halves: boolean): Program {
  const { outputs, updates } = program;
  const roots = lower([...outputs, ...updates.map(([, next]) => next)], halves);
  const taken = new Set<Tensor>();
  const own = updates.map(([parameter], i): Updates[number] => {
    const root = base(roots[outputs.length + i]!);
    const next = isLeaf(root) || taken.has(root) ? stopGradient(root) : root;
    taken.add(next);
    return [parameter, next];
  });
  const targets = new Set(own.map(([parameter]) => parameter));
  const kept = roots
    .slice(0, outputs.length)
    .map((node) => (targets.has(base(node)) ? stopGradient(node) : node));
  return { ...program, outputs: kept, updates: own };
}

/** A short name for a dispatch: its heavy ops, and what its last result is. */
const kernelName = ({ kind, members }: Unit): string => {
  const last = members.findLast(isVirtual);
  const named = members.filter((node) => kind === 'map' || !isVirtual(node) || node === last);
  return named.map(({ op }) => op.name).join('+');
};

/** What a unit computes, with everything written into it, each node after those that it uses. */
function nodesOf(unit: Unit, stored: ReadonlySet<Tensor>): Tensor[] {
  const own = unit.members;
  const isWritten = (node: Tensor): boolean =>
    own.includes(node) || !(stored.has(node) || isLiteral(node));
  return topological(own, ({ inputs }) => inputs.filter(isWritten));
}

function flopsOf(node: Tensor): number {
  const { op, inputs, shape } = node;
  const { kind } = op.kernel;
  if (kind === 'matmul') return 2 * multiplyAdds(node);
  return kind === 'pointwise'
    ? sizeOf(shape)
    : kind === 'reduce' || kind === 'scatter'
      ? sizeOf(inputs[0]!.shape)
      : 0;
}

/** Places of leaves: parameters in the engine's flat buffers, constants once an engine, inputs once a plan. */
function placeLeaves(
  leaves: readonly Tensor[],
  context: PlanContext,
  places: Map<Tensor, Place>,
  fed?: boolean,
): void {
  const { shared } = context;
  const { bindingBytes } = context.limits;
  placeInRow('parameters', leaves.filter(isParameter), shared, bindingBytes);
  for (const node of leaves) {
    checkStorable(node, context);
    const isShared = isParameter(node) || (isConstant(node) && !fed);
    placeInRow(isShared ? 'constant' : 'feed', [node], isShared ? shared : places, bindingBytes);
    if (isShared) places.set(node, shared.get(node)!);
  }
}

/** Throws where a value cannot lie in a buffer of this adapter, or cannot be made there. */
function checkStorable(node: Tensor, { limits, f16 }: PlanContext): void {
  const what = `${node.op.name} ${formatShape(node.shape)}`;
  const excess = `takes ${nodeBytes(node)} bytes, above this adapter's binding limit of ${limits.bindingBytes}`;
  if (nodeBytes(node) > limits.bindingBytes)
    throw new DeviceError(`${what} ${excess}; use a smaller batch or split it`);
  if (node.dtype === 'u8' && !isLeaf(node))
    throw new DTypeError(
      `${what}: u8 is storage only and no kernel makes it; cast to f32 or i32 first`,
    );
  if (node.dtype === 'f16' && !f16)
    throw new DTypeError(`${what}: this adapter has no shader-f16; use f32`);
}

/** Compiles a program to a plan: lower, fuse, order, place, write WGSL. Pure, but for the shared parameter layout. */
export function makePlan(program: Program, context: PlanContext) {
  const lowered = lowerProgram(program, context.f16);
  /** Values that may not lie in others, because a kernel that writes there would bind one part twice. */
  const apart = new Set<Tensor>();
  for (;;) {
    const plan = planOf(program, lowered, context, apart);
    const known = apart.size;
    for (const node of plan.clashes) apart.add(node);
    if (apart.size === known) return plan;
  }
}

/** Where a dispatch writes into a buffer of which it binds one part twice: the nodes whose parts lie there. */
function clashesOf(
  { kernel }: Group,
  placeOf: (node: Tensor) => Place,
  aliases: Aliases,
): Tensor[] {
  const bound = kernel.bindings.map(({ node, access }) => ({
    node: base(node),
    access,
    ...placeOf(node),
  }));
  return bound.flatMap((a, i) => {
    const isWritten = bound.some(
      ({ buffer, access }) => access === 'read_write' && buffer === a.buffer,
    );
    const meets = (b: (typeof bound)[number], at: number): boolean =>
      at !== i &&
      b.buffer === a.buffer &&
      a.offset < b.offset + align(b.bytes, 16) &&
      b.offset < a.offset + align(a.bytes, 16);
    if (!isWritten || !bound.some(meets)) return [];
    const out = [a.node];
    for (let at = aliases.get(a.node); at; at = aliases.get(at.parent)) out.push(at.parent);
    return out;
  });
}

function planOf(
  program: Program,
  lowered: Program,
  context: PlanContext,
  apart: ReadonlySet<Tensor>,
) {
  const { outputs, updates } = lowered;
  const units = new Units(lowered, apart, context.limits.storageBuffers);
  const { stored, aliases, order: nodes } = units.partition;
  const targets = new Map(updates.map(([parameter, next]) => [next, parameter]));
  const { order, inPlace } = schedule(units, targets);
  const target = (node: Tensor): Tensor => (inPlace.has(node) ? targets.get(node)! : node);
  const options: EmitOptions = { ...context, stored, target };
  const places = new Map<Tensor, Place>();
  const groups = groupUnits(units, order, options, places);
  const leaves = new Set([...nodes.filter(isLeaf), ...targets.values()]);
  placeLeaves([...leaves], context, places, program.feedConstants);
  for (const node of inPlace) places.set(node, places.get(target(node))!);
  for (const unit of order) for (const node of unit.stores) checkStorable(node, context);
  // next values that could not be written in place are copied to their parameters after the pass
  const copies = [...targets].filter(([next]) => !inPlace.has(next));
  const kept = [...outputs, ...copies.map(([next]) => next)].map(base);
  const liveBytes = assignSlots(groups, kept, aliases, places);
  const buffers = [...new Set([...places.values()].map(({ buffer }) => buffer))];
  const own = buffers.filter(({ kind }) => kind !== 'parameters' && kind !== 'constant');
  const computed = nodes.filter((node) => !isLeaf(node) && !isLiteral(node));
  return {
    program,
    clashes: groups.flatMap((group) =>
      clashesOf(group, (node) => places.get(base(node))!, aliases),
    ),
    dispatches: groups
      .filter(({ units: [first] }) => sizeOf(first!.members[0]!.shape) > 0)
      .map((group) => describeDispatch(group, options, (node) => places.get(base(node))!)),
    dispatchesUnfused: computed.filter((node) => node.op.view !== 'reshape').length,
    buffers,
    /** Those that only this plan uses, and their bytes. */
    own,
    fed: buffers.flatMap((buffer) => (buffer.kind === 'feed' ? buffer.nodes : [])),
    bytes: own.reduce((total, { bytes }) => total + bytes, 0),
    /** The most of them that hold something needed at one time: no assignment of buffers takes fewer. */
    liveBytes: own.reduce(
      (total, { kind, bytes }) => total + (kind === 'feed' ? bytes : 0),
      liveBytes,
    ),
    /** Where each stored node lies. */
    places: places as ReadonlyMap<Tensor, Place>,
    outputs,
    copies,
    nodes: computed.length,
  };
}

/** A kernel with its places. It may not bind one buffer both to read and to write: there, all is bound to be written. */
function describeDispatch(
  { units, kernel, run }: Group,
  { stored, limits }: EmitOptions,
  placeOf: (node: Tensor) => Place,
) {
  const [unit] = units as [Unit]; // those of a run are alike
  const { length } = kernel.bindings;
  if (length > limits.storageBuffers)
    throw new DeviceError(
      `${kernelName(unit)}: it binds ${length} buffers of at most ${limits.storageBuffers}; give it fewer inputs`,
    );
  const sizes = units.map(({ members }) => sizeOf(members[0]!.shape));
  const places = kernel.bindings.map(({ node }) => {
    const place = placeOf(node);
    return run && sizeOf(node.shape) === sizes[0] ? { ...place, bytes: run } : place;
  });
  const written = new Set(
    places.flatMap(({ buffer }, i) => (kernel.bindings[i]!.access === 'read' ? [] : buffer)),
  );
  const bindings = places.map((place) => {
    const access = written.has(place.buffer) ? ('read_write' as const) : ('read' as const);
    return { place: { ...place, bytes: align(place.bytes, 16) }, access }; // whole vec4s
  });
  const most =
    unit.kind === 'map' ? 4 * sizes.reduce((sum, size) => sum + size, 0) : Number.POSITIVE_INFINITY;
  const computed = units.flatMap((each) => nodesOf(each, stored));
  return {
    kernel: [...new Set(units.map(kernelName))].join('+'),
    wgsl: wholeText(kernel, bindings),
    /** Where the functions of its text were written. */
    origins: kernel.code.vocabulary.taken as ReadonlyMap<string, Taken>,
    ...{ workgroups: kernel.workgroups, product: kernel.product, bindings, units },
    ops: (run ? nodesOf(unit, stored) : computed).map(({ op }) => op.name),
    /** Additions and multiplications of one call; other functions count as one each. */
    flops: computed.reduce((sum, node) => sum + flopsOf(node), 0),
    /** Of the values that it must read and write, each once: an elementwise kernel reads a data set's rows, not all. */
    bytes: places.reduce((sum, { bytes }) => sum + Math.min(bytes, most), 0),
  };
}
