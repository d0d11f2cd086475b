// Grouped and depthwise convolution: values and gradients as torch 1.13 gives them, both ways of composing them, wrong calls.
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { lower } from '../../src/compiler/lower.js';
import { ShapeError } from '../../src/core/errors.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { conv2d as layer } from '../../src/nn/layers.js';
import { type ConvolutionSettings, conv2d } from '../../src/ops/convolution.js';
import { tensor, zeros } from '../../src/ops/leaf.js';
import { valuesOf } from '../support/property.js';

/** Of which element i is ((i a) mod m − c) / d: every value below is a whole number of 64ths. */
function series(shape: readonly number[], [a, m, c, d]: readonly [number, number, number, number]) {
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (((i * a) % m) - c) / d);
  return tensor(values, shape);
}

interface Case {
  readonly name: string;
  readonly x: number[];
  readonly w: number[];
  readonly options: ConvolutionSettings;
  readonly y: number[];
  readonly dx: number[];
  readonly dw: number[];
}
/** `conv2d(x, w, **options)` of torch.nn.functional, and `grad(y, [x, w], u)`; all numbers × 64. */
const cases: Case[] = [
  {
    name: 'two groups',
    x: [1, 4, 3, 4],
    w: [4, 2, 2, 2],
    options: { groups: 2, padding: 1, stride: 2 },
    y: [
      6, -88, -48, 2, -10, 4, 17, -98, -50, -9, 65, 56, -48, -88, 6, 20, 52, 14, -46, -78, -5, 27,
      27, 16,
    ],
    dx: [
      120, 16, 0, -200, 136, -512, -176, 320, 72, -112, -48, 88, -328, -48, -64, 120, 8, 16, 80, -8,
      -56, 144, 208, -104, 32, 344, 232, 32, 320, -72, -512, 240, -200, 136, 104, -176, 32, -104,
      -216, -32, -40, 72, 40, -48, 120, 8, -24, 80,
    ],
    dw: [
      144, 336, -136, 288, -48, -528, 264, 744, -56, -304, 400, 120, 40, 368, -328, -520, -96, -24,
      -624, -104, 408, 144, 288, 256, 32, 80, 256, -104, -360, 80, 72, 376,
    ],
  },
  {
    name: 'two groups, dilated',
    x: [2, 2, 4, 3],
    w: [2, 1, 2, 2],
    options: { groups: 2, dilation: [2, 1], padding: [1, 0] },
    y: [
      -40, -34, -4, -136, -96, -76, -50, -36, -56, -66, -92, 10, 62, 50, -18, 18, -10, -4, -56, -36,
      4, 24, 20, 34, 84, 74, 38, 26, 40, 28, 10, 8,
    ],
    dx: [
      0, -192, -144, -192, 160, 240, 64, -176, -144, -192, 32, 64, 0, -32, 16, 160, 144, -336, -64,
      -112, 48, 128, 0, -288, 256, 256, 48, -224, -656, -336, 448, 464, 112, -64, -192, -80, 0, -96,
      -48, 32, 176, 240, -192, -288, -208, 0, 96, 144,
    ],
    dw: [328, 320, -480, -536, 1176, 1256, -16, 168],
  },
  {
    name: 'depthwise',
    x: [1, 3, 4, 4],
    w: [3, 1, 3, 3],
    options: { groups: 3, padding: 1 },
    y: [
      94, 120, 64, 18, 48, -4, -156, -120, -90, -156, -156, -96, -22, -26, -8, 14, -28, 20, 13, 76,
      87, 150, 158, 129, -45, -103, -95, -99, -36, -68, -56, -32, -22, -71, -217, 6, -11, 54, 129,
      148, 99, 164, 125, 48, -26, -74, -68, -54,
    ],
    dx: [
      16, -32, -48, -64, -240, -208, 0, 144, 432, 624, 0, 96, 176, 128, -480, -128, -384, 184, 312,
      96, 120, 264, -240, 328, 120, -400, -696, 56, 192, -104, -560, 328, 0, -192, 288, 208, 96,
      280, -320, -808, 48, 272, -328, -608, -256, 168, 480, 360,
    ],
    dw: [
      -64, -656, 168, 312, 736, -264, -24, -224, -160, 120, 112, 96, -120, -72, -184, 168, 520, 504,
      -248, 512, 48, 664, -560, -88, 96, -912, 328,
    ],
  },
  {
    name: 'depthwise with two outputs a channel',
    x: [1, 2, 4, 5],
    w: [4, 1, 2, 3],
    options: { groups: 2, stride: [1, 2], padding: [0, 1] },
    y: [
      26, -152, -96, -48, -62, -16, -8, 28, 64, -19, 91, 45, 65, 76, 55, 35, 61, 65, 37, 38, 4, 22,
      3, -56, 7, -32, 17, -32, -80, -56, -32, -50, -16, -32, -20, 62,
    ],
    dx: [
      48, 0, 48, 0, 48, 248, -232, -496, -472, 8, -112, 192, 288, 472, 168, 0, -216, -120, -456,
      -240, 64, -40, -8, -184, -80, -424, 376, 32, 152, 176, 320, -608, -472, 416, -16, 88, 160,
      304, -336, -416,
    ],
    dw: [
      -224, 280, -448, -464, -712, -488, -496, 32, -512, -456, -648, -272, 24, -48, -368, 344, -720,
      -368, 120, 96, -272, 200, -784, -512,
    ],
  },
  {
    name: 'three groups of one output',
    x: [1, 6, 2, 3],
    w: [3, 2, 1, 2],
    options: { groups: 3, stride: 1 },
    y: [-4, -136, -96, -76, -92, 10, 62, 50, 23, 30, 44, 51],
    dx: [
      384, 480, 144, 0, -192, -144, 192, 192, 48, 0, -96, -48, 0, 96, -64, 0, -16, 32, 192, 160,
      -192, -32, 16, 96, 320, -600, 280, -128, 176, -56, -200, 80, 120, 80, 8, -24,
    ],
    dw: [360, -504, -264, -216, -56, -80, -48, -680, 16, 24, 64, 72],
  },
];

