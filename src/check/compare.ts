// The cross-check: compares what kernels stored with float64, within bounds propagated through fused ops.
import { TINY, ulp } from '../core/bounds.js';
import { hostArray, isFloat, roundTo, type TensorData, type TypedArray } from '../core/dtype.js';
import { CheckError } from '../core/errors.js';
import { hostData } from '../core/hostData.js';
import { SAMPLE, uniformAt } from '../core/randomBits.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { evaluateBounds } from '../cpu/bounds.js';
import { evaluateNode, evaluateOne, evaluateWith, toHost } from '../cpu/evaluate.js';
import type { Capture, EngineInfo } from '../graph/backend.js';
import { nameOf, type Tensor } from '../graph/tensor.js';
import { isHalved } from '../ops/cast.js';
import { input } from '../ops/leaf.js';
import { type MatmulOptions, matmulOf, matmulSizes } from '../ops/matmul.js';

/** Multiply-adds above which only a seeded set of a product's rows is recomputed. */
const FULL_CHECK = 2 ** 26;
/** Halfway from the largest f32 to the next power of two: from here a correct result is infinite. */
const OVERFLOW = 2 ** 128 * (1 - 2 ** -25);
/** The same of f16, and that power of two. */
const HALF_OVERFLOW = 65520;
const HALF_END = 2 ** 16;

/** The element that is worst: its two values, how far they may differ, and the share of it that they do. */
type Worst = Readonly<Record<'index' | 'gpu' | 'cpu' | 'bound' | 'ratio', number>>;
/** Comparison of one result of one kernel with the reference. */
export interface Check {
  readonly op: string;
  readonly kernel: string;
  /** Number of elements compared, and of all elements. */
  readonly checked: number;
  readonly total: number;
  readonly worst: Worst;
}
/** Comparisons of all kernels of a run with the reference. */
export interface CheckReport {
  readonly ok: boolean;
  readonly adapter: string;
  readonly checks: readonly Check[];
}

/** Which kernel calls are compared with the float64 reference as they run: none, a sample, or every one. */
export type CrossCheck = 'off' | 'sampled' | 'every';
/** Receives the comparisons of a cross-checked kernel call, before a mismatch is thrown. */
export type OnCheck = (checks: readonly Check[]) => void;

/** A reference value with how far the GPU may be from it; an infinite error means that it was not computed. */
export type Interval = { readonly value: TensorData; readonly errors: Float64Array };

/**
 * What rounding to f16 makes of an interval: it is exact and keeps order, so the ends of the interval are rounded to the
 * ends of the result, and its value is their middle. Where one of them overflows, 2¹⁶ stands for ∞.
 */
function halved(node: Tensor, { value: x, errors }: Interval): Interval {
  const round = (sign: number): TypedArray => {
    const data = Float64Array.from(x.data, (each, i) => each + sign * errors[i]!);
    return evaluateOne(node, [{ ...x, data }]).data;
  };
  const finite = (each: number): number => Math.max(-HALF_END, Math.min(HALF_END, each));
  const low = round(-1);
  const high = round(1);
  const data = Float64Array.from(round(0));
  const reach = new Float64Array(errors.length);
  for (const [i, here] of data.entries()) {
    if (low[i] === high[i] || Number.isNaN(here)) continue;
    const end = finite(high[i]!);
    const middle = (finite(low[i]!) + end) / 2;
    data[i] = middle;
    reach[i] = Number.isFinite(errors[i]) ? end - middle : Number.POSITIVE_INFINITY;
  }
  return { value: hostData(node.shape, node.dtype, data), errors: reach };
}

/** The errors of what an op reads: where a rounded number may have overflowed, any. */
function errorsOf(node: Tensor, { value, errors }: Interval): Float64Array {
  if (!isHalved(node)) return errors;
  const reachesEnd = (i: number): boolean => Math.abs(value.data[i]!) + errors[i]! >= HALF_OVERFLOW;
  return errors.map((error, i) => (error > 0 && reachesEnd(i) ? Number.POSITIVE_INFINITY : error));
}

/**
 * Errors of what a node computes that errors of its inputs cause: Σ over inputs of how far the output moves when that input
 * moves by ± its error.
 */
