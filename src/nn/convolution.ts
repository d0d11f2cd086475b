import { ShapeError } from '../errors.js';
import { conv2d as convolve, maxPool2d as pool, type WindowSettings } from '../ops/convolution.js';
import { checkWhole, formatShape } from '../shape.js';
import type { Layer } from './layer.js';
import { affine, type DenseOptions, stateless } from './layers.js';

type Pair = readonly [number, number];
export type Conv2dOptions = DenseOptions & WindowSettings;

/**
 * A convolution: [batch, inChannels, H, W] → [batch, outChannels, H′, W′], with stride 1, padding 0 and dilation 1
 * unless given. Parameters: weight [outChannels, inChannels, kh, kw] and bias [outChannels], as PyTorch's `Conv2d`.
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernel: number | Pair,
  options: Conv2dOptions = {},
): Layer {
  const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  checkWhole('conv2d', { inChannels, outChannels, 'kernel height': height, 'kernel width': width });
  const fan = { inputs: inChannels * height * width, outputs: outChannels * height * width };
  const { stride = 1, padding = 0, dilation = 1 } = options;
  return affine('conv2d', options, [outChannels, inChannels, height, width], fan, (x, weight, bias) => {
    if (x.rank !== 4 || x.shape[1] !== inChannels)
      throw new ShapeError(
        `conv2d: input ${formatShape(x.shape)} where [batch, ${inChannels}, height, width] is expected; reshape it`,
      );
    return convolve(x, weight, { stride, padding, dilation, ...(bias ? { bias } : {}) });
  });
}

/** The largest element of each window: [batch, channels, H, W] → [batch, channels, H′, W′]. `stride` is `size` unless given. */
export const maxPool2d = (size: number | Pair, options: WindowSettings = {}): Layer =>
  stateless((x) => pool(x, { ...options, size }));
