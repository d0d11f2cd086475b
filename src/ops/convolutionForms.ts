// How a convolution and its two adjoints are computed: as matrix products with windows, depthwise as folds over windows.
import { viewData } from '../core/hostData.js';
import { broadcastShapes, type Shape, sizeOf, stridesOf } from '../core/shape.js';
import { defineIndex, type OpWith } from '../graph/define.js';
import type { NoOptions, One } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { base, halvesOf } from '../graph/views.js';
import { add, mul } from './arithmetic.js';
import { cast, isCast } from './cast.js';
import { zeros } from './leaf.js';
import { matmul } from './matmul.js';
import { sum } from './reduce.js';
import { broadcastTo, reshape } from './view.js';
import {
  type Axes,
  areImages,
  inverse,
  type Pair,
  phasesOf,
  windows,
  windowsOf,
} from './windows.js';

/**
 * @internal What a convolution and its adjoints share: images x [..., N, g C, H, W], weights w [..., g O, C, kh, kw] and results
 * y [..., N, g O, H′, W′], of g groups. Leading axes broadcast.
 */
export type Convolution = { readonly axes: Axes; readonly image: Pair; readonly groups: number };
type Shaped = (a: Tensor, b: Tensor, options: Convolution) => Shape;
type Form = (a: Tensor, b: Tensor, options: Convolution) => Tensor;

/** The size of an axis of images or weights. */
const sizeAt = ({ shape }: Tensor, axis: number): number => shape.at(axis) ?? 1;
const tapsOf = ([down, across]: Axes): Pair => [down.taps, across.taps];
const placesOf = ([down, across]: Axes): Pair => [down.size, across.size];
const leadOf = (a: Tensor, b: Tensor): Shape =>
  broadcastShapes('conv2d', [a.shape.slice(0, -4), b.shape.slice(0, -4)]);

/** @internal The shapes of y, x and w, each from the two others. */
export const shapes = {
  result: (x, w, { axes }) => [...leadOf(x, w), sizeAt(x, -4), sizeAt(w, -4), ...placesOf(axes)],
  image: (w, y, { image, groups }) => [
    ...leadOf(w, y),
    sizeAt(y, -4),
    groups * sizeAt(w, -3),
    ...image,
  ],
  weight: (x, y, { axes, groups }) => [
    ...leadOf(x, y),
    sizeAt(y, -3),
    sizeAt(x, -3) / groups,
    ...tapsOf(axes),
  ],
} satisfies Record<string, Shaped>;

/** The axis of groups; of one group there is none. */
const groupAxis = (groups: number): Shape => (groups > 1 ? [groups] : []);
/** Leading axes of weights, with one for N behind them. */
const beforeWeights = ({ shape }: Tensor): Shape =>
  shape.length > 4 ? [...shape.slice(0, -4), 1] : [];

/** A matrix a group: [..., before, rows of all groups, columns] as [..., before, g, rows, columns]. */
const perGroup = (x: Tensor, before: Shape, rows: Shape, columns: Shape, groups: number): Tensor =>
  reshape(x, [...before, ...groupAxis(groups), sizeOf(rows) / groups, sizeOf(columns)]);
/** Images [..., N, g c, h, w] as [..., N, g, c, h w]. */
const imageRows = (x: Tensor, groups: number): Tensor =>
  perGroup(x, x.shape.slice(0, -3), x.shape.slice(-3, -2), x.shape.slice(-2), groups);
/** Windows [..., N, g c, kh, kw, h, w] as [..., N, g, c kh kw, h w]. */
const windowRows = (view: Tensor, groups: number): Tensor =>
  perGroup(view, view.shape.slice(0, -5), view.shape.slice(-5, -2), view.shape.slice(-2), groups);
/** [..., g, O, C kh kw] */
const weightRows = (w: Tensor, groups: number): Tensor =>
  perGroup(w, beforeWeights(w), w.shape.slice(-4, -3), w.shape.slice(-3), groups);

