import { bytesPerElement } from '../dtype.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import type { ResizeOptions } from '../ops/slice.js';
import { sizeOf, stridesOf } from '../shape.js';
import { ALIGNMENT } from './memory.js';

/** A value that lies inside another's memory, `offset` elements behind its beginning: no kernel moves it. */
export interface Alias {
  readonly parent: Tensor;
  readonly offset: number;
}

/** Reshapes share memory with what they reshape. */
export function base(node: Tensor): Tensor {
  let at = node;
  while (at.op.name === 'reshape') at = at.inputs[0]!;
  return at;
}

/** The values that kernels write behind one that is read: those of a concat's parts, or of what a slice cuts. */
export function behind(node: Tensor, aliases: ReadonlyMap<Tensor, Alias>): Tensor[] {
  const out: Tensor[] = [];
  const stack = [node];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const parts = at.op.name === 'concat' ? at.inputs.map(base) : [];
    if (at.op.name === 'slice' && aliases.has(at)) stack.push(aliases.get(at)!.parent);
    else if (parts.some((part) => aliases.get(part)?.parent === at)) stack.push(...parts.reverse());
    else out.push(at);
  }
  return out;
}

const isAligned = (node: Tensor, offset: number): boolean =>
  bytesPerElement(node.dtype) === 4 && (offset * 4) % ALIGNMENT === 0;

/** Where a slice begins in what it cuts, when that is one run of memory at which a binding may begin. */
function runOffset(slice: Tensor): number | undefined {
  const { widths } = slice.options as ResizeOptions;
  const { shape } = slice.inputs[0]!;
  const cut = slice.shape.findIndex((size) => size > 1);
  if (slice.shape.some((size, i) => cut >= 0 && i > cut && size !== shape[i])) return undefined;
  const strides = stridesOf(shape);
  const offset = widths.reduce((total, [before], i) => total - before * strides[i]!, 0);
  return isAligned(slice, offset) ? offset : undefined;
}

/** Where the parts of a concat begin, when each is a run of memory that its own kernel can write there. */
function partOffsets(concat: Tensor, canMove: (part: Tensor) => boolean): number[] | undefined {
  const { axis } = concat.options as { axis: number };
  const parts = concat.inputs.map(base);
  if (sizeOf(concat.shape.slice(0, axis)) > 1 || new Set(parts).size < parts.length) return undefined;
  let end = 0;
  const offsets = parts.map((part) => {
    end += sizeOf(part.shape);
    return end - sizeOf(part.shape);
  });
  return parts.every((part, i) => canMove(part) && isAligned(part, offsets[i]!)) ? offsets : undefined;
}

/**
 * Slices that are read where they lie, and concats whose parts are written where they belong; all of them count as
 * stored. `fixed` nodes have a place already.
 */
export function findAliases(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  fixed: ReadonlySet<Tensor>,
): Map<Tensor, Alias> {
  const aliases = new Map<Tensor, Alias>();
  const slices = new Map<Tensor, number>();
  const named = (name: string): Tensor[] => order.filter((node) => node.op.name === name);
  for (const { inputs } of named('slice')) slices.set(base(inputs[0]!), (slices.get(base(inputs[0]!)) ?? 0) + 1);
  for (const slice of named('slice')) {
    const parent = base(slice.inputs[0]!);
    const offset = fixed.has(slice) ? undefined : runOffset(slice);
    const lies = stored.has(parent) || slices.get(parent)! > 1;
    if (offset === undefined || !lies || isParameter(parent) || parent.op.name === 'full') continue;
    stored.add(parent).add(slice);
    aliases.set(slice, { parent, offset });
  }
  const canMove = (part: Tensor): boolean =>
    !fixed.has(part) && !aliases.has(part) && part.op.kernel.kind !== 'leaf' && part.op.name !== 'full';
  for (const concat of named('concat')) {
    const offsets = fixed.has(concat) ? undefined : partOffsets(concat, canMove);
    if (!offsets) continue;
    stored.add(concat);
    concat.inputs.map(base).forEach((part, i) => {
      stored.add(part);
      aliases.set(part, { parent: concat, offset: offsets[i]! });
    });
  }
  return aliases;
}
