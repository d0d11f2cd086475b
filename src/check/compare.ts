import { TINY } from '../bounds.js';
import { evaluateBound, evaluateNode, toHost } from '../cpu/evaluate.js';
import { hostArray, hostData, isFloat, type TensorData } from '../dtype.js';
import { CheckError } from '../errors.js';
import type { Capture } from '../graph/backend.js';
import type { Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { type MatmulOptions, matmulSizes, multiply } from '../ops/matmul.js';
import { pcg } from '../ops/random.js';
import { formatShape, sizeOf } from '../shape.js';

/** Multiply-adds above which only a seeded set of a product's rows is recomputed. */
const FULL_CHECK = 2 ** 26;
/** Halfway from the largest f32 to the next power of two: from here a correct result is infinite. */
const OVERFLOW = 2 ** 128 * (1 - 2 ** -25);

/** One result of one kernel against the reference. */
export interface Check {
  readonly op: string;
  readonly kernel: string;
  /** Elements compared, of how many. */
  readonly checked: number;
  readonly total: number;
  readonly worst: {
    readonly index: number;
    readonly gpu: number;
    readonly cpu: number;
    readonly bound: number;
    readonly ratio: number;
  };
}
export interface CheckReport {
  readonly ok: boolean;
  readonly adapter: string;
  readonly checks: readonly Check[];
}

/** A reference value with how far the GPU may be from it; an infinite error means that it was not computed. */
interface Interval {
  readonly value: TensorData;
  readonly errors: Float64Array;
}

/** Whole numbers that a kernel reads are exact. */
const NONE = new Float64Array(0);

const isZero = (errors: Float64Array): boolean => errors.every((error) => error === 0);

/** Output errors that input errors cause: Σ over inputs of how far the output moves when that input moves by ± its error. */
function propagate(node: Tensor, inputs: readonly Interval[], output: TensorData): Float64Array {
  const total = new Float64Array(output.data.length);
  if (inputs.every(({ errors }) => isZero(errors))) return total;
  const values = inputs.map(({ value }) => value);
  if (node.op.propagate)
    return node.op.propagate(
      values,
      inputs.map(({ errors }) => errors),
      output,
      node.options,
    );
  inputs.forEach(({ value, errors }, i) => {
    if (isZero(errors)) return;
    const [up, down] = [1, -1].map((sign) => {
      const moved = { ...value, data: Float64Array.from(value.data, (x, at) => x + sign * errors[at]!) };
      return evaluateNode(
        node,
        values.map((each, j) => (j === i ? moved : each)),
      ).data;
    });
    for (let at = 0; at < total.length; at++) {
      const here = output.data[at]!;
      const step = Math.max(Math.abs(up![at]! - here), Math.abs(down![at]! - here));
      total[at]! +=
        Number.isNaN(step) && !Number.isNaN(here) ? Number.POSITIVE_INFINITY : Number.isNaN(step) ? 0 : step;
    }
  });
  return total;
}

/** Rows of a large product that are recomputed, the same ones for the same shape. */
function chosenRows(m: number, count: number): Set<number> {
  const rows = new Set<number>();
  for (let i = 0; rows.size < count; i++) rows.add(pcg(i ^ pcg(m)) % m);
  return rows;
}

/** A product above FULL_CHECK, at some rows of its first matrices; the others get an infinite error. */
function sampledProduct(
  node: Tensor,
  inputs: readonly TensorData[],
): { value: TensorData; unchecked: (at: number) => boolean } | undefined {
  const options = node.options as MatmulOptions;
  const [a, b] = inputs as [TensorData, TensorData];
  const { batch, m, n, k } = matmulSizes(a.shape, b.shape, options);
  if (batch.length > 0 || m * n * k <= FULL_CHECK) return undefined;
  const rows = [...chosenRows(m, Math.max(1, Math.floor(FULL_CHECK / (n * k))))];
  const picked = new Float64Array(rows.length * k);
  rows.forEach((row, r) => {
    for (let p = 0; p < k; p++) picked[r * k + p] = a.data[options.transposeA ? p * m + row : row * k + p]!;
  });
  const part = multiply({ shape: [rows.length, k], dtype: 'f64', data: picked }, b, { ...options, transposeA: false });
  const data = new Float64Array(m * n);
  for (const [r, row] of rows.entries()) data.set(part.subarray(r * n, (r + 1) * n), row * n);
  const checked = new Set(rows);
  return { value: hostData(node.shape, 'f64', data), unchecked: (at) => !checked.has(Math.floor(at / n)) };
}

/** Kernels do not read what holds nothing. */
const emptyLeaf = (node: Tensor): Interval => ({
  value: hostData(node.shape, node.dtype, hostArray(node.dtype, 0)),
  errors: new Float64Array(0),
});

/** A node's reference from intervals of its inputs: its own bound plus what its inputs' errors cause. */
function evaluateInterval(node: Tensor, inputs: readonly Interval[]): Interval {
  if (node.op.kernel.kind === 'leaf' && sizeOf(node.shape) === 0) return emptyLeaf(node);
  const values = inputs.map(({ value }) => value);
  const sampled = node.op.kernel.kind === 'matmul' ? sampledProduct(node, values) : undefined;
  if (sampled) {
    const errors = new Float64Array(sampled.value.data.length).map((_, at) =>
      sampled.unchecked(at) ? Number.POSITIVE_INFINITY : 0,
    );
    const bound = evaluateSampledBound(node, values, errors);
    return { value: sampled.value, errors: bound };
  }
  const value = evaluateNode(node, values);
  const errors = propagate(node, inputs, value);
  if (!isFloat(node.dtype)) return { value, errors };
  const own = evaluateBound(node, values, value);
  return { value, errors: errors.map((error, i) => error + own[i]!) };
}

/** The γ bound of the recomputed rows, from row and column sizes: |A| |B| ≤ Σ|a| · max|b|, which is never too small. */
function evaluateSampledBound(node: Tensor, [a, b]: readonly TensorData[], errors: Float64Array): Float64Array {
  const options = node.options as MatmulOptions;
  const { m, n, k } = matmulSizes(a!.shape, b!.shape, options);
  const peak = new Float64Array(n);
  for (let p = 0; p < k; p++)
    for (let j = 0; j < n; j++)
      peak[j] = Math.max(peak[j]!, Math.abs(b!.data[options.transposeB ? j * k + p : p * n + j]!));
  const unit = ((k + 1) * 2 ** -23) / (1 - (k + 1) * 2 ** -23);
  return errors.map((error, at) => {
    if (error !== 0) return error;
    const row = Math.floor(at / n);
    let size = 0;
    for (let p = 0; p < k; p++) size += Math.abs(a!.data[options.transposeA ? p * m + row : row * k + p]!);
    return unit * size * peak[at % n]! + k * TINY;
  });
}

/** |gpu − cpu| over the allowed error: at most 1 where the result is right. NaN agrees with NaN, ±∞ with what overflows f32. */
function ratioOf(gpu: number, cpu: number, error: number, float: boolean): number {
  if (Object.is(gpu, cpu) || gpu === cpu) return 0;
  if (Number.isNaN(cpu)) return Number.isNaN(gpu) ? 0 : Number.POSITIVE_INFINITY;
  if (!Number.isFinite(gpu)) return Math.sign(gpu) * cpu + error >= OVERFLOW ? 0 : Number.POSITIVE_INFINITY;
  const difference = Math.abs(gpu - cpu);
  return difference / (error + (float ? TINY : 0));
}

/** Recomputes what a captured kernel call stored, from the values that it read, and compares. */
export function compareCapture(capture: Capture): Check[] {
  const intervals = new Map<Tensor, Interval>();
  for (const [node, data] of capture.reads) {
    const value = toHost(data);
    intervals.set(node, { value, errors: isFloat(node.dtype) ? new Float64Array(value.data.length) : NONE });
  }
  const roots = [...capture.results.keys()];
  for (const node of topological(roots, (each) =>
    capture.reads.has(each) && !capture.results.has(each) ? [] : each.inputs,
  ))
    if (!intervals.has(node) || capture.results.has(node))
      intervals.set(
        node,
        evaluateInterval(
          node,
          node.inputs.map((input) => intervals.get(input)!),
        ),
      );
  return roots.map((node): Check => {
    const { value, errors } = intervals.get(node)!;
    const gpu = capture.results.get(node)!.data;
    let worst = { index: 0, gpu: 0, cpu: 0, bound: 0, ratio: -1 };
    let checked = 0;
    for (let index = 0; index < gpu.length; index++) {
      if (errors[index] === Number.POSITIVE_INFINITY) continue;
      checked++;
      const ratio = ratioOf(gpu[index]!, value.data[index]!, errors[index]!, isFloat(node.dtype));
      if (ratio > worst.ratio)
        worst = { index, gpu: gpu[index]!, cpu: value.data[index]!, bound: errors[index]!, ratio };
    }
    return { op: node.op.name, kernel: capture.kernel, checked, total: gpu.length, worst };
  });
}

export const passes = ({ worst }: Check): boolean => worst.ratio <= 1;

/** The error for a failed check, with what is needed to see it again. */
export function checkFailure(check: Check, capture: Capture, adapter: string): CheckError {
  const { index, gpu, cpu, bound } = check.worst;
  const message = `${check.op}: element ${index} of kernel ${check.kernel} is ${gpu} on ${adapter}, the float64 reference ${cpu}; they may differ by ${bound}`;
  const inputs = [...capture.reads].map(([node, { dtype, data }]) => ({
    op: node.op.name,
    shape: formatShape(node.shape),
    dtype,
    values: [...data.slice(0, 4096)],
  }));
  return Object.assign(new CheckError(`${message}; see its reproduction`), {
    check,
    reproduction: JSON.stringify({ adapter, check, wgsl: capture.wgsl, inputs }),
  });
}
