// Symbolic indices: flat indices to coordinates and back, as WGSL expressions that are simplified by known sizes.
import { type Shape, sizeOf } from '../core/shape.js';

/**
 * One digit of a mixed-radix index: floor(base / divisor) mod extent, where `base` is a WGSL u32 variable below
 * `total`. Keeping digits symbolic lets reshapes cost nothing and broadcasts drop what they do not need.
 */
type Digit = {
  readonly base: string;
  readonly total: number;
  readonly divisor: number;
  readonly extent: number;
};
/** Outermost digit first; its value is the row-major index. */
export type Index = readonly Digit[];

export const digit = (base: string, extent: number): Index =>
  extent === 1 ? [] : [{ base, total: extent, divisor: 1, extent }];

/** How many elements an index runs over. */
export const countOf = (index: Index): number =>
  index.reduce((product, { extent }) => product * extent, 1);

function digitExpression({ base, total, divisor, extent }: Digit): string {
  const quotient = divisor === 1 ? base : `(${base} / ${divisor}u)`;
  return divisor * extent >= total ? quotient : `(${quotient} % ${extent}u)`;
}

/** Joins neighbouring digits of one base back into a wider one. */
function merge(index: Index): Digit[] {
  const out: Digit[] = [];
  for (const next of index) {
    const last = out.at(-1);
    if (last && last.base === next.base && last.divisor === next.divisor * next.extent)
      out[out.length - 1] = { ...next, extent: last.extent * next.extent };
    else out.push(next);
  }
  return out;
}

/** Whether two indices are the same element of everything. */
export function sameIndex(a: Index, b: Index): boolean {
  const others = merge(b);
  const digits = merge(a);
  const isSame = (x: Digit, y: Digit | undefined): boolean =>
    x.base === y?.base && x.total === y.total && x.divisor === y.divisor && x.extent === y.extent;
  return digits.length === others.length && digits.every((each, i) => isSame(each, others[i]));
}

/** WGSL expression of the row-major index. */
export function flat(index: Index): string {
  const [first, ...others] = merge(index);
  if (!first) return '0u';
  const append = (text: string, next: Digit) =>
    `(${text} * ${next.extent}u + ${digitExpression(next)})`;
  return others.reduce(append, digitExpression(first));
}

/** The digits of each axis of a shape; undefined when they do not line up. */
function takeAxes(digits: Index, shape: Shape): Index[] | undefined {
  const rest = [...digits];
  const axes = shape.map((): Digit[] => []);
  for (const [i, axis] of [...axes.entries()].reverse()) {
    for (let need = shape[i]!; need > 1; ) {
      const last = rest.pop();
      const extent = Math.min(need, last?.extent ?? 0);
      if (!last || Math.max(need, last.extent) % extent !== 0) return undefined;
      axis.unshift({ ...last, extent });
      if (extent < last.extent)
        rest.push({ ...last, divisor: last.divisor * extent, extent: last.extent / extent });
      need /= extent;
    }
  }
  return axes;
}

/** The same index of another variable. */
export const rebased = (index: Index, from: string, to: string): Index =>
  index.map((each) => (each.base === from ? { ...each, base: to } : each));

/**
 * Where the vec4 lies that holds an element and its neighbours along `base`, of which `block` counts fours; undefined where those
 * are no vec4. Other digits may count `others`.
 */
export function vectorIndex(
  index: Index,
  base: string,
  block: string,
  others: string,
): Index | undefined {
  const digits = merge(index);
  const last = digits.at(-1);
  if (last?.base !== base || last.divisor !== 1 || last.extent % 4 !== 0) return undefined;
  if (digits.some((each) => each.base !== base && each.base !== others)) return undefined;
  const own = digits.filter((each) => each.base === base);
  if (own.some(({ divisor }) => divisor > 1 && divisor % 4 !== 0)) return undefined;
  const inBlocks = (each: Digit): Digit => {
    const total = each.total / 4;
    if (each === last) return { ...each, base: block, total, extent: each.extent / 4 };
    return { ...each, base: block, total, divisor: each.divisor / 4 };
  };
  const blocks = digits.map((each) => (each.base === base ? inBlocks(each) : each));
  return blocks.filter(({ extent }) => extent > 1);
}

/** Splits an index over a shape: the digits of each axis. `name` names an expression when the digits do not line up. */
export function split(index: Index, shape: Shape, name: (expression: string) => string): Index[] {
  const digits = merge(index);
  return takeAxes(digits, shape) ?? takeAxes(digit(name(flat(digits)), sizeOf(shape)), shape)!;
}

/** The index of an input that broadcasts to `from`: axes of size 1 and missing ones drop out. */
export function project(
  index: Index,
  from: Shape,
  to: Shape,
  name: (expression: string) => string,
): Index {
  if (sizeOf(to) === 1) return [];
  if (sizeOf(from) === sizeOf(to)) return index;
  const axes = split(index, from, name).slice(from.length - to.length);
  return axes.flatMap((axis, i) => (to[i] === 1 ? [] : axis));
}
