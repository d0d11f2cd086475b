// Rewrites a graph before planning: simplification, shared subexpressions, split products and sums, f16 storage.

import { sameShape, sizeOf } from '../core/shape.js';
import type { Form, Op, OpRecord, Options, ScalarReference } from '../graph/op.js';
import { outputIndex } from '../graph/several.js';
import { opId, optionsText } from '../graph/structure.js';
import { apply, filled, filledWith, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { cast, isCast, isHalved, roundToHalf } from '../ops/cast.js';
import { type MatmulOptions, matmul } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import { concat, pad, type ResizeOptions } from '../ops/slice.js';
import { reshape, transpose } from '../ops/view.js';
import { products, sums } from '../planning/limits.js';

const axesOf = ({ options }: Tensor): readonly number[] =>
  (options as { axes: readonly number[] }).axes;

/** Algebra without values: literals folded, ×1 and +0 removed, views of views collapsed. Exact but for the sign of 0. */
function simplify(node: Tensor): Tensor {
  const { view, neutral, commutes, kernel } = node.op;
  const [a, b] = node.inputs;
  const isSum = kernel.kind === 'reduce' && kernel.name === 'sum';
  const isEmpty = (isSum || kernel.kind === 'matmul') && sizeOf(a!.shape) === 0;
  if (isEmpty || (sizeOf(node.shape) === 0 && filledWith(node) === undefined))
    return filled(0, node.shape, node.dtype);
  if (view) return simplifyView(node);
  // once f16 is f32 until it is rounded
  if (isCast(node) && node.dtype === 'f32' && a!.dtype === 'f32' && !isHalved(node)) return a!;
  if (kernel.kind === 'matmul') return splitProduct(foldTranspose(node));
  if (isSum) return splitSum(node);
  const joined = neutral === 0 && commutes ? joinPieces(node) : undefined;
  if (joined) return joined;
  if (neutral === undefined || !a || !b) return node;
  const [left, right] = [filledWith(a), filledWith(b)];
  if (left !== undefined && right !== undefined && node.dtype === 'f32') {
    const value = Math.fround(
      (node.op.reference as ScalarReference)(Math.fround(left), Math.fround(right)),
    );
    return Number.isFinite(value) ? filled(value, node.shape, node.dtype) : node;
  }
  if (right === neutral && sameShape(a.shape, node.shape)) return a;
  if (left === neutral && commutes && sameShape(b.shape, node.shape)) return b;
  return node;
}

/** A view of a literal is a literal, a view of the same kind of view one view. */
function simplifyView(node: Tensor): Tensor {
  const { view } = node.op;
  const viewed = node.inputs[0]!;
  const value = filledWith(viewed);
  if (value !== undefined) return filled(value, node.shape, node.dtype);
  if (view === 'same') return viewed;
  if (view !== viewed.op.view) return node;
  const source = viewed.inputs[0]!;
  if (view === 'reshape') return reshape(source, node.shape);
  if (view !== 'permute') return node;
  const turned = axesOf(node).map((axis) => axesOf(viewed)[axis]!);
  return transpose(source, turned);
}

/** Zero but for runs along one axis, in ascending order of where they start: what the gradients of slices are. */
type Pieces = {
  readonly axis: number;
  readonly runs: readonly (readonly [start: number, run: Tensor])[];
};
const pieces = new WeakMap<Tensor, Pieces>();

function piecesOf(node: Tensor): Pieces | undefined {
  if (node.op.contains !== 'framed') return pieces.get(node);
  const { widths, value } = node.options as ResizeOptions;
  const [axis, ...others] = widths.flatMap(([before, after], i) => (before || after ? [i] : []));
  if (axis === undefined || others.length > 0 || value !== 0 || Math.min(...widths[axis]!) < 0)
    return undefined;
  return { axis, runs: [[widths[axis]![0], node.inputs[0]!]] };
}

/** Once the pieces of a sum fill their axis, it is their concat; until then they are kept in mind. */
function joinPieces(node: Tensor): Tensor | undefined {
  const [a, b] = node.inputs.map(piecesOf);
  const isWhole = node.inputs.every(({ shape }) => sameShape(shape, node.shape));
  if (!a || !b || a.axis !== b.axis || !isWhole) return undefined;
  const { axis } = a;
  const runs = [...a.runs, ...b.runs].sort(([x], [y]) => x - y);
  const ends = runs.map(([start, run]) => start + run.shape[axis]!);
  const gaps = runs.map(([start], i) => start - (ends[i - 1] ?? 0));
  if (gaps.some((gap) => gap < 0)) return undefined;
  pieces.set(node, { axis, runs });
  if (gaps.some((gap) => gap > 0) || ends.at(-1) !== node.shape[axis]) return undefined;
  const parts = runs.map(([, run]) => run);
  return concat(parts, { axis });
}

/** A transposed operand is read where it lies. */
function foldTranspose(node: Tensor): Tensor {
  const { transposeA, transposeB } = node.options as MatmulOptions;
  const swaps = (axis: number, i: number, { length }: readonly number[]): boolean =>
    axis === (i < length - 2 ? i : 2 * length - 3 - i);
  const flips = node.inputs.map(
    (operand) => operand.op.view === 'permute' && axesOf(operand).every(swaps),
  );
  if (!flips.includes(true)) return node;
  const operands = node.inputs.map((operand, i) => (flips[i] ? operand.inputs[0]! : operand));
  const options = { transposeA: transposeA !== flips[0], transposeB: transposeB !== flips[1] };
  return matmul(operands[0]!, operands[1]!, options);
}

/** δaᵀ over a large batch, with few outputs: a product for each part of the batch, then their sum (split-K, without atomics). */
function splitProduct(node: Tensor): Tensor {
  const [a, b] = node.inputs as [Tensor, Tensor];
  const { transposeA, transposeB } = node.options as MatmulOptions;
  const terms = a.shape[0]!;
  const { split } = products;
  const parts = split.parts.find((count) => terms % (4 * count) === 0);
  if (!transposeA || transposeB || a.rank > 2 || b.rank > 2 || terms < split.terms || !parts)
    return node;
  if (sizeOf(node.shape) > split.outputs) return node;
  const [left, right] = [a, b].map((each) => reshape(each, [parts, terms / parts, each.shape[1]!]));
  return sum(matmul(left!, right!, { transposeA }), { axis: 0 });
}

/** Long sums with few outputs become a tree: [n] → [parts, n / parts] → [parts] → scalar, zero-padded where it does not divide. */
function splitSum(node: Tensor): Tensor {
  const [x] = node.inputs;
  const axes = axesOf(node);
  const shape = x!.shape;
  const length = sizeOf(axes.map((axis) => shape[axis]!));
  const kept = sizeOf(node.shape);
  const adjacent = axes.every((axis, i) => i === 0 || axis === axes[i - 1]! + 1);
  if (length <= sums.longest || kept > sums.results || !adjacent) return node;
  const before = sizeOf(shape.slice(0, axes[0]!));
  const after = sizeOf(shape.slice(axes.at(-1)! + 1));
  const parts = Math.ceil(Math.sqrt(length));
  const each = Math.ceil(length / parts);
  const widths = [0, parts * each - length, 0].map((missing) => [0, missing] as const);
  const rows = pad(reshape(x!, [before, length, after]), widths);
  const partial = sum(reshape(rows, [before, parts, each, after]), { axis: 2 });
  return reshape(sum(partial, { axis: 1 }), node.shape);
}

const isWidening = (node: Tensor): boolean =>
  isCast(node) && node.dtype === 'f32' && node.inputs[0]!.dtype === 'f16';

const singles = new WeakMap<Op, Op>();
/** The record of an op whose results are f32 where they would be f16. */
function inSingle(op: Op): Op {
  if (!op.outputs) return { ...op, dtype: () => 'f32' } as Op;
  const { outputs } = op;
  const widened = (inputs: readonly Tensor[], options: never): Form[] =>
    outputs(inputs, options).map((form) =>
      form.dtype === 'f16' ? { ...form, dtype: 'f32' } : form,
    );
  return { ...op, outputs: widened };
}
/** A node over its rewritten inputs. Where it would be f16 and is no cast, it is f32. */
function rebuild(node: Tensor, inputs: readonly Tensor[], halves: boolean): Tensor {
  const value = filledWith(node);
  if (value !== undefined) return node.dtype === 'f16' ? filled(value, node.shape, 'f32') : node;
  if (isHalved(node) && !halves) return roundToHalf(inputs[0]!);
  const [options, name] = [node.options as Options, node.name];
  const same = inputs.every((input, i) => input === node.inputs[i]);
  const own = same ? node : apply(node.op as OpRecord, inputs, options, name);
  const isHalf = (own.outputs ?? [own]).some(({ dtype }) => dtype === 'f16');
  if (!isHalf || isHalved(node)) return own;
  const single = singles.get(node.op) ?? inSingle(node.op);
  singles.set(node.op, single);
  return apply(single as OpRecord, inputs, options, name);
}

/**
 * Rewrites a graph into the planner's vocabulary: composed ops written out, equal nodes shared (hash-consing),
 * literals folded, views collapsed. f16 is left to what lies in buffers as f16, leaves, results and casts; all that is
 * computed from it is f32. Without `halves` no buffer holds f16, and casts to it round in f32. Returns the rewritten
 * roots in order, in their dtypes.
 */
export function lower(roots: readonly Tensor[], halves: boolean): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  const unique = new Map<string, Tensor>();
  /** What became of the outputs of composed nodes that have several. */
  const composed = new Map<Tensor, readonly Tensor[]>();
  const resolve = (targets: readonly Tensor[]): Tensor[] => {
    for (const node of topological(targets, (n) => (done.has(n) ? [] : n.inputs)))
      if (!done.has(node)) done.set(node, rewrite(node));
    return targets.map((target) => done.get(target)!);
  };
  const widen = (x: Tensor): Tensor => (x.dtype === 'f16' ? resolve([cast(x, 'f32')])[0]! : x);
  const rewrite = (node: Tensor): Tensor => {
    const { kernel } = node.op;
    if (kernel.kind === 'leaf') return node;
    const given = node.inputs.map((input) => done.get(input)!);
    for (const input of given) done.set(input, input);
    const inputs = isWidening(node) ? given : given.map(widen);
    if (kernel.kind === 'composed') {
      const values = resolve([kernel.compose(inputs, node.options)].flat());
      if (!node.outputs) return values[0]!;
      composed.set(node, values);
      return node;
    }
    const index = outputIndex(node);
    const values = index === undefined ? undefined : composed.get(inputs[0]!);
    if (values) return values[index!]!;
    const key = `${opId(node.op)}|${optionsText(node.options)}|${inputs.map((input) => input.id).join()}`;
    const known = unique.get(key);
    if (known) return known;
    const own = rebuild(node, inputs, halves);
    const simple = simplify(own);
    const result = simple === own ? own : resolve([simple])[0]!;
    unique.set(key, result);
    return result;
  };
  return resolve(roots).map((result, i) => {
    if (roots[i]!.dtype === result.dtype) return result;
    if (isWidening(result)) return result.inputs[0]!;
    const rounded = cast(result, 'f16');
    const shared = halves ? resolve([rounded])[0]! : rounded;
    return shared.dtype === 'f16' ? shared : rounded; // of nothing it is a literal
  });
}
