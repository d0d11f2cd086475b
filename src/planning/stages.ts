// The stages of a kernel of folds: folds of one stage need nothing of one another, and those of the next read what they made.
import type { Tensor } from '../graph/tensor.js';
import { type Group, headsOf } from './groups.js';

/** The folds whose results a fold's operands are computed from, without those behind what is stored. */
function foldsBehind(head: Tensor, heads: ReadonlySet<Tensor>, isRead: (node: Tensor) => boolean) {
  const found = new Set<Tensor>();
  const seen = new Set(head.inputs);
  for (const node of seen)
    if (heads.has(node)) found.add(node);
    else if (!isRead(node)) for (const input of node.inputs) seen.add(input);
  return found;
}

/** The folds of a group in stages. `stored` is what has a buffer. */
export function stagesOf(group: Group, stored: ReadonlySet<Tensor>): Tensor[][] {
  const own = new Set(group.members);
  const heads = headsOf(group);
  const numbers = new Map<Tensor, number>();
  const stages: Tensor[][] = [];
  const isRead = (node: Tensor): boolean => stored.has(node) && !own.has(node);
  for (const head of heads) {
    const earlier = foldsBehind(head, new Set(heads), isRead);
    const number = Math.max(0, ...Array.from(earlier, (each) => 1 + (numbers.get(each) ?? 0)));
    numbers.set(head, number);
    const stage = stages[number];
    if (stage) stage.push(head);
    else stages[number] = [head];
  }
  return stages;
}
