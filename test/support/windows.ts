// Generators of sample calls for convolution and pooling, and of the records inside other ops.
import fc from 'fast-check';
import { grad } from '../../src/autodiff/reverse.js';
import { definitionOf } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { conv2d } from '../../src/ops/convolution.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { type Entry, entry } from './families.js';
import { floats, sample, seeds } from './samples.js';

/** All nodes of graphs, with those that define composed ones, for products that read through views. */
function written(roots: readonly Tensor[]): Tensor[] {
  return topological(roots).flatMap((node) => {
    const define = node.op.kernel.kind === 'composed' ? definitionOf(node.op) : undefined;
    const defined = define ? [define(node.inputs, node.options, true)].flat() : [];
    return [...(define ? written(defined) : []), node];
  });
}

/** The innermost node of a record in the graphs of another entry, in their gradients where `backward` says so. */
export const part = (name: string, from: Entry, backward = false): Entry =>
  entry(name, (limit) =>
    from.samples(limit).map(({ label, values, build }) =>
      sample(`${backward ? 'gradient of ' : ''}${label}`, values, (inputs) => {
        const y = build(inputs);
        const roots = backward ? grad(y, inputs, { cotangent: y }) : [y];
        const found = written(roots).filter(({ op }) => op.name === name);
        return (backward ? found.at(-1) : found[0]) ?? y;
      }),
    ),
  );

type Pair = [number, number];
type Settings = Record<'stride' | 'padding' | 'dilation', Pair> & { groups: number };
/** Images and windows that fit: [N, C], [H, W], [kh, kw] and settings. */
const windowed = (limit: number) => {
  const pair = (low: number, high: number): fc.Arbitrary<[number, number]> =>
    fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }));
  const most = Math.max(3, Math.min(17, Math.floor((limit / 2) ** 0.5)));
  return fc
    .record({
      lead: pair(1, 2),
      image: pair(1, most),
      window: pair(1, 3),
      stride: pair(1, 3),
      padding: pair(0, 2),
    })
    .chain((drawn) =>
      fc.record({ seed: seeds, dilation: pair(1, 2) }).map((more) => ({ ...drawn, ...more })),
    )
    .map(({ image, window, dilation, ...rest }) => ({
      ...rest,
      window,
      dilation,
      image: image.map((size, k) =>
        Math.max(size, dilation[k]! * (window[k]! - 1) + 1 - 2 * rest.padding[k]!, 1),
      ),
    }));
};

export const convolutions = entry('conv2d', (limit) =>
  windowed(limit).map(({ lead, image, window, seed, stride, padding, dilation }) => {
    // one group, or two or three; of one channel each, that is depthwise
    const groups = seed % 5 > 1 ? (seed % 5) - 1 : 1;
    const settings: Settings = { stride, padding, dilation, groups };
    const [channels, outputs] = [lead[1], 1 + (seed % 3)];
    const values = [
      floats(seed, [lead[0], groups * channels, ...image]),
      floats(seed, [groups * outputs, channels, ...window], {}, 1),
    ];
    const bias = seed % 2 ? [floats(seed, [groups * outputs], {}, 2)] : [];
    return sample(`conv2d ${JSON.stringify(settings)}`, [...values, ...bias], ([x, w, b]) =>
      conv2d(x!, w!, { ...settings, ...(b ? { bias: b } : {}) }),
    );
  }),
);

export const pools = entry('maxPool2d', (limit) =>
  windowed(limit).map(({ lead, image, window: size, seed, stride, padding, dilation }) => {
    const fitting = padding.map((width, k) => Math.min(width, Math.floor(size[k]! / 2))) as [
      number,
      number,
    ];
    const grown = image.map((extent, k) => Math.max(extent, dilation[k]! * (size[k]! - 1) + 1));
    const settings = { size, padding: fitting, dilation, ...(seed % 3 ? { stride } : {}) };
    const values = [floats(seed, [...lead, ...grown], { distinct: true })];
    return sample(`maxPool2d ${JSON.stringify(settings)}`, values, ([x]) =>
      maxPool2d(x!, settings),
    );
  }),
);
