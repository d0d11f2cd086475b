// Matrix product, outer product and dot product. WGSL: shaders/matmul.wgsl, outer.wgsl.
import outerSource from '../../shaders/outer.wgsl?raw';
import { gamma, TINY } from '../core/bounds.js';
import type { TensorData, TypedArray } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { hostData, viewData } from '../core/hostData.js';
import { checkOptions } from '../core/options.js';
import {
  broadcastShapes,
  broadcastSteps,
  formatShape,
  rankOf,
  reducedShape,
  type Shape,
  sizeOf,
} from '../core/shape.js';
import { defineOpWith, type OpWith, pointwiseIn } from '../graph/define.js';
import type { Two } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { mul } from './arithmetic.js';
import { sum } from './reduce.js';
import { misfit, reshape, sumTo } from './view.js';

const definePointwise = pointwiseIn(outerSource);

export type MatmulOptions = {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Steps of k that are summed by themselves, where the planner cuts k: the result is [⌈k / part⌉, ..., m, n]. */
  readonly part?: number;
};

/** Rows and columns of an operand's matrices. */
function matrixOf(shape: Shape, transposed: boolean): readonly [rows: number, columns: number] {
  const rows = shape.at(-2)!;
  const columns = shape.at(-1)!;
  return transposed ? [columns, rows] : [rows, columns];
}

/** [M, N, K] of a product, its batch shape, and how many steps of k are a part of how many. */
export function matmulSizes(a: Shape, b: Shape, { transposeA, transposeB, part }: MatmulOptions) {
  const [m, k] = matrixOf(a, transposeA);
  const [inner, n] = matrixOf(b, transposeB);
  const fact = `inner sizes differ: ${formatShape([m, k])} × ${formatShape([inner, n])}`;
  if (k !== inner)
    throw new ShapeError(`matmul: ${fact}; transpose one side, or change ${k} or ${inner}`, a, b);
  const batch = broadcastShapes('matmul', [a.slice(0, -2), b.slice(0, -2)]);
  return { batch, m, n, k, part: part ?? k, parts: part ? Math.ceil(k / part) : 1 };
}

/** Float64 product of two operands, in parts of k if it has any. */
export function multiply(a: TensorData, b: TensorData, options: MatmulOptions): Float64Array {
  const { batch, m, n, k, part, parts } = matmulSizes(a.shape, b.shape, options);
  const rows = sizeOf(batch) * m;
  const out = new Float64Array(parts * rows * n);
  const matrices = (
    x: TensorData,
    rows: number,
    columns: number,
    transposed: boolean,
  ): TypedArray => {
    if (!transposed && x.data.length === sizeOf(batch) * rows * columns) return x.data;
    const steps = broadcastSteps(x.shape.slice(0, -2), batch).map((step) => step * rows * columns);
    const within = transposed ? [1, rows] : [columns, 1];
    return viewData(x, [...batch, rows, columns], [...steps, ...within]);
  };
  const left = matrices(a, m, k, options.transposeA);
  const right = matrices(b, k, n, options.transposeB);
  for (let row = 0; row < rows; row++)
    for (let p = 0; p < k; p++) {
      const value = left[row * k + p]!;
      const from = (Math.floor(row / m) * k + p) * n;
      const to = (Math.floor(p / part) * rows + row) * n;
      for (let j = 0; j < n; j++) out[to + j]! += value * right[from + j]!;
    }
  return out;
}

/** |A| + ΔA, for bounds. */
function magnitude({ shape, data }: TensorData, errors?: Float64Array): TensorData {
  const size = Float64Array.from(data, (value, i) => Math.abs(value) + (errors?.[i] ?? 0));
  return hostData(shape, 'f64', size);
}

