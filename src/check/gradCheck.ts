// gradCheck: compares derivatives with central finite differences in float64.
import { jacobian } from '../autodiff/jacobian.js';
import type { TensorData, TypedArray } from '../core/dtype.js';
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { type Shape, sizeOf, stridesOf } from '../core/shape.js';
import { evaluate, ownValue, toHost } from '../cpu/evaluate.js';
import { feedsByNode, isParameter, type NodeFeeds, readNodeFeeds } from '../graph/program.js';
import { Tensor, type Tensors } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { mul } from '../ops/arithmetic.js';
import { numberDraws } from '../ops/draws.js';
import { random } from '../ops/random.js';
import { sum } from '../ops/reduce.js';

/** The part of an engine that checks use. */
export interface Runner {
  run(tensors: readonly Tensor[], feeds?: NodeFeeds): Promise<readonly TensorData[]>;
  read(parameter: Tensor): Promise<TensorData>;
}
/** Options of `gradCheck`. */
export interface GradCheckOptions {
  /** Computes the checked derivatives and holds the parameters' values; by default float64 on the CPU. */
  readonly engine?: Runner;
  readonly feeds?: NodeFeeds;
  /** Tolerances: |analytic − numeric| ≤ absolute + relative · |numeric|; by default 1e-5 and 1e-3. */
  readonly absolute?: number;
  readonly relative?: number;
}
/** A derivative as the graph and as central differences have it, at a place in y and in one of `wrt`. */
interface Compared {
  readonly wrt: string;
  readonly index: number[];
  readonly analytic: number;
  readonly numeric: number;
}
/** Result of `gradCheck`: whether all derivatives agree, and where they differ most. */
export interface GradCheckReport {
  readonly ok: boolean;
  /** Number of derivatives compared. */
  readonly checked: number;
  /** `index` is [...place in y, ...place in wrt]; a y of too many entries is first contracted with random numbers. */
  readonly worst: Compared;
}

/** Up to so many entries every ∂y/∂x is compared; above, random directions are. */
const FULL_INPUTS = 256;
const FULL_ENTRIES = 2 ** 16;
const DIRECTIONS = 8;
/** Step of the central differences. */
const STEP = 1e-6;

/** An element of a node, as the report calls it, and which way a direction moves it. */
type Place = {
  readonly node: Tensor;
  readonly wrt: string;
  readonly at: number;
  readonly sign: number;
};
/** A derivative along a direction, as an entry at its first place, and its difference as a share of what is allowed. */
type Found = { entry: Compared; direction: readonly Place[]; excess: number };

const noEntry: Compared = { wrt: '', index: [], analytic: 0, numeric: 0 };
const nothing: Found = { entry: noEntry, direction: [], excess: -1 };
function worstOf(found: Found[]): Found {
  return found.reduce((a, b) => (b.excess > a.excess ? b : a), nothing);
}

function coordinates(place: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(place / stride) % shape[axis]!);
}

type Values = ReadonlyMap<Tensor, TensorData>;
/**
 * How to find the worst derivative of the target's elements along a direction: by the graph, which gives ∂target/∂node,
 * and by central differences.
 */
const prober = (target: Tensor, jacobians: Values, values: Values, options: GradCheckOptions) => {
  const { absolute = 1e-5, relative = 1e-3 } = options;
  const evaluateAt = (direction: readonly Place[], step: number): TypedArray => {
    const shift = (node: Tensor, value: TensorData): TensorData => {
      if (!jacobians.has(node)) return value;
      const data = Float64Array.from(value.data);
      for (const place of direction) if (place.node === node) data[place.at]! += place.sign * step;
      return { ...value, data };
    };
    return evaluate([target], (node) => values.get(node)!, shift)[0]!.data;
  };
  return (direction: readonly Place[]): Found => {
    const up = evaluateAt(direction, STEP);
    const down = evaluateAt(direction, -STEP);
    const { node, wrt, at } = direction[0]!;
    const found = Array.from(up, (high, i): Found => {
      const slopeAt = ({ node, at, sign }: Place): number => {
        const { data } = jacobians.get(node)!;
        return sign * data[i * sizeOf(node.shape) + at]!;
      };
      const analytic = direction.reduce((total, place) => total + slopeAt(place), 0);
      const numeric = (high - down[i]!) / (2 * STEP);
      const excess = Math.abs(analytic - numeric) / (absolute + relative * Math.abs(numeric));
      const index = [...coordinates(i, target.shape), ...coordinates(at, node.shape)];
      return {
        entry: { wrt, index, analytic, numeric },
        direction,
        excess: Number.isNaN(excess) ? Infinity : excess,
      };
    });
    return worstOf(found);
  };
};

