// Compiles a program to a plan: lowers, fuses, orders, places buffers and writes the WGSL of every dispatch.
import { DeviceError, DTypeError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { isConstant, isParameter, type Program, type Updates } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import type { EmitOptions, KernelContext } from '../kernels/options.js';
import { stopGradient } from '../ops/cast.js';
import {
  align,
  nodeBytes,
  type Place,
  type PlanBuffer,
  type PlanContext,
} from '../planning/context.js';
import { isLeaf, isLiteral } from '../planning/nodes.js';
import type { Aliases } from './aliases.js';
import { type Dispatch, describe } from './describe.js';
import { launchesOf } from './dispatches.js';
import { fuse } from './fusion.js';
import type { Launch } from './launch.js';
import { lower } from './lower.js';
import { assignSlots, placeInRow, VECTOR_BYTES } from './memory.js';
import { schedule } from './schedule.js';

/** A program as plain data: what `GpuBackend` turns into GPU objects, again after a lost device. */
export interface Plan {
  readonly program: Program;
  readonly dispatches: readonly Dispatch[];
  /** How many there would be with one kernel for each op. */
  readonly dispatchesUnfused: number;
  readonly buffers: readonly PlanBuffer[];
  /** Those that only this plan uses, and their bytes. */
  readonly own: readonly PlanBuffer[];
  readonly bytes: number;
  /** The most of them that hold something needed at one time: no assignment of buffers takes fewer. */
  readonly liveBytes: number;
  /** What each run uploads. */
  readonly fed: readonly Tensor[];
  /** Where each stored node lies. */
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly outputs: readonly Tensor[];
  /** Next values that could not be written in place are copied to their parameters after the pass. */
  readonly copies: readonly (readonly [next: Tensor, parameter: Tensor])[];
  /** How many nodes are computed. */
  readonly nodes: number;
}

/**
 * Lowers a program. Next values get nodes of their own, so that each update has one kernel to write it, and so do
 * outputs that the step overwrites.
 */
function lowerProgram(program: Program, { f16, adapter, limits }: KernelContext): Program {
  const { outputs, updates } = program;
  const nodes = [...outputs, ...updates.map(([, next]) => next)];
  const roots = lower(nodes, f16, adapter, limits.storageBuffers);
  const nexts = roots.slice(outputs.length).map(base);
  const taken = new Set<Tensor>();
  const own = updates.flatMap(([parameter], i): Updates => {
    const [root] = nexts.slice(i, i + 1);
    if (!root) return [];
    const next = isLeaf(root) || taken.has(root) ? stopGradient(root) : root;
    taken.add(next);
    return [[parameter, next]];
  });
  const targets = new Set(own.map(([parameter]) => parameter));
  const kept = roots
    .slice(0, outputs.length)
    .map((node) => (targets.has(base(node)) ? stopGradient(node) : node));
  return { ...program, outputs: kept, updates: own };
}

/** Places of leaves: parameters in the engine's flat buffers, constants once an engine, inputs once a plan. */
function placeLeaves(
  leaves: readonly Tensor[],
  context: PlanContext,
  places: Map<Tensor, Place>,
  areConstantsFed: boolean,
): void {
  const { shared } = context;
  const { bindingBytes } = context.limits;
  placeInRow('parameters', leaves.filter(isParameter), shared, bindingBytes);
  for (const node of leaves) {
    checkStorable(node, context);
    if (isParameter(node) || (isConstant(node) && !areConstantsFed)) {
      placeInRow('constant', [node], shared, bindingBytes);
      const place = shared.get(node);
      if (place) places.set(node, place);
    } else placeInRow('feed', [node], places, bindingBytes);
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
export function makePlan(program: Program, context: KernelContext): Plan {
  const lowered = lowerProgram(program, context);
  /** Values that may not lie in others, because a kernel that writes there would bind one part twice. */
  const apart = new Set<Tensor>();
  for (;;) {
    const { plan, clashes } = planOf(program, lowered, context, apart);
    const known = apart.size;
    for (const node of clashes) apart.add(node);
    if (apart.size === known) return plan;
  }
}

/** Whether two places share a vec4. */
const overlap = (a: Place, b: Place): boolean =>
  a.buffer === b.buffer &&
  a.offset < b.offset + align(b.bytes, VECTOR_BYTES) &&
  b.offset < a.offset + align(a.bytes, VECTOR_BYTES);

/** Where a dispatch writes into a buffer of which it binds one part twice: the nodes whose parts lie there. */
function clashesOf(
  { kernel }: Launch,
  placeOf: (node: Tensor) => Place,
  aliases: Aliases,
): Tensor[] {
  const bound = kernel.bindings.map(({ node, access }) => ({
    ...{ node: base(node), access },
    place: placeOf(node),
  }));
  const written = bound.filter(({ access }) => access === 'read_write');
  const buffers = new Set(written.map(({ place }) => place.buffer));
  const clashing = bound.filter(
    (a) => buffers.has(a.place.buffer) && bound.some((b) => a !== b && overlap(a.place, b.place)),
  );
  return clashing.flatMap(({ node }) => {
    const chain = [node];
    for (let alias = aliases.get(node); alias; alias = aliases.get(alias.parent))
      chain.push(alias.parent);
    return chain;
  });
}

const bytesOfAll = (buffers: readonly PlanBuffer[]): number =>
  buffers.reduce((total, { bytes }) => total + bytes, 0);

/** A plan, and the values that must not lie in others for it to be one. */
interface Attempt {
  readonly plan: Plan;
  readonly clashes: readonly Tensor[];
}

function planOf(
  program: Program,
  lowered: Program,
  context: KernelContext,
  apart: ReadonlySet<Tensor>,
): Attempt {
  const { outputs, updates } = lowered;
  const fusion = fuse(lowered, apart, context.limits.storageBuffers);
  const { stored, aliases, order: nodes } = fusion.storage;
  const targets = new Map(updates.map(([parameter, next]) => [next, parameter]));
  const { order, inPlace } = schedule(fusion, targets);
  const target = (node: Tensor): Tensor => (inPlace.has(node) ? targets.get(node) : node) ?? node;
  const options: EmitOptions = { ...context, stored, target };
  const places = new Map<Tensor, Place>();
  const placeOf = (node: Tensor): Place => {
    const place = places.get(base(node));
    if (!place) throw new RangeError(`${node.op.name} ${formatShape(node.shape)} has no buffer`);
    return place;
  };
  const launches = launchesOf(fusion, order, options, places);
  const leaves = new Set([...nodes.filter(isLeaf), ...targets.values()]);
  placeLeaves([...leaves], context, places, program.feedConstants === true);
  for (const node of inPlace) places.set(node, placeOf(target(node)));
  for (const { stores } of order) for (const node of stores) checkStorable(node, context);
  const copies = [...targets].filter(([next]) => !inPlace.has(next));
  const kept = [...outputs, ...copies.map(([next]) => next)].map(base);
  const slotBytes = assignSlots(
    launches.map(({ groups }) => groups),
    kept,
    aliases,
    places,
  );
  const buffers = [...new Set(Array.from(places.values(), ({ buffer }) => buffer))];
  const own = buffers.filter(({ kind }) => kind !== 'parameters' && kind !== 'constant');
  const feeds = own.filter(({ kind }) => kind === 'feed');
  const computed = nodes.filter((node) => !isLeaf(node) && !isLiteral(node) && !node.outputs);
  const isEmpty = ({ groups: [first] }: Launch): boolean =>
    first.members.every(({ shape }) => sizeOf(shape) === 0);
  const clashes = launches.flatMap((launch) => clashesOf(launch, placeOf, aliases));
  const plan: Plan = {
    ...{ program, outputs, copies, places, buffers, own },
    dispatches: launches
      .filter((launch) => !isEmpty(launch))
      .map((launch) => describe(launch, options, placeOf)),
    dispatchesUnfused: computed.filter(({ op }) => op.view !== 'reshape').length,
    bytes: bytesOfAll(own),
    liveBytes: slotBytes + bytesOfAll(feeds),
    fed: feeds.flatMap((buffer) => buffer.nodes),
    nodes: computed.length,
  };
  return { plan, clashes };
}
