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

/** One element of one of the `wrt`. */
type Place = { readonly of: number; readonly at: number };
/** A direction in the joint space of all `wrt`, as places and signs. */
type Direction = readonly (Place & { readonly sign: number })[];

/** What is compared: ∂target/∂wrt as the graph gives them, and how to evaluate the target. */
interface Question {
  readonly target: Tensor;
  readonly wrt: readonly Tensor[];
  readonly jacobians: readonly TensorData[];
  readonly leaf: (node: Tensor) => TensorData;
  readonly epsilon: number;
}

/** Derivative of every element of the target along a direction, from the graph and by central differences. */
function compare(question: Question, direction: Direction): GradCheckReport['worst'][] {
  const { target, wrt, jacobians, leaf, epsilon } = question;
  const moved = (step: number): TypedArray => {
    const shifts = wrt.map(({ shape }) => new Float64Array(sizeOf(shape)));
    for (const { of, at, sign } of direction) shifts[of]![at] = sign * step;
    return evaluate([target], leaf, undefined, new Map(wrt.map((node, j) => [node, shifts[j]!])))[0]!.data;
  };
  const [up, down] = [moved(epsilon), moved(-epsilon)];
  const slope = (i: number, { of, at }: Place): number => jacobians[of]!.data[i * sizeOf(wrt[of]!.shape) + at]!;
  const names = wrt.map((node, j) => node.name ?? `wrt[${j}]`);
  return Array.from(up, (high, i) => {
    const analytic = direction.reduce((sum, place) => sum + place.sign * slope(i, place), 0);
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
  const places = wrt.flatMap(({ shape }, of) => Array.from({ length: sizeOf(shape) }, (_, at) => ({ of, at })));
  if (full) return places.map((place) => [{ ...place, sign: 1 }]);
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
  if (!(y instanceof Tensor) || nodes.length === 0)
    throw new NablaError('gradCheck: pass a tensor y and at least one tensor to differentiate by');
  const size = nodes.reduce((total, node) => total + sizeOf(node.shape), 0);
  const full = size <= FULL_INPUTS && size * sizeOf(y.shape) <= FULL_ENTRIES;
  const target = full || y.rank === 0 ? y : sum(mul(y, random.uniform(y.shape, { seed: 1, low: -1 })));
  const tree = jacobian(target, nodes);
  const leaves = await leafValues([target, ...tree], options);
  const leaf = (node: Tensor): TensorData => leaves.get(node)!;
  const jacobians = options.engine ? await options.engine.run(tree, options.feeds) : evaluate(tree, leaf);
  const { epsilon = 1e-6 } = options;
  return search({ target, wrt: nodes, jacobians, leaf, epsilon }, directions(nodes, full), options);
}

function search(question: Question, all: readonly Direction[], options: GradCheckOptions): GradCheckReport {
  const { absolute = 1e-5, relative = 1e-3 } = options;
  let [ok, checked, excess] = [true, 0, -1];
  let worst: GradCheckReport['worst'] = { wrt: '', index: [], analytic: 0, numeric: 0 };
  const visit = (direction: Direction): number => {
    let most = 0;
    for (const entry of compare(question, direction)) {
      const { analytic, numeric } = entry;
      checked++;
      const difference = Math.abs(analytic - numeric) / (absolute + relative * Math.abs(numeric));
      const ratio = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      most = Math.max(most, ratio);
      if (ratio > excess) [excess, worst] = [ratio, entry];
    }
    return most;
  };
  for (const direction of all) {
    if (visit(direction) <= 1) continue;
    ok = false;
    if (direction.length === 1) continue;
    // a wrong sum over many places: halve it towards a place that is wrong
    for (let part = direction; part.length > 1; ) {
      const half = Math.ceil(part.length / 2);
      const [left, right] = [part.slice(0, half), part.slice(half)];
      excess = -1;
      part = visit(left) >= visit(right) ? left : right;
    }
    break;
  }
  return { ok, checked, worst };
}
