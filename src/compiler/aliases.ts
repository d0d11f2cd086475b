// Values that lie inside the memory of others, so that no kernel moves them: slices, and the parts of concats.
import { bytesPerElement } from '../core/dtype.js';
import { type Shape, stridesOf } from '../core/shape.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { startsOf } from '../ops/slice.js';
import { ALIGNMENT } from '../planning/limits.js';
import { isLeaf, isLiteral, joinedAxis, resizeOf } from '../planning/nodes.js';

/** Where a value lies: so many elements behind the beginning of another. */
export interface Alias {
  readonly parent: Tensor;
  readonly offset: number;
}
export type Aliases = ReadonlyMap<Tensor, Alias>;

/** What a view of a block, or any other node, has as its first input, under reshapes. */
const parentOf = ({ inputs }: Tensor): Tensor | undefined => inputs[0] && base(inputs[0]);

/** The values that kernels write behind one that is read: those of a concat's parts, or of what a slice cuts. */
export function behind(node: Tensor, aliases: Aliases): Tensor[] {
  const written: Tensor[] = [];
  const stack = [node];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const whole = at;
    const isIn = (part: Tensor, parent: Tensor): boolean => aliases.get(part)?.parent === parent;
    const parts = whole.op.contains === 'joined' ? whole.inputs.map(base) : [];
    const parent = whole.op.view === 'block' ? parentOf(whole) : undefined;
    if (parent && isIn(whole, parent)) stack.push(parent);
    else if (parts.some((part) => isIn(part, whole))) stack.push(...parts.reverse());
    else written.push(whole);
  }
  return written;
}

/** The value whose memory a node lies in, and how many elements behind its beginning. */
export function rootOf(node: Tensor, aliases: Aliases): Alias {
  let root: Alias = { parent: node, offset: 0 };
  for (let alias = aliases.get(node); alias; alias = aliases.get(alias.parent))
    root = { parent: alias.parent, offset: root.offset + alias.offset };
  return root;
}

/** Where a box of a shape begins in its memory, when that is one run at which a binding may begin. */
function runOffset(box: Tensor, whole: Shape, begin: readonly number[]): number | undefined {
  const cut = box.shape.findIndex((size) => size > 1);
  if (box.shape.some((size, i) => cut >= 0 && i > cut && size !== whole[i])) return undefined;
  const strides = stridesOf(whole);
  const offset = begin.reduce((total, at, i) => total + at * (strides[i] ?? 0), 0);
  return bytesPerElement(box.dtype) === 4 && (offset * 4) % ALIGNMENT === 0 ? offset : undefined;
}

/** Where a slice of a vector begins. */
const startOf = (slice: Tensor): number => -(resizeOf(slice).widths[0]?.[0] ?? 0);

/** Where a slice begins in the memory of what it cuts, if it can be read there. */
function offsetOfSlice(slice: Tensor): number | undefined {
  const begin = resizeOf(slice).widths.map(([before]) => -before);
  const [whole] = slice.inputs;
  return whole && runOffset(slice, whole.shape, begin);
}

/** The parts of a concat with where they begin in its memory, if all of them can be written there. */
function partsOf(concat: Tensor): Map<Tensor, number> | undefined {
  const axis = joinedAxis(concat);
  const starts = startsOf(concat.inputs, axis);
  const origin = concat.shape.map(() => 0);
  const parts = new Map<Tensor, number>();
  for (const [i, part] of concat.inputs.entries()) {
    const offset = runOffset(part, concat.shape, origin.with(axis, starts[i] ?? 0));
    if (offset === undefined) return undefined;
    parts.set(base(part), offset);
  }
  // one that comes twice cannot lie at two places
  return parts.size === concat.inputs.length ? parts : undefined;
}

/**
 * Slices that are read where they lie, and concats whose parts are written where they belong; all of them count as
 * stored. `fixed` nodes have a place already; next values among the `scalars` lie there, and are copied, not bound.
 */
export function findAliases(
  order: readonly Tensor[],
  stored: Set<Tensor>,
  fixed: ReadonlySet<Tensor>,
  scalars?: Tensor,
): Map<Tensor, Alias> {
  const aliases = new Map<Tensor, Alias>();
  const all = order.filter(({ op }) => op.view === 'block');
  const taken = all.filter((slice) => parentOf(slice) === scalars);
  for (const slice of taken.filter((each) => fixed.has(each)))
    if (scalars) aliases.set(slice, { parent: scalars, offset: startOf(slice) });
  const blocks = all.filter((slice) => !taken.includes(slice));
  const slices = new Map<Tensor, number>();
  for (const parent of blocks.flatMap((slice) => parentOf(slice) ?? []))
    slices.set(parent, (slices.get(parent) ?? 0) + 1);
  for (const slice of blocks) {
    const parent = parentOf(slice);
    const offset = fixed.has(slice) ? undefined : offsetOfSlice(slice);
    if (!parent || offset === undefined || isParameter(parent) || isLiteral(parent)) continue;
    if (!stored.has(parent) && slices.get(parent) === 1) continue;
    stored.add(parent).add(slice);
    aliases.set(slice, { parent, offset });
  }
  const isFixed = (node: Tensor): boolean =>
    fixed.has(node) || aliases.has(node) || isLeaf(node) || isLiteral(node);
  for (const concat of order.filter(({ op }) => op.contains === 'joined')) {
    const parts = fixed.has(concat) ? undefined : partsOf(concat);
    if (!parts || [...parts.keys()].some(isFixed)) continue;
    stored.add(concat);
    for (const [part, offset] of parts) {
      stored.add(part);
      aliases.set(part, { parent: concat, offset });
    }
  }
  return aliases;
}
