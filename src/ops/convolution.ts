// Convolution and its two adjoints: Σ y[n, o, p] w[o, t] x[n, place of t at p] by y, by x and by w, each the others' derivative.
import { ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkWhole, formatShape } from '../core/shape.js';
import { defineOpWith, type OpWith } from '../graph/define.js';
import type { Two } from '../graph/op.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { add } from './arithmetic.js';
import { type Convolution, forms, shapes } from './convolutionForms.js';
import { misfit, reshape, sumTo } from './view.js';
import {
  type Image,
  isImage,
  WINDOW_SETTINGS,
  type WindowSettings,
  windowAxes,
} from './windows.js';

type Bilinear = OpWith<Convolution, Two>;
/** The cotangent of one operand, from that of the result and the other operand. */
type Adjoint = (cotangent: Tensor, other: Tensor, options: Convolution) => Tensor;

/** An op that is linear in each of its two operands, by its form and its adjoints. */
function defineBilinear(
  name: string,
  form: keyof typeof forms,
  adjoints: readonly [first: Adjoint, second: Adjoint],
): Bilinear {
  const op: Bilinear = defineOpWith<Convolution, Two>({
    name,
    multiplies: true,
    shape: ([a, b], options) => shapes[form](a, b, options),
    vjp: ({ inputs: [a, b], cotangent, lead, wanted, options }) => {
      const [first, second] = adjoints;
      return [
        wanted[0] ? sumTo(first(cotangent, b, options), a.shape, lead.length) : undefined,
        wanted[1] ? sumTo(second(cotangent, a, options), b.shape, lead.length) : undefined,
      ];
    },
    jvp: ({ inputs: [a, b], tangents: [da, db], options }) => {
      const first = da && op([da, b], options);
      const second = db && op([a, db], options);
      return first && second ? add(first, second) : (first ?? second)!;
    },
    kernel: {
      kind: 'composed',
      compose: ([a, b], options, inPlace) => forms[form](a, b, options, inPlace),
    },
  });
  return op;
}

/** @internal y of images x and weights w. */
export const convolutionOf: Bilinear = defineBilinear('conv2d', 'result', [
  (y, w, options) => imageOf([w, y], options),
  (y, x, options) => weightOf([x, y], options),
]);
/** Images, of weights w and results y: the transposed convolution. */
const imageOf: Bilinear = defineBilinear('conv2dImage', 'image', [
  (x, y, options) => weightOf([x, y], options),
  (x, w, options) => convolutionOf([x, w], options),
]);
/** Weights, of images x and results y. */
const weightOf: Bilinear = defineBilinear('conv2dWeight', 'weight', [
  (w, y, options) => imageOf([w, y], options),
  (w, x, options) => convolutionOf([x, w], options),
]);

/** @internal The names of `ConvolutionSettings`. */
export const CONVOLUTION_SETTINGS = `${WINDOW_SETTINGS} groups`;
export interface ConvolutionSettings extends WindowSettings {
  /**
   * Into how many groups the channels are divided, 1 unless given: output channels of a group see its input channels alone. As
   * many groups as input channels make a depthwise convolution.
   */
  groups?: number;
}

/** @internal Throws ShapeError for a number of groups that channels cannot be divided into. */
export function checkGroups(op: string, groups: number, channels: number, outputs: number): void {
  checkWhole(op, { groups });
  if (channels % groups === 0 && outputs % groups === 0) return;
  const fact = `${groups} groups do not divide ${channels} input and ${outputs} output channels`;
  throw new ShapeError(`${op}: ${fact}; choose a divisor of both, or change the channels`);
}

/** Shapes of images and weights. Throws ShapeError where they do not belong together. */
function checkOperands(x: Tensor, w: Tensor, groups: number): Readonly<Record<'x' | 'w', Image>> {
  checkWhole('conv2d', { groups });
  const against = `does not fit w ${formatShape(w.shape)}`;
  if (!isImage(x.shape) || !isImage(w.shape)) {
    const fix = 'x is [N, C, H, W], w [O, C, kh, kw] with one C';
    return misfit('conv2d: x', x, `${against}; ${fix}`, w.shape);
  }
  const [, channels] = x.shape;
  const [outputs, each] = w.shape;
  const fitting = channels / each;
  const isFitting = fitting > 1 && channels % each === 0 && outputs % fitting === 0;
  if (groups === 1 && channels !== each) {
    const fix = isFitting ? `, or set groups to ${fitting}` : '';
    const rule = 'x is [N, C, H, W], w [O, C, kh, kw] with one C';
    misfit('conv2d: x', x, `${against}; ${rule}${fix}`, w.shape);
  }
  checkGroups('conv2d', groups, channels, outputs);
  if (channels !== groups * each) {
    const fix = `w is [O, C / groups, kh, kw], here with ${channels / groups} for C / groups`;
    misfit('conv2d: x', x, `${against} in ${groups} groups; ${fix}`, w.shape);
  }
  return { x: x.shape, w: w.shape };
}

/**
 * Convolution as PyTorch's conv2d: x [N, C, H, W], w [O, C / groups, kh, kw] → [N, O, H′, W′], with
 * H′ = ⌊(H + 2 padding − dilation (kh − 1) − 1) / stride⌋ + 1. `bias` is [O]. No flip of w. Throws ShapeError where channels do
 * not fit w or are not a multiple of `groups`.
 */
export function conv2d(
  x: Tensor,
  w: Tensor,
  options: ConvolutionSettings & { bias?: Tensor } = {},
): Tensor {
  const { bias, groups = 1 } = checkOptions('conv2d', options, '', `${CONVOLUTION_SETTINGS} bias`);
  checkTensors('conv2d', x, w, bias ?? x);
  const shapes = checkOperands(x, w, groups);
  const [, , height, width] = shapes.x;
  const [outputs, , ...window] = shapes.w;
  const axes = windowAxes('conv2d', shapes.x, window, options);
  const out = convolutionOf([x, w], { axes, image: [height, width], groups });
  if (!bias) return out;
  if (bias.rank !== 1 || bias.shape[0] !== outputs)
    misfit('conv2d: bias', bias, `is not [${outputs}], one for each output channel`);
  return add(out, reshape(bias, [outputs, 1, 1]));
}