/** @internal */
export const matmulOf: OpWith<MatmulOptions, Two> = defineOpWith<MatmulOptions, Two>({
  name: 'matmul',
  shape: ([a, b], options) => {
    const { batch, m, n, parts } = matmulSizes(a.shape, b.shape, options);
    return [...(options.part ? [parts] : []), ...batch, m, n];
  },
  // C = A B: δA = δC Bᵀ, δB = Aᵀ δC; a transposed operand's gradient is the transpose, taken by swapping sides
  vjp: ({ inputs: [a, b], cotangent, lead, wanted, options }) => {
    const { transposeA: ta, transposeB: tb } = options;
    const dA = () => (ta ? product(b, cotangent, tb, true) : product(cotangent, b, false, !tb));
    const dB = () => (tb ? product(cotangent, a, true, ta) : product(a, cotangent, !ta, false));
    return [
      wanted[0] ? sumTo(dA(), a.shape, lead.length) : undefined,
      wanted[1] ? sumTo(dB(), b.shape, lead.length) : undefined,
    ];
  },
  reference: ([a, b], options) => multiply(a, b, options),
  kernel: { kind: 'matmul' },
  // γ_{K+1} · |A| |B| + K · 2⁻¹²⁶ holds under any order of summation, with and without fma
  bound: ([a, b], _, options: MatmulOptions) => {
    const { k } = matmulSizes(a.shape, b.shape, options);
    return multiply(magnitude(a), magnitude(b), options).map(
      (size) => gamma(k + 1) * size + k * TINY,
    );
  },
  // |ΔA| (|B| + |ΔB|) + |A| |ΔB|
  propagate: ([a, b], [ea, eb], _, options) => {
    const left = multiply({ ...a, data: ea }, magnitude(b, eb), options);
    const right = multiply(magnitude(a), { ...b, data: eb }, options);
    return left.map((value, i) => value + right[i]!);
  },
});

/** op(A) · op(B); where only A has a batch it is folded into the rows: one large product instead of many. */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  if (a.rank === 2 || b.rank > 2 || transposeA) return matmulOf([a, b], { transposeA, transposeB });
  const rows = reshape(a, [sizeOf(a.shape.slice(0, -1)), a.shape.at(-1)!]);
  const flat = matmulOf([rows, b], { transposeA, transposeB });
  return reshape(flat, [...a.shape.slice(0, -1), flat.shape[1]!]);
}

/**
 * Matrix product as `numpy.matmul`: [..., M, K] · [..., K, N] → [..., M, N]; batch axes broadcast, a 1-D operand
 * acts as a row (left) or column (right) and its axis goes. `transposeA`, `transposeB` swap an operand's last two
 * axes without copying. Throws ShapeError when the inner sizes differ.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { transposeA?: boolean; transposeB?: boolean } = {},
): Tensor {
  checkOptions('matmul', options, '', 'transposeA transposeB');
  if (rankOf('matmul', a) === 0 || rankOf('matmul', b) === 0)
    throw new ShapeError('matmul: a scalar operand; use mul', a.shape, b.shape);
  const left = a.rank === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const right = b.rank === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  const transposeA = a.rank > 1 && (options.transposeA ?? false);
  const transposeB = b.rank > 1 && (options.transposeB ?? false);
  const out = product(left, right, transposeA, transposeB);
  const gone = [a.rank === 1 ? out.rank - 2 : -1, b.rank === 1 ? out.rank - 1 : -1];
  return reshape(out, reducedShape(out.shape, gone, false));
}

const outerOp = definePointwise('outer', 'outer_product', {
  cost: 'cheap',
  vjp: ({ inputs: [u, v], cotangent }) => [mul(cotangent, v), mul(cotangent, u)],
  reference: (u: number, v: number) => u * v,
  bound: { ulp: 1 },
});

/** Outer product u vᵀ: [m], [n] → [m, n]; with a batch, [..., m], [..., n] → [..., m, n]. */
export function outer(u: Tensor, v: Tensor): Tensor {
  if (rankOf('outer', u) === 0 || rankOf('outer', v) === 0)
    throw new ShapeError(
      'outer: operands are vectors [m] and [n]; use mul for scalars',
      u.shape,
      v.shape,
    );
  return outerOp(
    reshape(u, [...u.shape, 1]),
    reshape(v, [...v.shape.slice(0, -1), 1, v.shape.at(-1)!]),
  );
}

/** Inner product Σ u v over the last axis, which must agree: [n], [n] → scalar; [..., n], [..., n] → [...]. */
export function dot(u: Tensor, v: Tensor): Tensor {
  if (rankOf('dot', u) === 0 || rankOf('dot', v) === 0 || u.shape.at(-1) !== v.shape.at(-1))
    misfit(
      'dot: last axes of',
      u,
      `and ${formatShape(v.shape)} differ; they must have one length`,
      v.shape,
    );
  return sum(mul(u, v), { axis: -1 });
}