/**
 * Compares the derivatives ∂y/∂wrt of the graph with central finite differences of the float64 reference: every entry
 * for small inputs, random directions for large ones, narrowed down to one entry. Reports the worst; throws only for
 * invalid arguments.
 */
export async function gradCheck(
  y: Tensor,
  wrt: Tensors,
  options: GradCheckOptions = {},
): Promise<GradCheckReport> {
  const given: readonly Tensor[] = [...new Set(wrt instanceof Tensor ? [wrt] : wrt)];
  if (given.length === 0 || ![y, ...given].every((each) => each instanceof Tensor))
    throw new NablaError('gradCheck: pass a tensor y and at least one tensor to differentiate by');
  // fresh draws are the same for the derivatives and for the differences
  const [root, ...nodes] = numberDraws([y, ...given]) as [Tensor, ...Tensor[]];
  const { engine, feeds = {} } = checkOptions(
    'gradCheck',
    options,
    '',
    'engine feeds absolute relative',
  );
  const places = nodes.flatMap((node, i): Place[] => {
    const wrt = node.name ?? `wrt[${i}]`;
    const length = sizeOf(node.shape);
    return Array.from({ length }, (_, at) => ({ node, wrt, at, sign: 1 }));
  });
  const full = places.length <= FULL_INPUTS && places.length * sizeOf(root.shape) <= FULL_ENTRIES;
  const weighted = (): Tensor => {
    const weights = random.uniform(root.shape, { seed: 1, low: -1 });
    return sum(mul(root, weights));
  };
  const target = full || root.rank === 0 ? root : weighted();
  const tree = jacobian(target, nodes);
  const leaves = topological([target, ...tree]).filter(({ op }) => op.kernel.kind === 'leaf');
  const fed = feedsByNode('gradCheck', [...new Set([...leaves, ...nodes])], feeds);
  const values = readNodeFeeds('gradCheck', leaves, fed);
  for (const node of leaves.filter((leaf) => !values.has(leaf)))
    values.set(
      node,
      toHost(engine && isParameter(node) ? await engine.read(node) : ownValue(node)),
    );
  const derivatives = engine
    ? await engine.run(tree, fed)
    : evaluate(tree, (node) => values.get(node)!);
  const jacobians = new Map(nodes.map((node, i) => [node, derivatives[i]!]));
  const probe = prober(target, jacobians, values, options);
  const randomDirection = (seed: number): Place[] => {
    const draws = evaluate([random.uniform([places.length], { seed })], ownValue)[0]!.data;
    return places.map((place, i) => ({ ...place, sign: draws[i]! < 0.5 ? -1 : 1 }));
  };
  const directions = full
    ? places.map((place) => [place])
    : [...Array(DIRECTIONS).keys()].map(randomDirection);
  let worst = worstOf(directions.map(probe));
  const ok = worst.excess <= 1;
  // a sum over many places: halve it towards the one that is worst
  while (worst.direction.length > 1) {
    const half = Math.ceil(worst.direction.length / 2);
    worst = worstOf([worst.direction.slice(0, half), worst.direction.slice(half)].map(probe));
  }
  return { ok, checked: directions.length * sizeOf(target.shape), worst: worst.entry };
}
