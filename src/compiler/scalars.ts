// The scalars of a step. What its updates read that has one element (the rate of a schedule, Adam's corrections, the factor of
// clipping) is computed once a step: one kernel writes all of them into one short vector. So are next values of one element, such
// as the number of the step; they are copied from there.
import { sizeOf } from '../core/shape.js';
import type { OpRecord, Options } from '../graph/op.js';
import { type Program, programNodes, type Updates } from '../graph/program.js';
import { apply, type Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { dependents, topological } from '../graph/walk.js';
import { concat, slice } from '../ops/slice.js';
import { reshape } from '../ops/view.js';
import { storing } from '../planning/limits.js';
import { isLiteral, isVirtual } from '../planning/nodes.js';

/** A lowered program. */
export interface Lowered extends Program {
  /** The vector of its scalars, or the only one. */
  readonly scalars?: Tensor | undefined;
}

const hasOne = (node: Tensor): boolean => sizeOf(node.shape) === 1;

/** Whether a node is computed of scalars, and no view of what lies somewhere. */
const isComputed = (node: Tensor): boolean =>
  hasOne(node) && node.dtype === 'f32' && isVirtual(base(node)) && !isLiteral(base(node));

/** What the expression of a node reads from buffers. */
function readBy(nodes: readonly Tensor[]): Set<Tensor> {
  const inputsOf = (node: Tensor): readonly Tensor[] => (isVirtual(node) ? node.inputs : []);
  const read = topological(nodes, inputsOf).filter((node) => !isVirtual(node) && !isLiteral(node));
  return new Set(read);
}

/**
 * The elementwise nodes of updates, with the scalars that they read: those that do not depend on such nodes, and that several
 * parameters' updates have in common.
 */
function consumersOf(nexts: readonly Tensor[]): Map<Tensor, readonly Tensor[]> {
  const isWide = (node: Tensor): boolean => isVirtual(node) && !hasOne(node) && !isLiteral(node);
  const region = topological(nexts.filter(isWide), ({ inputs }) => inputs.filter(isWide));
  const reading = region.map((node) => [node, node.inputs.filter(isComputed)] as const);
  const behind = new Set(topological(reading.flatMap(([, read]) => read)));
  const owners = ownersOf(region);
  const isShared = (scalar: Tensor): boolean => (owners.get(scalar)?.length ?? 0) > 1;
  const shared = reading.map(([node, read]) => [node, read.filter(isShared)] as const);
  return new Map(shared.filter(([node, read]) => read.length > 0 && !behind.has(node)));
}

/** Next values that depend on each node, two at most; not those which are on the way to others, as an optimizer's state is. */
function ownersOf(region: readonly Tensor[]): Map<Tensor, readonly Tensor[]> {
  const owners = new Map<Tensor, readonly Tensor[]>();
  for (const node of [...region].reverse()) {
    const own = owners.get(node) ?? [node];
    for (const input of node.inputs) {
      const all = new Set([...(owners.get(input) ?? []), ...own]);
      owners.set(input, [...all].slice(0, 2));
    }
  }
  return owners;
}

/** The updates of one element that the kernel of these scalars can compute too, as far as it can bind what they read. */
function joining(
  program: Program,
  scalars: readonly Tensor[],
  consumers: Iterable<Tensor>,
  mostReads: number,
): Updates {
  const later = dependents(programNodes(program), [...consumers]);
  const reads = readBy(scalars);
  return program.updates.filter(([, next]) => {
    if (!isComputed(next) || later.has(next)) return false;
    const all = new Set([...reads, ...readBy([next])]);
    if (all.size > mostReads) return false;
    for (const node of all) reads.add(node);
    return true;
  });
}

/** A program over nodes that stand for some inputs of some nodes. */
function over(program: Program, standIn: (node: Tensor, input: Tensor) => Tensor): Program {
  const done = new Map<Tensor, Tensor>();
  const at = (node: Tensor): Tensor => done.get(node) ?? node;
  for (const node of programNodes(program)) {
    const inputs = node.inputs.map((input) => at(standIn(node, input)));
    const isSame = inputs.every((input, i) => input === node.inputs[i]);
    if (isSame) continue;
    const { op, options, name } = node;
    done.set(node, apply(op as OpRecord, inputs, options as Options, name));
  }
  const updates = program.updates.map(([parameter, next]) => [parameter, at(next)] as const);
  return { ...program, outputs: program.outputs.map(at), updates };
}

/** A program in which updates read their scalars from one vector. */
export function gatherScalars(program: Program, storageBuffers: number): Lowered {
  const consumers = consumersOf(program.updates.map(([, next]) => base(next)));
  const read = [...new Set([...consumers.values()].flat())];
  const mostReads = storageBuffers - storing.written;
  const counted = joining(program, read, consumers.keys(), mostReads);
  const parts = [...new Set([...read, ...counted.map(([, next]) => next)])];
  const [only] = parts;
  if (!only || (parts.length === 1 && counted.length > 0)) return program;
  if (parts.length === 1) return { ...program, scalars: base(only) };
  const flat = parts.map((part) => reshape(part, [1]));
  const scalars = concat(flat, { axis: 0 });
  const takenOf = (part: Tensor, at: number): Tensor =>
    reshape(slice(scalars, [at], [at + 1]), part.shape);
  const taken = new Map(parts.map((part, at) => [part, takenOf(part, at)]));
  const standIn = (node: Tensor, input: Tensor): Tensor =>
    (consumers.has(node) ? taken.get(input) : undefined) ?? input;
  const targets = new Map(counted.map(([parameter, next]) => [parameter, taken.get(next)]));
  const { outputs, updates } = over(program, standIn);
  const own = updates.map(
    ([parameter, next]) => [parameter, targets.get(parameter) ?? next] as const,
  );
  return { ...program, outputs, updates: own, scalars };
}
