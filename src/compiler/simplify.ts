// Algebra on a graph, without values: a list of rules, of which the first that applies rewrites a node.
import { sameShape, sizeOf } from '../core/shape.js';
import type { ScalarReference } from '../graph/op.js';
import { filled, filledWith, type Tensor } from '../graph/tensor.js';
import { permutationOf, transposedMatrices } from '../graph/views.js';
import { isCast, isHalved } from '../ops/cast.js';
import { matmul } from '../ops/matmul.js';
import { reshape, transpose } from '../ops/view.js';
import type { AdapterClass } from '../planning/limits.js';
import { matmulOf } from '../planning/nodes.js';
import { foldProduct, sortScatter, splitFold } from './folds.js';
import { joinPieces, type Pieces } from './pieces.js';
import { splitProduct, turnThin } from './split.js';

/** What rules know beside the node: other nodes of the graph, and what kernels are made for. */
export interface Known {
  readonly pieces: Pieces;
  readonly adapter: AdapterClass;
}
/** Gives a node in the place of another; undefined where the rule does not apply. */
type Rule = (node: Tensor, known: Known) => Tensor | undefined;

/** What has no elements, and sums of nothing. */
function fillEmpty(node: Tensor): Tensor | undefined {
  const { kernel } = node.op;
  const adds = kernel.kind === 'matmul' || (kernel.kind === 'reduce' && kernel.name === 'sum');
  const isSumOfNothing = adds && node.inputs.slice(0, 1).some(({ shape }) => sizeOf(shape) === 0);
  const isEmpty = sizeOf(node.shape) === 0 && filledWith(node) === undefined;
  return isSumOfNothing || isEmpty ? filled(0, node.shape, node.dtype) : undefined;
}

function viewOfLiteral({ op, inputs: [viewed], shape, dtype }: Tensor): Tensor | undefined {
  const value = op.view && viewed && filledWith(viewed);
  return value === undefined ? undefined : filled(value, shape, dtype);
}

const dropSame: Rule = ({ op, inputs: [viewed] }) => (op.view === 'same' ? viewed : undefined);

/** A view of the same kind of view is one view. */
function joinViews(node: Tensor): Tensor | undefined {
  const { view } = node.op;
  const [viewed] = node.inputs;
  const [source] = viewed?.inputs ?? [];
  if (!viewed || !source || viewed.op.view !== view) return undefined;
  if (view === 'reshape') return reshape(source, node.shape);
  if (view !== 'permute') return undefined;
  const inner = permutationOf(viewed);
  const axes = permutationOf(node).flatMap((axis) => inner.slice(axis, axis + 1));
  return transpose(source, axes);
}

/** What once was f16 is f32 until it is rounded. */
function dropWidening(node: Tensor): Tensor | undefined {
  const [x] = node.inputs;
  const isWidening = isCast(node) && node.dtype === 'f32' && !isHalved(node);
  return isWidening && x?.dtype === 'f32' ? x : undefined;
}

/** A transposed operand is read where it lies. */
function foldTranspose(node: Tensor): Tensor | undefined {
  if (node.op.kernel.kind !== 'matmul') return undefined;
  const { a, b, transposeA, transposeB } = matmulOf(node);
  const turnedA = transposedMatrices(a);
  const turnedB = transposedMatrices(b);
  if (!turnedA && !turnedB) return undefined;
  return matmul(turnedA ?? a, turnedB ?? b, {
    transposeA: transposeA !== (turnedA !== undefined),
    transposeB: transposeB !== (turnedB !== undefined),
  });
}

/** An operation on two literals is a literal. */
function foldLiterals({ op, inputs, shape, dtype }: Tensor): Tensor | undefined {
  const values = inputs.flatMap((input) => filledWith(input) ?? []);
  if (op.neutral === undefined || values.length !== 2 || dtype !== 'f32') return undefined;
  const value = Math.fround((op.reference as ScalarReference)(...values.map(Math.fround)));
  return Number.isFinite(value) ? filled(value, shape, dtype) : undefined;
}

/** ×1 and +0 are removed. Exact but for the sign of 0. */
function dropNeutral({ op, inputs: [a, b], shape }: Tensor): Tensor | undefined {
  const { neutral, commutes } = op;
  if (neutral === undefined || !a || !b) return undefined;
  if (filledWith(b) === neutral && sameShape(a.shape, shape)) return a;
  return commutes && filledWith(a) === neutral && sameShape(b.shape, shape) ? b : undefined;
}

/** By name, in the order in which they are tried. */
const rules: Readonly<Record<string, Rule>> = {
  ...{ fillEmpty, viewOfLiteral, dropSame, joinViews, dropWidening },
  foldTranspose,
  foldProduct: (node, { adapter }) => foldProduct(node, adapter),
  turnThin: (node, { adapter }) => turnThin(node, adapter),
  splitProduct: (node, { adapter }) => splitProduct(node, adapter),
  splitFold: (node, { adapter }) => splitFold(node, adapter),
  sortScatter: (node, { adapter }) => sortScatter(node, adapter),
  joinPieces: (node, { pieces }) => joinPieces(node, pieces),
  ...{ foldLiterals, dropNeutral },
};
const inOrder = Object.values(rules);

/** A node in the place of another; itself where no rule applies. */
export function simplify(node: Tensor, known: Known): Tensor {
  for (const rule of inOrder) {
    const result = rule(node, known);
    if (result) return result;
  }
  return node;
}
