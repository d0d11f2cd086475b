// Convolution and pooling against their definitions; wrong calls; ties.
import { describe, expect, it } from 'vitest';
import { pushThrough } from '../../src/autodiff/forward.js';
import { jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { lower } from '../../src/compiler/lower.js';
import { type NablaError, ShapeError } from '../../src/core/errors.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { conv2d } from '../../src/ops/convolution.js';
import { eye, tensor, zeros } from '../../src/ops/leaf.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { sum } from '../../src/ops/reduce.js';
import { reshape, transpose } from '../../src/ops/view.js';
import { table } from '../support/ops.js';
import { distance, forAll, instantiate, seed, valuesOf } from '../support/property.js';
import { floats } from '../support/samples.js';

const samplesOf = (name: string) => table.find((entry) => entry.name === name)!.samples;
const value = (x: Tensor): number[] => [...valuesOf([x])[0]!.data];
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
type Pair = [number, number];

describe(`definitions (seed ${seed})`, () => {
  it('conv2d: z[n, o, u, v] = b[o] + Σ w[o, c, i, j] x[n, c, u s + i d − p, v s + j d − p]', () => {
    forAll(samplesOf('conv2d')(200), 60, (sample) => {
      const settings = JSON.parse(sample.label.replace('conv2d ', '')) as Record<
        'stride' | 'padding' | 'dilation',
        Pair
      > & { groups: number };
      const { y, inputs, feeds } = instantiate(sample);
      const [z, x, w, b] = valuesOf([y, ...inputs], feeds);
      const [, channels, H, W] = x!.shape as number[];
      const [O, C, I, J] = w!.shape as number[];
      const [, , U, V] = y.shape as number[];
      const { stride: s, padding: p, dilation: d } = settings;
      const expected = range(sizeOf(y.shape)).map((at) => {
        const [v, u, o] = [at % V!, Math.floor(at / V!) % U!, Math.floor(at / V! / U!) % O!];
        const n = Math.floor(at / V! / U! / O!);
        const first = Math.floor((o * settings.groups) / O!) * C!; // of the group's channels
        let total = b ? b.data[o]! : 0;
        for (const c of range(C!))
          for (const i of range(I!))
            for (const j of range(J!)) {
              const [row, column] = [u * s[0] + i * d[0] - p[0], v * s[1] + j * d[1] - p[1]];
              if (row < 0 || row >= H! || column < 0 || column >= W!) continue;
              total +=
                w!.data[((o * C! + c) * I! + i) * J! + j]! *
                x!.data[((n * channels! + first + c) * H! + row) * W! + column]!;
            }
        return total;
      });
      expect(distance(z!.data, expected)).toBeLessThan(1e-12);
    });
  });

  it('maxPool2d: the largest of each window', () => {
    forAll(samplesOf('maxPool2d')(200), 60, (sample) => {
      const settings = JSON.parse(sample.label.replace('maxPool2d ', '')) as Record<string, Pair>;
      const {
        size,
        padding: p,
        dilation: d,
        stride: s = size,
      } = settings as Record<'size' | 'padding' | 'dilation' | 'stride', Pair>;
      const { y, inputs, feeds } = instantiate(sample);
      const [z, x] = valuesOf([y, inputs[0]!], feeds);
      const [H, W] = x!.shape.slice(2) as Pair;
      const [U, V] = y.shape.slice(2) as Pair;
      const expected = range(sizeOf(y.shape)).map((at) => {
        const [v, u, image] = [at % V, Math.floor(at / V) % U, Math.floor(at / V / U)];
        const rows = range(size[0])
          .map((i) => u * s[0] + i * d[0] - p[0])
          .filter((row) => row >= 0 && row < H);
        const columns = range(size[1])
          .map((j) => v * s[1] + j * d[1] - p[1])
          .filter((column) => column >= 0 && column < W);
        return Math.max(
          ...rows.flatMap((row) =>
            columns.map((column) => x!.data[(image * H + row) * W + column]!),
          ),
        );
      });
      expect(distance(z!.data, expected)).toBe(0);
    });
  });
});

describe('gradients', () => {
  it.each(['gpu', 'swiftshader'] as const)(
    'of both operands are products with views on %s',
    (adapter) => {
      const [x, w] = [zeros([2, 3, 8, 8]), zeros([4, 3, 3, 3])];
      const cost = sum(conv2d(x, w, { padding: 1, stride: 2 }));
      const names = topological(lower(grad(cost, [x, w]), true, adapter)).map(({ op }) => op.name);
      const other = ['gather', 'scatterAdd', 'concat', 'pad', 'slice', 'transpose'];
      expect(names.filter((name) => other.includes(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(['matmul', 'windows']));
    },
  );
  it('of a stack of images move through windows as the images do', () => {
    const [x, w] = [floats(1, [1, 1, 6, 6]), floats(2, [2, 1, 3, 3])].map((each) =>
      tensor(each),
    ) as [Tensor, Tensor];
    const y = conv2d(x, w, { padding: 1 });
    const forward = pushThrough(y, [x], [reshape(eye(36), [36, 1, 1, 6, 6])], [36]);
    const columns = value(transpose(reshape(forward, [36, 72])));
    expect(columns).toEqual(
      value(jacobian(reshape(y, [72]), x)).map((each) => expect.closeTo(each, 9)),
    );
    const reverse = grad(y, x, { cotangent: reshape(eye(72), [72, 1, 2, 6, 6]) });
    expect(columns).toEqual(value(reverse).map((each) => expect.closeTo(each, 9)));
    // the windows of a tangent, not a tangent of windows: no more is written out than for the images themselves
    const views = topological(lower([forward], true, 'swiftshader')).filter(
      ({ op }) => op.name === 'windows',
    );
    expect(Math.max(...views.map(({ shape }) => sizeOf(shape)))).toBe(36 * 9 * 36);
  });
  it('goes to the first of equal elements in a window', () => {
    const x = tensor([
      [
        [
          [1, 2, 2],
          [2, 0, 0],
          [5, 5, 5],
        ],
      ],
    ]);
    expect(value(maxPool2d(x, { size: 2, stride: 1 }))).toEqual([2, 2, 5, 5]);
    expect(value(grad(sum(maxPool2d(x, { size: 2, stride: 1 })), x))).toEqual([
      0, 2, 0, 0, 0, 0, 1, 1, 0,
    ]);
  });
  it('never reaches padding, however low the values', () => {
    const x = tensor([[[[-1e30, -2e30]]]]);
    const y = maxPool2d(x, { size: [2, 2], stride: 1, padding: [1, 1] });
    expect(value(y)).toEqual([-1e30, -1e30, -2e30, -1e30, -1e30, -2e30].map(Math.fround));
    expect(value(grad(sum(y), x))).toEqual([4, 2]);
  });
});

it('maxPool2d of −∞ alone is −∞, not what padding holds', () => {
  const x = tensor([[[[-Infinity, -Infinity, 1]]]]);
  expect(value(maxPool2d(x, { size: [1, 2], stride: 1, padding: [0, 1] }))).toEqual([
    -Infinity,
    -Infinity,
    1,
    1,
  ]);
});

const image = zeros([1, 3, 8, 8]);
const bad: [string, () => unknown, new (message: string) => NablaError, RegExp][] = [
  [
    'channels that differ',
    () => conv2d(image, zeros([4, 2, 3, 3])),
    ShapeError,
    /conv2d: x \[1, 3, 8, 8\] does not fit w \[4, 2, 3, 3\]/,
  ],
  [
    'a wrong rank',
    () => conv2d(zeros([3, 8, 8]), zeros([4, 3, 3, 3])),
    ShapeError,
    /w \[4.*; x is \[N, C, H, W\], w \[O, C, kh, kw\] with one C/,
  ],
  [
    'a window too large',
    () => conv2d(image, zeros([4, 3, 9, 9])),
    ShapeError,
    /conv2d: a window \[9, 9\] does not fit into \[1, 3, 8, 8\]; enlarge padding/,
  ],
  [
    'a stride of 0',
    () => conv2d(image, zeros([4, 3, 3, 3]), { stride: 0 }),
    ShapeError,
    /conv2d: stride 0 is not one or two whole numbers ≥ 1/,
  ],
  [
    'a negative padding',
    () => conv2d(image, zeros([4, 3, 3, 3]), { padding: [-1, 0] }),
    ShapeError,
    /conv2d: padding \[-1,0\]/,
  ],
  [
    'a bias of another length',
    () => conv2d(image, zeros([4, 3, 3, 3]), { bias: zeros([3]) }),
    ShapeError,
    /conv2d: bias \[3\] is not \[4\]/,
  ],
  [
    'a pool of a matrix',
    () => maxPool2d(zeros([8, 8]), { size: 2 }),
    ShapeError,
    /maxPool2d: \[8, 8\] is not \[N, C, H, W\]/,
  ],
  [
    'a pool with wide padding',
    () => maxPool2d(image, { size: 2, padding: 2 }),
    ShapeError,
    /maxPool2d: padding \[2, 2\] is above half of the window/,
  ],
];
describe('wrong calls', () => {
  it.each(bad)('%s', (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
