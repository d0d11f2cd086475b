// cumSum: sums of all that stands before, along an axis. WGSL: shaders/cumSum.wgsl, a hand-written kernel.
import source from '../../shaders/cumSum.wgsl?raw';
import { gamma } from '../core/bounds.js';
import type { TensorData } from '../core/dtype.js';
import { checkOptions } from '../core/options.js';
import { normalizeAxis, type Shape, sizeOf, stridesOf } from '../core/shape.js';
import { defineOpWith, type OpWith } from '../graph/define.js';
import type { AdapterClass, One, WrittenKernel } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';

type SumOptions = { readonly axis: number; readonly reverse: boolean };

/** Running sums of what `of` makes of the elements, along an axis, from the first on or from the last. */
function running(
  { shape, data }: TensorData,
  { axis, reverse }: SumOptions,
  of: (value: number) => number,
): Float64Array {
  const out = Float64Array.from(data, of);
  const { LENGTH, STRIDE } = sizesOf(shape, axis);
  const isFirst = (at: number): boolean => Math.floor(at / STRIDE) % LENGTH === 0;
  for (let i = 0; i < out.length; i++) {
    const at = reverse ? out.length - 1 - i : i;
    // the neighbour that was done before lies towards the end that the sums start from
    if (!reverse && !isFirst(at)) out[at]! += out[at - STRIDE]!;
    if (reverse && at + STRIDE < out.length && !isFirst(at + STRIDE)) out[at]! += out[at + STRIDE]!;
  }
  return out;
}

/** Elements along the axis, and how far apart they lie; and how many such rows there are. */
function sizesOf(shape: Shape, axis: number) {
  const LENGTH = shape[axis] ?? 1;
  return { LENGTH, STRIDE: stridesOf(shape)[axis] ?? 1, ROWS: sizeOf(shape) / LENGTH };
}

/** Invocations that share a row: the lanes of a vector where they are threads of a processor. */
const widths: Readonly<Record<AdapterClass, number>> = { gpu: 256, lavapipe: 16, swiftshader: 16 };
const constantsFor =
  (adapter: AdapterClass) =>
  ([shape]: readonly [Shape], { axis, reverse }: SumOptions) => {
    const sizes = sizesOf(shape, axis);
    const WIDTH = Math.min(widths[adapter], 2 ** Math.ceil(Math.log2(sizes.LENGTH)));
    return { ...sizes, WIDTH, CHUNK: Math.ceil(sizes.LENGTH / WIDTH), REVERSE: Number(reverse) };
  };

const kernel: WrittenKernel<SumOptions, One> = {
  kind: 'written',
  wgsl: source,
  constants: constantsFor('gpu'),
  workgroups: ([shape], { axis }) => [sizesOf(shape, axis).ROWS, 1, 1],
  variants: {
    lavapipe: { constants: constantsFor('lavapipe') },
    swiftshader: { constants: constantsFor('swiftshader') },
  },
};

const cumSumOf: OpWith<SumOptions, One> = defineOpWith<SumOptions, One>({
  name: 'cumSum',
  shape: ([x]) => x.shape,
  vjp: ({ cotangent, lead, options: { axis, reverse } }) => [
    cumSumOf([cotangent], { axis: axis + lead.length, reverse: !reverse }),
  ],
  reference: ([x], options) => running(x, options, (value) => value),
  // γ_n Σ|x| holds under any order of summation; a tree adds more numbers than it has, all of them 0
  bound: ([x], { shape }, options) => {
    const { LENGTH } = sizesOf(shape, options.axis);
    return running(x, options, Math.abs).map((size) => gamma(LENGTH + 10) * size);
  },
  kernel,
});

/** Where the sums run. */
export interface CumSumOptions {
  /** The last unless given; negative ones count from the end. */
  axis?: number;
  /** From the last element on, rather than from the first. */
  reverse?: boolean;
}

/**
 * Cumulative sums along an axis: yₖ = Σ xⱼ over j ≤ k, of x's shape; with `reverse` over j ≥ k. Throws ShapeError for an axis
 * that x has not, DTypeError for what is no float.
 */
export function cumSum(x: Tensor, options: CumSumOptions = {}): Tensor {
  const { axis = -1, reverse = false } = checkOptions('cumSum', options, '', 'axis reverse');
  return cumSumOf([x], { axis: normalizeAxis('cumSum', axis, x, true), reverse });
}
