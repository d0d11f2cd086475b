// Splits long folds into short ones, parts first, so that they have enough work for a device and sums a fixed, flat tree.
import { type Shape, sizeOf } from '../core/shape.js';
import type { OpRecord, Options } from '../graph/op.js';
import { apply, type Tensor } from '../graph/tensor.js';
import { add, mul } from '../ops/arithmetic.js';
import { pick } from '../ops/indexing.js';
import { sum } from '../ops/reduce.js';
import { pad } from '../ops/slice.js';
import { scatterAddSorted } from '../ops/sort.js';
import { reshape } from '../ops/view.js';
import { type AdapterClass, choices } from '../planning/limits.js';
import { foldedAxes, isScatter, matmulOf } from '../planning/nodes.js';

/** Neighbouring axes that are all folded, or all kept, as one axis. */
interface Run {
  readonly size: number;
  readonly isFolded: boolean;
}
/** A run as `parts` of `each` elements; a kept one is parts of 1. */
interface Cut {
  readonly parts: number;
  readonly each: number;
  /** Elements that are added at the end, which leave the fold as it is. */
  readonly missing: number;
}

function runsOf(shape: Shape, axes: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const [axis, size] of shape.entries()) {
    const isFolded = axes.includes(axis);
    const last = runs.at(-1);
    if (last?.isFolded === isFolded) runs.splice(-1, 1, { size: last.size * size, isFolded });
    else runs.push({ size, isFolded });
  }
  return runs;
}

/** Numbers of parts that are tried, so that planning takes no time. */
const MOST_TRIED = 64;
/** Parts of at most so many elements, a multiple of four: without a rest if that takes few more, else the last is filled up. */
function cutOf(size: number, most: number): Cut {
  const fewest = Math.ceil(size / most);
  const counts = Array.from({ length: Math.min(fewest, MOST_TRIED) + 1 }, (_, i) => fewest + i);
  const dividing = (unit: number) => counts.find((parts) => size % (unit * parts) === 0);
  const parts = dividing(4) ?? dividing(1) ?? fewest;
  const each = Math.ceil(size / parts);
  return { parts, each, missing: parts * each - size };
}

/** How each run is cut where a part of the fold has `most` elements: of the inner runs as much as fits, of the outer ones the rest. */
function cutsOf(runs: readonly Run[], most: number): Cut[] {
  const cuts: Cut[] = [];
  let rest = most;
  for (const { size, isFolded } of runs.toReversed()) {
    const cut = isFolded ? cutOf(size, rest) : { parts: size, each: 1, missing: 0 };
    cuts.unshift(cut);
    if (isFolded) rest = Math.max(1, Math.floor(rest / cut.each));
  }
  return cuts;
}

/** Elements of a part of a fold of `length` elements with so many results; undefined where it stays whole. */
function partLength(length: number, results: number, adapter: AdapterClass): number | undefined {
  const { longest, manyResults, least, most, parts } = choices[adapter].folds;
  if (length <= longest || results >= manyResults) return undefined;
  const spread = Math.ceil((length * results) / parts);
  return Math.min(most, Math.max(least, spread, Math.ceil(Math.sqrt(length))));
}

/** What leaves the largest, the smallest or a sum as it is. */
function neutralOf(name: 'sum' | 'max' | 'min' | 'arg_max', { dtype }: Tensor): number {
  if (name === 'sum') return 0;
  const isMin = name === 'min';
  if (dtype === 'i32') return isMin ? 2 ** 31 - 1 : -(2 ** 31);
  if (dtype === 'u32') return isMin ? 2 ** 32 - 1 : 0;
  return isMin ? Infinity : -Infinity;
}

/**
 * A long fold becomes a fold of parts and one of what those fold to, over whichever axes: [n] → [parts, n / parts] → [parts] →
 * scalar. What does not divide is filled up at the end.
 */
export function splitFold(node: Tensor, adapter: AdapterClass): Tensor | undefined {
  const { op, shape } = node;
  const [x] = node.inputs;
  if (!x || op.kernel.kind !== 'reduce' || sizeOf(x.shape) === 0) return undefined;
  const results = sizeOf(shape);
  const most = partLength(sizeOf(x.shape) / results, results, adapter);
  if (most === undefined) return undefined;
  const runs = runsOf(x.shape, foldedAxes(node));
  const cuts = cutsOf(runs, most);
  const filled = pad(
    reshape(x, runs.map(sizeOfRun)),
    cuts.map(({ missing }) => [0, missing] as const),
    neutralOf(op.kernel.name, x),
  );
  const rows = reshape(
    filled,
    cuts.flatMap(({ parts, each }) => [parts, each]),
  );
  const fold = (of: Tensor, axes: readonly number[]): Tensor =>
    apply(op as OpRecord, [of], { axes, keepDims: false } as Options);
  const folded = [...runs.keys()].filter((i) => runs[i]?.isFolded);
  const inner = fold(
    rows,
    folded.map((i) => 2 * i + 1),
  );
  // the axes of `inner` are those of `rows` without the folded ones
  const outer = folded.map((i, before) => 2 * i - before);
  if (op.kernel.name !== 'arg_max') return reshape(fold(inner, outer), shape);
  const [along = 0] = folded;
  const part = fold(pick(rows, inner, 2 * along + 1), outer);
  const start = mul(part, cuts[along]?.each ?? 1);
  return reshape(add(start, pick(inner, part, 2 * along)), shape);
}
const sizeOfRun = ({ size }: Run): number => size;

/** A gather's gradient over many rows and positions sorts the positions: each row then reads its own alone. */
export function sortScatter(node: Tensor, adapter: AdapterClass): Tensor | undefined {
  const [values, indices] = node.inputs;
  if (!isScatter(node) || !values || !indices || node.dtype !== 'f32') return undefined;
  const [, rows = 0] = node.shape;
  const positions = sizeOf(indices.shape);
  const { comparisons, fewest, by } = choices[adapter].sorting;
  if (positions < fewest || rows * positions < comparisons || sizeOf(values.shape) === 0)
    return undefined;
  return scatterAddSorted(values, indices, rows, by);
}

/** A matrix by a vector as a fold of products, which is split where it is long: tiles of a product would be one column wide. */
export function foldProduct(node: Tensor, adapter: AdapterClass): Tensor | undefined {
  if (node.op.kernel.kind !== 'matmul' || node.inputs.some(({ rank }) => rank > 2))
    return undefined;
  const { a, b, transposeA, transposeB } = matmulOf(node);
  const [m, n] = node.shape;
  const isColumn = n === 1;
  const [matrix, vector] = isColumn ? [a, b] : [b, a];
  if ((m !== 1 && n !== 1) || sizeOf(matrix.shape) < choices[adapter].thinProduct) return undefined;
  // which axis of the matrix is folded
  const axis = (isColumn ? transposeA : !transposeB) ? 0 : 1;
  const factors = reshape(vector, axis === 0 ? [-1, 1] : [1, -1]);
  return reshape(sum(mul(matrix, factors), { axis }), node.shape);
}