const exchanged = <T>(list: readonly T[]): T[] => {
  const rows = list.slice(-3, -2);
  return [...list.slice(0, -3), ...list.slice(-2, -1), ...rows, ...list.slice(-1)];
};
/** [..., a, b, p] → [..., b, a, p], which products read through. */
const exchangeOf: OpWith<NoOptions, One> = defineIndex<NoOptions, One>({
  name: 'exchange',
  cost: 'free',
  readsInPlace: true,
  shape: ([x]) => exchanged(x.shape),
  dtype: ([x]) => x.dtype,
  vjp: ({ cotangent }) => [exchangeOf([cotangent], {})],
  jvp: ({ tangents: [tangent] }) => exchangeOf([tangent!], {}),
  reference: ([x], _, { shape }) => viewData(x, shape, exchanged(stridesOf(x.shape))),
  write: ({ coordinates, read }) => read(0, exchanged(coordinates)),
});
/** [..., n, r, p] as [..., r, n p]: all n side by side. */
const sideBySide = (x: Tensor): Tensor => {
  const [n = 1, rows = 1, columns = 1] = x.shape.slice(-3);
  return reshape(exchangeOf([x], {}), [...x.shape.slice(0, -3), rows, n * columns]);
};
/** Matrices [..., N, g, r, p] as [..., g, r, N p]: those of all images side by side. */
const imagesSideBySide = (x: Tensor, groups: number): Tensor => {
  const batch = x.rank - 2 - groupAxis(groups).length;
  const before = x.shape.slice(0, batch - 1);
  const rows = x.shape.slice(batch, -1);
  const images = x.shape.slice(batch - 1, batch);
  const places = sizeAt(x, -1);
  const all = sideBySide(reshape(x, [...before, ...images, sizeOf(rows), places]));
  return reshape(all, [...before, ...rows, sizeOf(images) * places]);
};

/** Windows of x to be written out: of what was widened from halves, as halves. */
const writtenWindows = (x: Tensor, axes: Axes): Tensor => {
  const view = windows(x, axes);
  const isWidened = isCast(base(x)) && halvesOf(x) !== undefined;
  return isWidened ? cast(cast(view, 'f16'), 'f32') : view;
};

/** y = w · windows of x. */
const resultOfWindows: Form = (x, w, { axes, groups }) =>
  matmul(weightRows(w, groups), windowRows(writtenWindows(x, axes), groups));

/** The same of windows that are read through. */
const resultProduct: Form = (x, w, { axes, groups }) =>
  matmul(weightRows(w, groups), windowRows(windows(x, axes), groups));

/** wᵀ y, [..., N, g, C kh kw, H′ W′]; each place of x adds up what the taps that met it hold. */
const imageOfTaps: Form = (w, y, options) => {
  const { axes, image, groups } = options;
  const taps = matmul(weightRows(w, groups), imageRows(y, groups), { transposeA: true });
  if (areImages(axes, image)) return taps;
  const channels = shapes.image(w, y, options).slice(0, -2);
  const met = reshape(taps, [...channels, ...tapsOf(axes), ...placesOf(axes)]);
  const back = windowsOf([met], { axes: inverse(axes, image), fill: 0 });
  return sizeOf(tapsOf(axes)) === 1 ? back : sum(back, { axis: [-4, -3] });
};

/** Weights [..., g, C, O kh kw] · the windows of y that meet each place. */
const imageProduct: Form = (w, y, { axes, groups }) => {
  const before = [...beforeWeights(w), ...groupAxis(groups)];
  const outputs = sizeAt(w, -4) / groups;
  const each = reshape(w, [...before, outputs, sizeAt(w, -3), sizeOf(w.shape.slice(-2))]);
  return matmul(sideBySide(each), windowRows(windows(y, axes), groups));
};

/** x as products: strides s divide its places into s² phases, each of which its own taps meet. */
const imageProducts: Form = (w, y, options) => {
  const [rows, columns] = options.axes;
  const [height, width] = options.image;
  const shape = shapes.image(w, y, options).slice(0, -2);
  const parts = phasesOf(rows, height).flatMap((down) =>
    phasesOf(columns, width).map((across) => {
      const taps = windows(w, [down.taps, across.taps]);
      const axes: Axes = [down.windows, across.windows];
      const own = reshape(taps, [...w.shape.slice(0, -2), ...placesOf([down.taps, across.taps])]);
      const places = imageProduct(own, y, { ...options, axes });
      const image = reshape(places, [...shape, ...placesOf(axes)]);
      return reshape(windows(image, [down.places, across.places]), [...shape, ...options.image]);
    }),
  );
  const [first = zeros([...shape, ...options.image], { dtype: y.dtype }), ...others] = parts;
  return others.reduce((x, part) => add(x, part), first);
};