function propagate(
  node: Tensor,
  inputs: readonly Interval[],
  outputs: readonly TensorData[],
): readonly Float64Array[] {
  const values = inputs.map(({ value }) => value);
  const errors = inputs.map((input, i) => errorsOf(node.inputs[i]!, input));
  const moves = (input: Float64Array): boolean => input.some((error) => error !== 0);
  if (node.op.propagate && errors.some(moves))
    return outputs.map((output) => node.op.propagate!(values, errors, output, node.options));
  const totals = outputs.map(({ data }) => new Float64Array(data.length));
  for (const [i, { value }] of inputs.entries()) {
    const input = errors[i]!;
    if (!moves(input)) continue;
    const shifted = (sign: number): readonly TensorData[] => {
      const data = Float64Array.from(value.data, (x, at) => x + sign * input[at]!);
      return evaluateNode(node, values.with(i, { ...value, data }));
    };
    const up = shifted(1);
    const down = shifted(-1);
    for (const [output, { data }] of outputs.entries())
      addSteps(totals[output]!, data, up[output]!.data, down[output]!.data);
  }
  return totals;
}

/** Adds how far values moved: NaN on one side is infinitely far, NaN everywhere no distance. */
function addSteps(total: Float64Array, here: TypedArray, up: TypedArray, down: TypedArray): void {
  const distance = (there: number, value: number): number =>
    there === value ? 0 : Math.abs(there - value);
  here.forEach((value: number, at: number) => {
    const ends = [up[at]!, down[at]!];
    const step = Math.max(...ends.map((there) => distance(there, value)));
    const isNever = [value, ...ends].every(Number.isNaN);
    if (!isNever) total[at]! += Number.isNaN(step) ? Number.POSITIVE_INFINITY : step;
  });
}

/** A product above FULL_CHECK, at some of its rows; the others get an infinite error. */
function sampledProduct(node: Tensor, inputs: readonly Interval[]): Interval | undefined {
  if (node.op.kernel.kind !== 'matmul') return undefined;
  const options = node.options as MatmulOptions;
  const [a, b] = node.inputs as [Tensor, Tensor];
  const { batch, m, n, k, parts } = matmulSizes(a.shape, b.shape, options);
  const count = Math.max(1, Math.floor(FULL_CHECK / (n * k)));
  if (batch.length > 0 || count >= m) return undefined;
  // the same rows for the same shape
  const chosen = new Set<number>();
  for (let i = 0; chosen.size < count; i++) chosen.add(Math.floor(uniformAt(m, SAMPLE, i) * m));
  const rows = [...chosen];
  const placeOf = (row: number, p: number): number =>
    options.transposeA ? p * m + row : row * k + p;
  const chosenOf = (data: TypedArray): Float64Array =>
    new Float64Array(count * k).map((_, i) => data[placeOf(rows[Math.floor(i / k)]!, i % k)]!);
  const [left, right] = inputs as readonly [Interval, Interval];
  const some = input([count, k], { dtype: a.dtype });
  const value = hostData(some.shape, some.dtype, chosenOf(left.value.data));
  const ofSome = { value, errors: chosenOf(errorsOf(a, left)) };
  const product = matmulOf([some, b], { ...options, transposeA: false });
  const known = new Map([
    [some, ofSome],
    [b, right],
  ]);
  const { value: found, errors } = evaluateWith([product], known, evaluateInterval)[0]!;
  const spread = (data: TypedArray, rest: number): Float64Array => {
    const out = new Float64Array(parts * m * n).fill(rest);
    for (let part = 0; part < parts; part++)
      for (const [r, row] of rows.entries()) {
        const from = (part * count + r) * n;
        out.set(data.subarray(from, from + n), (part * m + row) * n);
      }
    return out;
  };
  const whole = hostData(node.shape, 'f64', spread(found.data, 0));
  return { value: whole, errors: spread(errors, Number.POSITIVE_INFINITY) };
}

/** What a node computes, from intervals of its inputs: its own bound plus what its inputs' errors cause. */
export function evaluateInterval(node: Tensor, inputs: readonly Interval[]): readonly Interval[] {
  // kernels do not read what holds nothing
  if (node.op.kernel.kind === 'leaf' && sizeOf(node.shape) === 0)
    return [exact(hostData(node.shape, node.dtype, hostArray(node.dtype, 0)))];
  if (isHalved(node)) {
    const input = inputs[0]!;
    return [halved(node, { ...input, errors: errorsOf(node.inputs[0]!, input) })];
  }
  const sampled = sampledProduct(node, inputs);
  if (sampled) return [sampled];
  const values = inputs.map(({ value }) => value);
  const outputs = evaluateNode(node, values);
  const caused = propagate(node, inputs, outputs);
  const bounds = evaluateBounds(node, values, outputs);
  return outputs.map((value, output) => {
    const errors = caused[output]!;
    if (!isFloat(value.dtype)) return { value, errors };
    const own = bounds[output]!;
    const both = errors.map((error, i) => error + finiteBound(own[i]!, value.data[i]!));
    return { value, errors: both };
  });
}

