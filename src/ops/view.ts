// reshape, broadcastTo, transpose. WGSL: index expressions (`write`, here), written into the kernels that read them.

import { ShapeError } from '../core/errors.js';
import { broadcastData, viewData } from '../core/hostData.js';
import type { Shape } from '../core/shape.js';
import {
  broadcastShapes,
  checkShape,
  formatShape,
  normalizeAxis,
  sameShape,
  sizeOf,
  stridesOf,
} from '../core/shape.js';
import { defineIndex } from '../graph/define.js';
import type { One } from '../graph/op.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { sum } from './reduce.js';

/** @internal Throws what is wrong with a tensor's shape, as a sentence around it; `others` are shapes that it names too. */
export function misfit(
  before: string,
  { shape }: { readonly shape: Shape },
  after: string,
  ...others: readonly Shape[]
): never {
  throw new ShapeError(`${before} ${formatShape(shape)} ${after}`, shape, ...others);
}

/** Sums a broadcast cotangent E ++ wide back to E ++ target; the reverse of broadcasting. */
export function sumTo(x: Tensor, target: Shape, extra = 0): Tensor {
  const from = x.rank - target.length;
  const isWide = (axis: number): boolean =>
    axis < from || (target[axis - from] === 1 && x.shape[axis] !== 1);
  const axis = [...x.shape.keys()].filter((each) => each >= extra && isWide(each));
  return reshape(sum(x, { axis }), [...x.shape.slice(0, extra), ...target]);
}

const reshapeOf = defineIndex<{ shape: Shape }, One>({
  name: 'reshape',
  cost: 'free',
  view: 'reshape',
  vjp: ({ inputs: [x], cotangent, lead }) => [reshape(cotangent, [...lead, ...x.shape])],
  reference: ([x]) => x.data,
  write: ({ flat, read }) => read(0, flat),
});

/** The same elements in row-major order with another shape; one size may be −1 and is then computed. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensors('reshape', x);
  if (!Array.isArray(shape)) checkShape('reshape', shape);
  const known = shape.filter((size) => size !== -1);
  if (known.length < shape.length - 1)
    throw new ShapeError(
      `reshape: ${formatShape(shape)} leaves more than one size open; give all but one`,
      shape,
    );
  const size = sizeOf(x.shape);
  const rest = known.length < shape.length ? size / sizeOf(known) : 1;
  const full = shape.map((entry) => (entry === -1 ? rest : entry));
  if (!Number.isInteger(rest) || sizeOf(full) !== size)
    misfit(
      'reshape:',
      x,
      `has ${size} elements, which do not fill ${formatShape(shape)}; give as many`,
      shape,
    );
  return sameShape(full, x.shape) ? x : reshapeOf([x], { shape: checkShape('reshape', full) });
}

const broadcastOf = defineIndex<{ shape: Shape }, One>({
  name: 'broadcastTo',
  cost: 'free',
  view: 'repeat',
  vjp: ({ inputs: [x], cotangent, lead }) => [sumTo(cotangent, x.shape, lead.length)],
  reference: ([x], _, { shape }) => broadcastData(x, shape),
  write: ({ inputs: [x], output, coordinates, read }) =>
    read(0, coordinates.slice(output.rank - x.rank)),
});

/** Repeats axes of size 1, and new leading axes, up to `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  checkTensors('broadcastTo', x);
  const target = checkShape('broadcastTo', shape);
  if (!sameShape(broadcastShapes('broadcastTo', [x.shape, target]), target))
    misfit(
      'broadcastTo:',
      x,
      `does not broadcast to ${formatShape(target)}; only sizes of 1 repeat`,
      target,
    );
  return sameShape(x.shape, target) ? x : broadcastOf([x], { shape: target });
}

/** The permutation that undoes one. */
const inverse = (axes: readonly number[]): number[] => axes.map((_, i) => axes.indexOf(i));
const pick = <T>(list: readonly T[], axes: readonly number[]): T[] =>
  axes.map((axis) => list[axis]!);
const transposeOf = defineIndex<{ axes: readonly number[] }, One>({
  name: 'transpose',
  cost: 'free',
  view: 'permute',
  shape: ([x], { axes }) => pick(x.shape, axes),
  vjp: ({ cotangent, lead, options: { axes } }) => {
    const back = inverse(axes).map((axis) => axis + lead.length);
    return [transpose(cotangent, [...lead.keys(), ...back])];
  },
  reference: ([x], { axes }, { shape }) => viewData(x, shape, pick(stridesOf(x.shape), axes)),
  write: ({ options: { axes }, coordinates, read }) => read(0, pick(coordinates, inverse(axes))),
});

/** Permutes axes: output axis i is input axis axes[i]. Without `axes` it reverses them. */
export function transpose(x: Tensor, axes?: readonly number[]): Tensor {
  checkTensors('transpose', x);
  const order = Array.from(axes ?? [...x.shape.keys()].reverse(), (axis) =>
    normalizeAxis('transpose', axis, x),
  );
  if (order.length !== x.rank || new Set(order).size !== x.rank)
    throw new ShapeError(
      `transpose: [${order.join(', ')}] is no permutation of the ${x.rank} axes; name each of them once`,
      x.shape,
    );
  return order.every((axis, i) => axis === i) ? x : transposeOf([x], { axes: order });
}