/** Results and gradients of a case. */
function built({ x: xShape, w: wShape, options }: Case): Tensor[] {
  const x = series(xShape, [37, 19, 9, 8]);
  const w = series(wShape, [53, 17, 8, 8]);
  const y = conv2d(x, w, options);
  const [dx, dw] = grad(y, [x, w], { cotangent: series(y.shape, [29, 13, 6, 1]) });
  return [y, dx!, dw!];
}
const numbersOf = (nodes: readonly Tensor[]): number[][] =>
  valuesOf(nodes).map(({ data }) => Array.from(data, (value) => value * 64));

describe('values and gradients are those of torch', () => {
  it.each(cases)('$name', (each) => {
    expect(numbersOf(built(each))).toEqual([each.y, each.dx, each.dw]);
  });
  it.each(cases)('$name, as composed for adapters whose products read in place', (each) => {
    expect(numbersOf(lower(built(each), true, 'gpu'))).toEqual([each.y, each.dx, each.dw]);
  });
});

const image = zeros([1, 6, 8, 8]);
const bad: [string, () => unknown, RegExp][] = [
  [
    'groups that do not divide the input channels',
    () => conv2d(image, zeros([4, 3, 3, 3]), { groups: 4 }),
    /conv2d: 4 groups do not divide 6 input and 4 output channels; choose a divisor of both/,
  ],
  [
    'groups that do not divide the output channels',
    () => conv2d(image, zeros([4, 2, 3, 3]), { groups: 3 }),
    /conv2d: 3 groups do not divide 6 input and 4 output channels/,
  ],
  [
    'weights of all channels',
    () => conv2d(image, zeros([6, 6, 3, 3]), { groups: 2 }),
    /x \[1, 6, 8, 8\] does not fit w \[6, 6, 3, 3\] in 2 groups; w is \[O, C \/ groups, kh, kw\], here with 3 for C/,
  ],
  [
    'weights of a group, without groups',
    () => conv2d(image, zeros([6, 2, 3, 3])),
    /does not fit w \[6, 2, 3, 3\]; x is \[N, C, H, W\], .* with one C, or set groups to 3/,
  ],
  [
    'half a group',
    () => conv2d(image, zeros([6, 2, 3, 3]), { groups: 1.5 }),
    /conv2d: groups is 1.5; give a whole number ≥ 1/,
  ],
  [
    'a layer',
    () => layer(6, 4, 3, { groups: 3 }),
    /conv2d: 3 groups do not divide 6 input and 4 output channels/,
  ],
];
it.each(bad)('refuses %s', (_, call, message) => {
  expect(call).toThrow(ShapeError);
  expect(call).toThrow(message);
});
