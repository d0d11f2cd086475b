// Shapes: sizes, strides, broadcasting, and checks of shapes and whole numbers.
import { inCode } from './bytes.js';
import { ShapeError } from './errors.js';

/** Sizes of the axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** The highest rank a tensor may have. */
export const MAX_RANK = 8;

/** Number of elements: the product of the sizes, 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** `[2, 3]` as people write it. */
export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** Row-major strides in elements. */
export const stridesOf = (shape: Shape): number[] =>
  shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Throws a ShapeError unless every size is a whole number ≥ 0 and the rank is at most 8. */
export function checkShape(op: string, shape: Shape): Shape {
  if (!Array.isArray(shape))
    throw new ShapeError(`${op}: a shape is an array of whole numbers, not ${String(shape)}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new ShapeError(
      `${op}: [${shape.map(inCode).join(', ')}] is no shape; its sizes are whole numbers ≥ 0`,
      shape,
    );
  if (shape.length > MAX_RANK)
    throw new ShapeError(
      `${op}: rank ${shape.length} of ${formatShape(shape)} is above ${MAX_RANK}; use fewer axes`,
      shape,
    );
  if (sizeOf(shape) > 2 ** 32 - 1)
    throw new ShapeError(
      `${op}: ${formatShape(shape)} has more than 2³²−1 elements; split the tensor`,
      shape,
    );
  return shape;
}

/** Throws a ShapeError unless every value is a whole number ≥ `least`. */
export function checkWhole(op: string, values: Readonly<Record<string, number>>, least = 1): void {
  for (const [what, value] of Object.entries(values))
    if (!Number.isInteger(value) || value < least)
      throw new ShapeError(`${op}: ${what} is ${inCode(value)}; give a whole number ≥ ${least}`);
}

/** NumPy's rule: align at the last axis; equal sizes, or 1 against any. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes
      .map((shape) => shape[axis - rank + shape.length] ?? 1)
      .filter((size) => size !== 1);
    const [size = 1, other = size] = new Set(sizes);
    if (size === other) return size;
    const fact = `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: ${size} against ${other}`;
    throw new ShapeError(`${op}: ${fact}; make the sizes equal or one of them 1`, ...shapes);
  });
}

type Ranked = { readonly rank: number };

/** The rank of a tensor; throws a ShapeError for anything else. */
export function rankOf(op: string, x: Ranked): number {
  if (typeof x?.rank === 'number') return x.rank;
  throw new ShapeError(`${op}: ${String(x)} is not a tensor; wrap values with tensor(…)`);
}

/**
 * An axis counted from the end when negative, as a number in [0, rank). A scalar has none; `asVector` takes it for [1], as
 * PyTorch's reductions do.
 */
export function normalizeAxis(op: string, axis: number, x: Ranked, asVector = false): number {
  const rank = rankOf(op, x);
  if (rank === 0 && !asVector)
    throw new ShapeError(`${op}: a scalar has no axis; reshape it to [1]`);
  const count = Math.max(rank, 1);
  const kind = typeof axis === 'string' ? 'a text' : 'no number';
  if (typeof axis !== 'number')
    throw new ShapeError(`${op}: axis ${inCode(axis)} is ${kind}; use ${-count} to ${count - 1}`);
  if (!Number.isInteger(axis) || axis < -count || axis >= count)
    throw new ShapeError(
      `${op}: axis ${axis} is outside rank ${rank}; use ${-count} to ${count - 1}`,
    );
  return axis < 0 ? axis + count : axis;
}

const isList = (axis: number | readonly number[]): axis is readonly number[] =>
  Array.isArray(axis) || ArrayBuffer.isView(axis);

/** The axes of a reduction, ascending; all of them when none are given. Axis 0 or −1 of a scalar is none. */
export function normalizeAxes(
  op: string,
  axis: number | readonly number[] | undefined,
  x: Ranked,
): number[] {
  const rank = rankOf(op, x);
  const given = axis === undefined ? new Array(rank).keys() : isList(axis) ? axis : [axis];
  const axes = Array.from(given, (each) => normalizeAxis(op, each, x, true));
  if (new Set(axes).size !== axes.length)
    throw new ShapeError(`${op}: axis list [${axes.join(', ')}] names an axis twice`);
  return rank === 0 ? [] : axes.sort((a, b) => a - b);
}

/** Steps that walk `from` while `to` is walked: 0 along the axes that broadcasting repeats. */
export function broadcastSteps(from: Shape, to: Shape): number[] {
  const added = new Array<number>(to.length - from.length).fill(0);
  const own = stridesOf(from).map((stride, axis) => (from[axis] === 1 ? 0 : stride));
  return [...added, ...own];
}

type Visit = (place: number, i: number) => void;

/** Visits the elements i of a shape in row-major order, each with its place: offset + Σ coordinate · step. */
export function eachPlace(
  shape: Shape,
  steps: readonly number[],
  offset: number,
  visit: Visit,
): void {
  const axes = shape.map((size, axis) => ({ size, step: steps[axis]!, at: 0 }));
  const innermostFirst = axes.reverse();
  const size = sizeOf(shape);
  let place = offset;
  for (let i = 0; i < size; i++) {
    visit(place, i);
    for (const axis of innermostFirst) {
      place += axis.step;
      axis.at++;
      if (axis.at < axis.size) break;
      place -= axis.step * axis.size;
      axis.at = 0;
    }
  }
}

/** The shape after reducing `axes`: they become 1 with `keepDims`, else they go. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  if (!keepDims) return shape.filter((_, axis) => !axes.includes(axis));
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}