/** A bound that infinite inputs left without meaning is 4 ulp; ±∞ has no neighbours at all. */
function finiteBound(bound: number, value: number): number {
  if (!Number.isFinite(value)) return 0;
  return Number.isFinite(bound) ? bound : 4 * ulp(value);
}

/** What a kernel reads: an adapter may take numbers below the normal ones for 0. */
function read(value: TensorData): Interval {
  if (!isFloat(value.dtype)) return exact(value);
  const flushed = (size: number): number => (size < TINY ? size : 0);
  const errors = Float64Array.from(value.data, (x) => flushed(Math.abs(x)));
  return { value, errors };
}

/** A value as it is. */
export const exact = (value: TensorData): Interval => ({
  value,
  errors: new Float64Array(value.data.length),
});

/** |gpu − cpu| over the allowed error: at most 1 where the result is right. NaN agrees with NaN, ±∞ with what overflows. */
function ratioOf(
  gpu: number,
  cpu: number,
  error: number,
  float: boolean,
  overflow: number,
): number {
  if (Object.is(gpu, cpu) || gpu === cpu) return 0;
  if (Number.isNaN(cpu)) return Number.isNaN(gpu) ? 0 : Number.POSITIVE_INFINITY;
  if (!Number.isFinite(gpu))
    return Math.sign(gpu) * cpu + error >= overflow ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(gpu - cpu) / (error + (float ? TINY : 0));
}

/** A stored result against its reference. */
function compareResult(
  node: Tensor,
  { value, errors }: Interval,
  { kernel, results }: Capture,
): Check {
  const stored = results.get(node)!.data;
  const float = isFloat(node.dtype);
  const half = node.dtype === 'f16' || isHalved(node);
  const overflow = half ? HALF_OVERFLOW : OVERFLOW;
  let worst = { index: 0, gpu: 0, cpu: 0, bound: 0, ratio: -1 };
  let checked = 0;
  stored.forEach((gpu: number, index: number) => {
    const cpu = value.data[index]!;
    const bound = errors[index]!;
    if (bound === Number.POSITIVE_INFINITY) return;
    checked++;
    const isWhole = !half || Object.is(gpu, roundTo('f16', gpu));
    // NaN, of a bound that is no number, fails
    const ratio = isWhole ? ratioOf(gpu, cpu, bound, float, overflow) : Number.POSITIVE_INFINITY;
    if (!(ratio <= worst.ratio) && !Number.isNaN(worst.ratio))
      worst = { index, gpu, cpu, bound, ratio };
  });
  return { op: nameOf(node), kernel, checked, total: stored.length, worst };
}

/** Recomputes what kernel calls stored, from the values that they read. Returns the error for the first outside its bound. */
export function compareCaptures(
  captures: readonly Capture[],
  info: EngineInfo,
  tell: OnCheck,
): CheckError | undefined {
  let failure: CheckError | undefined;
  for (const capture of captures) {
    const roots = [...capture.results.keys()];
    const given = [...capture.reads].filter(([node]) => !capture.results.has(node));
    const known = new Map(given.map(([node, data]) => [node, read(toHost(data))]));
    const intervals = evaluateWith(roots, known, evaluateInterval);
    const checks = roots.map((node, i) => compareResult(node, intervals[i]!, capture));
    tell(checks);
    const failed = checks.find(({ worst }) => !(worst.ratio <= 1));
    if (failed) failure ??= checkFailure(failed, capture, info);
  }
  return failure;
}

/** The error for a failed check, with what is needed to see it again. */
function checkFailure(check: Check, capture: Capture, info: EngineInfo): CheckError {
  const { index, gpu, cpu, bound } = check.worst;
  const adapter = info.adapter.description;
  const message = `${check.op}: element ${index} of kernel ${check.kernel} is ${gpu} on ${adapter}, the float64 reference ${cpu}; they may differ by ${bound}${bound === 0 ? ', because the op has no bound: give it one, such as { ulp: 4 }' : ''}`;
  const inputs = [...capture.reads].map(([node, { dtype, data }]) => {
    const values = [...data.slice(0, 4096)];
    return { op: nameOf(node), shape: formatShape(node.shape), dtype, values };
  });
  const reproduction = JSON.stringify({ adapter, check, wgsl: capture.wgsl, inputs });
  return Object.assign(new CheckError(`${message}; see its reproduction`), { check, reproduction });
}
