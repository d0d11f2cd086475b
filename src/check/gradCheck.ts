import { jacobian } from '../autodiff/jacobian.js';
import { constantValue, ownValue } from '../cpu/backend.js';
import { evaluate, toHost } from '../cpu/evaluate.js';
import type { TensorData, TypedArray } from '../dtype.js';
import { NablaError } from '../errors.js';
import { isParameter, type NodeFeeds, readNodeFeeds } from '../graph/program.js';
import { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { mul } from '../ops/arithmetic.js';
import { random } from '../ops/random.js';
import { sum } from '../ops/reduce.js';
import { type Shape, sizeOf, stridesOf } from '../shape.js';

/** What a check asks of an engine. */
export interface Runner {
  run(tensors: readonly Tensor[], feeds?: NodeFeeds): Promise<readonly TensorData[]>;
  read(parameter: Tensor): Promise<TensorData>;
}
/** What `gradCheck` takes beside y and the nodes. */
export interface GradCheckOptions {
  /** Computes the derivatives that are checked, and gives parameters their values; float64 on the CPU when absent. */
  readonly engine?: Runner;
  readonly feeds?: NodeFeeds;
  /** Step of the central differences (1e-6). */
  readonly epsilon?: number;
  /** Allowed: |analytic − numeric| ≤ absolute + relative · |numeric| (1e-5, 1e-3). */
  readonly absolute?: number;
  readonly relative?: number;
}
/** Whether rules agree with differences, and where they agree least. */
export interface GradCheckReport {
  readonly ok: boolean;
  /** How many derivatives were compared. */
  readonly checked: number;
  /** `index` is [...place in y, ...place in wrt]; a large y is first contracted with random numbers and has no place. */
  readonly worst: { wrt: string; index: number[]; analytic: number; numeric: number };
}

/** Up to so many entries every ∂y/∂x is compared; above, random directions are. */
const FULL_INPUTS = 256;
const FULL_ENTRIES = 2 ** 16;
const DIRECTIONS = 8;

/** A direction in the joint space of all `wrt`: elements of theirs, and which way each moves. */
type Direction = readonly { readonly of: number; readonly at: number; readonly sign: number }[];

/** What is compared: ∂target/∂wrt as the graph gives them, and how to evaluate the target. */
interface Question {
  readonly target: Tensor;
  readonly wrt: readonly Tensor[];
  readonly jacobians: readonly TensorData[];
  readonly leaf: (node: Tensor) => TensorData;
}

/** Derivative of every element of the target along a direction, from the graph and by central differences. */
function compare(question: Question, direction: Direction, epsilon: number): GradCheckReport['worst'][] {
  const { target, wrt, jacobians, leaf } = question;
  const moved = (step: number): TypedArray => {
    const shifts = wrt.map(({ shape }) => new Float64Array(sizeOf(shape)));
    for (const { of, at, sign } of direction) shifts[of]![at] = sign * step;
    return evaluate([target], leaf, undefined, new Map(wrt.map((node, j) => [node, shifts[j]!])))[0]!.data;
  };
  const [up, down] = [moved(epsilon), moved(-epsilon)];
  const slope = (i: number, { of, at, sign }: Direction[number]): number =>
    sign * jacobians[of]!.data[i * sizeOf(wrt[of]!.shape) + at]!;
  const names = wrt.map((node, j) => node.name ?? `wrt[${j}]`);
  return Array.from(up, (high, i) => {
    const analytic = direction.reduce((sum, place) => sum + slope(i, place), 0);
    const numeric = (high - down[i]!) / (2 * epsilon);
    // a sum over many places has no place of its own
    if (direction.length !== 1) return { wrt: names.join(' + '), index: [], analytic, numeric };
    const { of, at } = direction[0]!;
    const index = [...coordinates(i, target.shape), ...coordinates(at, wrt[of]!.shape)];
    return { wrt: names[of]!, index, analytic, numeric };
  });
}

async function leafValues(roots: readonly Tensor[], options: GradCheckOptions): Promise<Map<Tensor, TensorData>> {
  const leaves = topological(roots).filter(({ op }) => op.kernel.kind === 'leaf');
  const values = readNodeFeeds('gradCheck', leaves, options.feeds ?? {});
  if (options.engine) for (const node of leaves.filter(isParameter)) values.set(node, await options.engine.read(node));
  return new Map(leaves.map((node) => [node, values.has(node) ? toHost(values.get(node)!) : ownValue(node)]));
}

const coordinates = (place: number, shape: Shape): number[] =>
  stridesOf(shape).map((stride, axis) => Math.floor(place / stride) % shape[axis]!);

/** All unit vectors, or a few random directions over every place. */
function directions(wrt: readonly Tensor[], full: boolean): Direction[] {
  const places = wrt.flatMap(({ shape }, of) =>
    Array.from({ length: sizeOf(shape) }, (_, at) => ({ of, at, sign: 1 })),
  );
  if (full) return places.map((place) => [place]);
  return Array.from({ length: DIRECTIONS }, (_, seed) => {
    const draws = evaluate([random.uniform([places.length], { seed })], constantValue)[0]!.data;
    return places.map((place, i) => ({ ...place, sign: draws[i]! < 0.5 ? -1 : 1 }));
  });
}

/**
 * Compares the derivatives ∂y/∂wrt of the graph with central finite differences of the float64 reference: every entry
 * for small inputs, random directions for large ones, narrowed down to one entry. Reports the worst; throws only for bad calls.
 */
export async function gradCheck(
  y: Tensor,
  wrt: Tensor | readonly Tensor[],
  options: GradCheckOptions = {},
): Promise<GradCheckReport> {
  const nodes: readonly Tensor[] = [...new Set(wrt instanceof Tensor ? [wrt] : wrt)];
  if (nodes.length === 0 || ![y, ...nodes].every((each) => each instanceof Tensor))
    throw new NablaError('gradCheck: pass a tensor y and at least one tensor to differentiate by');
  const size = nodes.reduce((total, node) => total + sizeOf(node.shape), 0);
  const full = size <= FULL_INPUTS && size * sizeOf(y.shape) <= FULL_ENTRIES;
  const target = full || y.rank === 0 ? y : sum(mul(y, random.uniform(y.shape, { seed: 1, low: -1 })));
  const tree = jacobian(target, nodes);
  const leaves = await leafValues([target, ...tree], options);
  const leaf = (node: Tensor): TensorData => leaves.get(node)!;
  const jacobians = options.engine ? await options.engine.run(tree, options.feeds) : evaluate(tree, leaf);
  return search({ target, wrt: nodes, jacobians, leaf }, directions(nodes, full), options);
}

/** An entry, the direction that it was found along, and its difference as a share of what is allowed. */
type Found = { entry: GradCheckReport['worst']; part: Direction; excess: number };
const nothing: Found = { entry: { wrt: '', index: [], analytic: 0, numeric: 0 }, part: [], excess: -1 };
const worstOf = (found: Found[]): Found => found.reduce((a, b) => (b.excess > a.excess ? b : a), nothing);

function search(question: Question, all: readonly Direction[], options: GradCheckOptions): GradCheckReport {
  const { epsilon = 1e-6, absolute = 1e-5, relative = 1e-3 } = options;
  let checked = 0;
  const probe = (direction: Direction): Found[] => {
    const entries = compare(question, direction, epsilon);
    checked += entries.length;
    return entries.map((entry) => {
      const excess = Math.abs(entry.analytic - entry.numeric) / (absolute + relative * Math.abs(entry.numeric));
      return { entry, part: direction, excess: Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess };
    });
  };
  let worst = nothing;
  for (const direction of all) {
    worst = worstOf([worst, ...probe(direction)]);
    if (worst.excess > 1 && direction.length > 1) break;
  }
  const ok = worst.excess <= 1;
  // a wrong sum over many places: halve it towards a place that is wrong
  while (!ok && worst.part.length > 1) {
    const half = Math.ceil(worst.part.length / 2);
    worst = worstOf([...probe(worst.part.slice(0, half)), ...probe(worst.part.slice(half))]);
  }
  return { ok, checked, worst: worst.entry };
}
