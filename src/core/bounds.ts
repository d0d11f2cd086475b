// Error bounds of floating-point arithmetic: the constants and formulas that the ops' bounds are made of.
import type { TensorData } from './dtype.js';

/** Unit of a WGSL f32 operation whose rounding mode is unspecified: 2⁻²³. */
export const EPSILON = 2 ** -23;
/** Smallest normal f32; WGSL may flush what lies below, so every bound allows it. */
export const TINY = 2 ** -126;

/** γ_k = k·u / (1 − k·u): relative error of k roundings in a row (Higham, Accuracy and Stability, §3.1). */
export const gamma = (k: number): number => (k * EPSILON) / (1 - k * EPSILON);

/** Distance between neighbouring f32 numbers at `value`: the unit in the last place. */
export function ulp(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude > TINY)) return 2 ** -149;
  return 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}

/**
 * Largest allowed difference between a GPU result and the float64 reference of the same f32 inputs: in units in the
 * last place of the reference, or as absolute errors, one for each output element. The inputs of a pointwise op are
 * broadcast to its output's shape. Integers and bools are exact under any bound in ulp.
 */
export type Bound<Inputs = readonly TensorData[], O = unknown> =
  | { readonly ulp: number }
  | Errors<Inputs, O>['of'];
// a method's type: a rule for some inputs is a rule for any
interface Errors<Inputs, O> {
  of(inputs: Inputs, output: TensorData, options: O): Float64Array;
}

/** Bounds of an op of several outputs: one for all, one for each, or a rule that gives the errors of each. */
export type Bounds<Inputs = readonly TensorData[], O = unknown> =
  | { readonly ulp: number }
  | readonly Bound<Inputs, O>[]
  | EachErrors<Inputs, O>['of'];
interface EachErrors<Inputs, O> {
  of(inputs: Inputs, outputs: readonly TensorData[], options: O): readonly Float64Array[];
}
