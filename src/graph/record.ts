// What can be said of records and made for them: names, definitions, kernels and bounds of pointwise ops.
import type { Bound } from '../core/bounds.js';
import type { TypedArray } from '../core/dtype.js';
import type { Op, PointwiseKernel, PointwiseRecord, ScalarReference } from './op.js';
import type { Tensor } from './tensor.js';

/** Whether a record is of an op of scalars. */
export const isPointwise = (op: Op): op is PointwiseRecord => op.kernel.kind === 'pointwise';

/** The kernel of a pointwise op: the WGSL function `name` in `source`, called with one scalar an input. */
export const pointwise = (name: string, source: string): PointwiseKernel => ({
  kind: 'pointwise',
  name,
  source,
});

/**
 * The kernel of a user's own op: the WGSL function `name` in `source`, called with one scalar an input. Errors in the
 * WGSL are told with `file`: where the source comes from; the file:line of this call, where the engine tells, unless given.
 */
export function pointwiseOf(name: string, source: string, file?: string): PointwiseKernel {
  const frames = new Error().stack?.match(/[^\s()@]+:\d+(?=:\d+\)?$)/gm);
  return { ...pointwise(name, source), file: file ?? frames?.[1]?.replace(/^\w+:\/\//, '') };
}

/** An op in terms of others, where its record gives it so. */
export const definitionOf = ({ kernel, definition }: Op) =>
  kernel.kind === 'composed' ? kernel.compose : definition;

/** The name of an op of Nabla's own, which the compiler may know; '' of a user's, which may have any name. */
export const builtIn = ({ op }: Tensor): string => (op.byUser ? '' : op.name);

/** Applies a scalar function to all elements; the inputs already have the shape of `out`. */
export function mapElements<T extends TypedArray>(
  call: ScalarReference,
  inputs: readonly TypedArray[],
  out: T,
): T {
  const [a, b, c] = inputs;
  const n = out.length;
  if (inputs.length === 1) for (let i = 0; i < n; i++) out[i] = call(a![i]!);
  else if (inputs.length === 2) for (let i = 0; i < n; i++) out[i] = call(a![i]!, b![i]!);
  else if (inputs.length === 3) for (let i = 0; i < n; i++) out[i] = call(a![i]!, b![i]!, c![i]!);
  else for (let i = 0; i < n; i++) out[i] = call(...inputs.map((x) => x[i]!));
  return out;
}

/** A bound of a pointwise op: the absolute error of one element, a function of its value and its inputs. */
export function errorOf(error: ScalarReference): Bound {
  return (inputs, output) => {
    const values = [output, ...inputs].map(({ data }) => data);
    return mapElements(error, values, new Float64Array(output.data.length));
  };
}
