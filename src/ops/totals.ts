// Sums over all elements of many tensors: of their squares, for the norm of all gradients, and of how many are not finite. Two
// kernels, however many tensors there are. WGSL: shaders/totals.wgsl, totals.fold.wgsl.
import arithmetic from '../../shaders/arithmetic.wgsl?raw';
import compare from '../../shaders/compare.wgsl?raw';
import fold from '../../shaders/totals.fold.wgsl?raw';
import { gamma } from '../core/bounds.js';
import { type Shape, sizeOf } from '../core/shape.js';
import { defineOpWith } from '../graph/define.js';
import type { NoOptions, One, Some, WrittenKernel } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { mul, square } from './arithmetic.js';
import { notFinite } from './compare.js';
import { full } from './leaf.js';
import { sum } from './reduce.js';
import { concat, slice } from './slice.js';
import { broadcastTo, reshape } from './view.js';

/** Elements of a piece at least, and pieces at most where each tensor is one piece at least. */
const sizes = { piece: 1024, pieces: 256 } as const;

/** A part of one of the tensors that are summed over, in elements. */
interface Piece {
  readonly input: number;
  readonly start: number;
  readonly length: number;
}

/** The pieces that tensors of these shapes are summed in, in order. */
export function piecesOf(shapes: readonly Shape[]): Piece[] {
  const total = shapes.reduce((all, shape) => all + sizeOf(shape), 0);
  const most = Math.max(sizes.piece, Math.ceil(total / sizes.pieces));
  return shapes.flatMap((shape, input) => {
    const size = sizeOf(shape);
    return Array.from({ length: Math.ceil(size / most) }, (_, i) => {
      return { input, start: i * most, length: Math.min(most, size - i * most) };
    });
  });
}

const shapesOf = (xs: readonly { readonly shape: Shape }[]): Shape[] =>
  xs.map(({ shape }) => shape);

/** What is made of each element: in the graph, as a number, and as a WGSL function. It gives no negative numbers. */
interface Summed {
  readonly name: string;
  readonly of: (x: Tensor) => Tensor;
  readonly reference: (x: number) => number;
  readonly wgsl: string;
  readonly source: string;
}
const squares: Summed = {
  name: 'squarePartials',
  ...{ of: square, reference: (x) => x * x, wgsl: 'square', source: arithmetic },
};
const faults: Summed = {
  name: 'faultPartials',
  ...{ of: notFinite, reference: (x) => (Number.isFinite(x) ? 0 : 1) },
  ...{ wgsl: 'not_finite', source: compare },
};

/** The sum of f over one piece: [1]. */
function sumOfPiece(xs: Some, { input, start, length }: Piece, { of }: Summed): Tensor {
  const [first] = xs;
  const x = xs[input] ?? first;
  const piece = slice(reshape(x, [sizeOf(x.shape)]), [start], [start + length]);
  return sum(of(piece), { keepDims: true });
}

/** The sums of f over all pieces: [pieces]. */
const partialSums = (f: Summed) =>
  defineOpWith<NoOptions, Some>({
    name: f.name,
    shape: (xs) => [piecesOf(shapesOf(xs)).length],
    reference: (xs) => {
      const sums = piecesOf(shapesOf(xs)).map(({ input, start, length }) => {
        const values = xs[input]?.data.subarray(start, start + length) ?? [];
        return totalOf(Float64Array.from(values, f.reference));
      });
      return Float64Array.from(sums);
    },
    // γ_n Σf(x) holds under any order of summation; a tree adds more numbers than it has, all of them 0
    bound: (xs, { data }) => {
      const pieces = piecesOf(shapesOf(xs));
      return Float64Array.from(data, (sum, i) => gamma((pieces[i]?.length ?? 0) + 10) * sum);
    },
    definition: (xs) => {
      const sums = piecesOf(shapesOf(xs)).map((piece) => sumOfPiece(xs, piece, f));
      return concat(sums, { axis: 0 });
    },
    kernel: { kind: 'across', name: f.wgsl, source: f.source },
  });

/** Invocations that share the sum of all: the lanes of a vector where they are threads of a processor. */
const kernelOf = (WIDTH: number) => ({
  constants: ([[LENGTH]]: readonly [Shape]) => ({ LENGTH, WIDTH }),
});
const foldKernel: WrittenKernel<NoOptions, One> = {
  ...{ kind: 'written', wgsl: fold, workgroups: () => [1, 1, 1], ...kernelOf(256) },
  variants: { lavapipe: kernelOf(16), swiftshader: kernelOf(16) },
};
function totalOf(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
/** The sum of a vector, in one dispatch however long it is: [n] → scalar. */
const foldOf = defineOpWith<NoOptions, One>({
  name: 'foldPartials',
  shape: () => [],
  vjp: ({ inputs: [x], cotangent, lead }) => [
    broadcastTo(reshape(cotangent, [...lead, 1]), [...lead, ...x.shape]),
  ],
  reference: ([{ data }]) => Float64Array.of(totalOf(data)),
  bound: ([{ data }]) =>
    Float64Array.of(gamma(data.length + 10) * totalOf(Float64Array.from(data, Math.abs))),
  kernel: foldKernel,
});

/** Partial sums, and their sum; of nothing it is 0. */
const composed = (partials: ReturnType<typeof partialSums>) => ({
  ...{ kind: 'composed' as const },
  compose: (xs: Some): Tensor =>
    piecesOf(shapesOf(xs)).length > 0 ? foldOf([partials(xs, {})], {}) : full([], 0),
});

const sumOfSquaresOf = defineOpWith<NoOptions, Some>({
  name: 'sumOfSquares',
  shape: () => [],
  vjp: ({ inputs, cotangent, lead }) =>
    inputs.map((x) => {
      const ones = x.shape.map(() => 1);
      return mul(mul(2, reshape(cotangent, [...lead, ...ones])), x);
    }),
  kernel: composed(partialSums(squares)),
});
const countNotFiniteOf = defineOpWith<NoOptions, Some>({
  name: 'countNotFinite',
  shape: () => [],
  vjp: ({ inputs }) => inputs.map(() => undefined),
  kernel: composed(partialSums(faults)),
});

/** Σ x² over all elements of all tensors: a scalar. */
export const sumOfSquares = (...xs: Some): Tensor => sumOfSquaresOf(xs, {});
/** How many elements of all tensors are NaN or infinite: a scalar. */
export const countNotFinite = (...xs: Some): Tensor => countNotFiniteOf(xs, {});
