// Fusion groups as values, and what they are found to read.
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, mul, sin } from '../../src/ops/arithmetic.js';
import { gather } from '../../src/ops/indexing.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import {
  computationOf,
  headsOf,
  indexOf,
  sameSpace,
  withMember,
} from '../../src/planning/groups.js';
import { readsOf } from '../../src/planning/reads.js';

const [x, y] = [input([4, 4]), input([4, 4])] as const;
const row = input([4]);
const readsAt = (node: Tensor, ...stored: Tensor[]) =>
  Object.fromEntries(
    [...(readsOf(computationOf(node), new Set(stored))?.nodes ?? [])].map(([read, isOwn]) => [
      ['x', 'y', 'row'][[x, y, row].indexOf(read)],
      isOwn,
    ]),
  );

describe('what a group reads', () => {
  it('is at its own element, or elsewhere', () => {
    expect(readsAt(add(sin(x), y), x, y)).toEqual({ x: true, y: true });
    expect(readsAt(add(x, transpose(x)), x)).toEqual({ x: false });
    expect(readsAt(add(x, row), x, row)).toEqual({ x: true, row: false });
    expect(readsAt(add(x, slice(reshape(x, [16]), [0], [4])), x)).toEqual({ x: false });
    const picked = input([2], { dtype: 'i32' });
    expect(readsAt(gather(x, picked), x, picked)).toMatchObject({ x: false });
  });

  it('is seen through views that leave every element in its place', () => {
    const there = transpose(transpose(reshape(x, [2, 2, 4]), [2, 0, 1]), [1, 2, 0]);
    expect(readsAt(mul(reshape(there, [4, 4]), y), x, y)).toEqual({ x: true, y: true });
    expect(readsAt(broadcastTo(row, [4, 4]), row)).toEqual({ row: false });
  });

  it('ends where something is stored', () => {
    const stored = sin(x);
    const reads = readsOf(computationOf(mul(stored, y)), new Set([x, y, stored]));
    expect([...(reads?.nodes.keys() ?? [])]).toEqual([stored, y]);
    expect(reads?.buffers).toBe(2);
  });

  it('of a product is what it reads as vec4s, and by elements once more', () => {
    const product = matmul(x, y);
    const group = computationOf(product);
    const stored = new Set([x, y, row, product]);
    expect(readsOf(group, stored)?.buffers).toBe(2);
    // x at the result's own element: vec4s of what joins it
    expect(readsOf(withMember(group, add(product, x)), stored)?.buffers).toBe(3);
    const both = withMember(group, add(add(product, x), transpose(x)));
    expect(readsOf(both, stored)?.buffers).toBe(4);
  });

  it('cannot be a head at another place than its own', () => {
    const product = matmul(x, y);
    const turned = add(product, transpose(product));
    const group = computationOf(product);
    expect(readsOf(withMember(group, turned), new Set([x, y, product]))).toBeUndefined();
    expect(readsOf(withMember(group, sin(input([3]))), new Set([x, y]))).toBeUndefined();
  });

  it('counts what is computed again at other places', () => {
    const squares = (z: Tensor): Tensor => add(mul(z, z), transpose(mul(z, z)));
    const once = readsOf(computationOf(sin(x)), new Set([x]))?.expressions;
    const again = readsOf(computationOf(squares(sin(x))), new Set([x]))?.expressions;
    expect(once).toBe(1);
    expect(again).toBeGreaterThan(4);
  });
});

describe('a group', () => {
  it('stays as it is when a member joins', () => {
    const total = sum(x, { axis: 1 });
    const group = computationOf(total);
    const joined = withMember(group, sin(total));
    expect(group.members).toEqual([total]);
    expect(joined.members).toHaveLength(2);
    expect(headsOf(joined)).toEqual([total]);
  });

  it('computes members that fit its rows or its elements', () => {
    const group = computationOf(sum(x, { axis: 1 }));
    expect(indexOf(group, row)).toBe(group.space.row);
    expect(indexOf(group, y)).toBe(group.space.element);
    expect(indexOf(group, input([3]))).toBeUndefined();
  });

  it('shares its space with folds of the same rows and columns', () => {
    const rows = computationOf(sum(x, { axis: 1 }));
    expect(sameSpace(rows, computationOf(sum(y, { axis: 1 })))).toBe(true);
    expect(sameSpace(rows, computationOf(sum(x, { axis: 0 })))).toBe(false);
    expect(sameSpace(rows, computationOf(sum(input([4, 5]), { axis: 1 })))).toBe(false);
  });
});