/** w = Σ over N of y · windows of x, transposed. */
const weightOfWindows: Form = (x, y, { axes, groups }) => {
  const columns = windowRows(writtenWindows(x, axes), groups);
  const products = matmul(imageRows(y, groups), columns, { transposeB: true });
  return sum(products, { axis: groups > 1 ? -4 : -3 });
};

/** The same as one product over all images' places, which can be cut into as many parts as a device has work for. */
const weightProduct: Form = (x, y, { axes, groups }) => {
  const columns = windowRows(windows(x, axes), groups);
  const rows = imagesSideBySide(imageRows(y, groups), groups);
  return matmul(rows, imagesSideBySide(columns, groups), { transposeB: true });
};

/** Images of one channel a group, [..., N, g, H, W], once for each of the group's outputs: [..., N, g O, H, W]. */
const forOutputs = (x: Tensor, outputs: number): Tensor => {
  if (outputs === 1) return x;
  const before = x.shape.slice(0, -3);
  const sizes = x.shape.slice(-2);
  const channels = sizeAt(x, -3);
  const each = reshape(x, [...before, channels, 1, ...sizes]);
  const repeated = broadcastTo(each, [...before, channels, outputs, ...sizes]);
  return reshape(repeated, [...before, channels * outputs, ...sizes]);
};
/** Weights of one channel, [..., g O, 1, kh, kw], beside windows [..., N, g O, kh, kw, h, w]. */
const besideWindows = (w: Tensor): Tensor =>
  reshape(w, [...beforeWeights(w), sizeAt(w, -4), ...w.shape.slice(-2), 1, 1]);

const depthwiseResult: Form = (x, w, { axes, groups }) => {
  const view = windows(forOutputs(x, sizeAt(w, -4) / groups), axes);
  return sum(mul(view, besideWindows(w)), { axis: [-4, -3] });
};
const depthwiseImage: Form = (w, y, { axes, image, groups }) => {
  const products = mul(windows(y, inverse(axes, image)), besideWindows(w));
  // [..., N, g, O kh kw, H W]
  return sum(windowRows(products, groups), { axis: -2 });
};
const depthwiseWeight: Form = (x, y, { axes, groups }) => {
  const view = windows(forOutputs(x, sizeAt(y, -3) / groups), axes);
  const results = reshape(y, [...y.shape.slice(0, -2), 1, 1, ...y.shape.slice(-2)]);
  // the places of an image first, then the images: sums of neighbours
  return sum(sum(mul(view, results), { axis: [-2, -1] }), { axis: -4 });
};

const isDepthwise = (channels: number, { groups }: Convolution): boolean =>
  groups > 1 && channels === 1;

/**
 * @internal Each from the two others. `inPlace` says that products read their operands through views, so that nothing is written
 * out for them; else the windows of x alone may be.
 */
export const forms = {
  result: (x, w, options, inPlace) => {
    const products = inPlace ? resultProduct : resultOfWindows;
    const form = isDepthwise(sizeAt(w, -3), options) ? depthwiseResult : products;
    return reshape(form(x, w, options), shapes.result(x, w, options));
  },
  image: (w, y, options, inPlace) => {
    const isImage = areImages(options.axes, options.image);
    const products = inPlace && !isImage ? imageProducts : imageOfTaps;
    const form = isDepthwise(sizeAt(w, -3), options) ? depthwiseImage : products;
    return reshape(form(w, y, options), shapes.image(w, y, options));
  },
  weight: (x, y, options, inPlace) => {
    const products = inPlace ? weightProduct : weightOfWindows;
    const channels = sizeAt(x, -3) / options.groups;
    const form = isDepthwise(channels, options) ? depthwiseWeight : products;
    return reshape(form(x, y, options), shapes.weight(x, y, options));
  },
} satisfies Record<string, (a: Tensor, b: Tensor, o: Convolution, inPlace?: boolean) => Tensor>;
