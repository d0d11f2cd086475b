// Where parameters lie: what steps update in one way is laid side by side, so that one kernel updates it all.
//
// What one update keeps is a column: a parameter, then its optimizer's state. The first cells of columns are a row of memory, and
// so are the second ones, and so on; all rows have their columns in one order. Steps ask for sets of columns to be neighbours. The
// sets granted are a tree: none of them crosses another, so that all of them stay neighbours whatever is granted later. A set that
// would cross one is refused: its columns stay where they lie, and are updated by one kernel for each run of neighbours. What one
// step updates in several ways is in one buffer too, in any order.
import type { Tensor } from '../graph/tensor.js';
import {
  align,
  nodeBytes,
  type Place,
  type PlanBuffer,
  type PlanContext,
} from '../planning/context.js';
import { placeInRow, wholeVectors } from './memory.js';

/**
 * What one update keeps, by row; there may be gaps, where others have a state of another optimizer. It holds no memory: an
 * optimizer's state goes with the optimizer, not with the model.
 */
interface Column {
  readonly cells: readonly (WeakRef<Tensor> | undefined)[];
}
/** Columns, in sets that are neighbours. */
type Tree = Column | readonly Tree[];
/** What is laid out together: the columns in order, and which one has each cell. The whole is no set that must stay neighbours. */
interface Rows {
  readonly tree: readonly Tree[];
  readonly columns: WeakMap<Tensor, Column>;
}

/** Of buffers of parameters that are laid out. */
const rowsIn = new WeakMap<PlanBuffer, Rows>();

const nodesOf = ({ cells }: Column): (Tensor | undefined)[] => cells.map((cell) => cell?.deref());
const isColumn = (tree: Tree): tree is Column => 'cells' in tree;
const columnsIn = (tree: Tree): readonly Column[] =>
  isColumn(tree) ? [tree] : tree.flatMap(columnsIn);

/** A tree with other columns in the place of some. */
function renewed(tree: readonly Tree[], columns: ReadonlyMap<Column, Column>): Tree[] {
  return tree.map((part) =>
    isColumn(part) ? (columns.get(part) ?? part) : renewed(part, columns),
  );
}

/** A tree in which a set of columns is one more; undefined where it crosses one that is there. */
function gathered(tree: readonly Tree[], set: ReadonlySet<Column>): readonly Tree[] | undefined {
  const counts = tree.map((part) => {
    const columns = columnsIn(part);
    return { part, of: columns.length, own: columns.filter((each) => set.has(each)).length };
  });
  const whole = counts.filter(({ own, of }) => own === of).map(({ part }) => part);
  const [broken, another] = counts.filter(({ own, of }) => own > 0 && own < of);
  if (!broken) {
    if (whole.length < 2) return tree;
    const [first] = whole;
    return tree.flatMap((part) => {
      if (part === first) return [whole];
      return whole.includes(part) ? [] : [part];
    });
  }
  if (another || whole.length > 0 || isColumn(broken.part)) return undefined;
  // a set is neighbours as a whole
  const inner = gathered(broken.part, set);
  return inner && tree.map((part) => (part === broken.part ? inner : part));
}

/** The first row that is not among these. */
function firstBeside(rows: ReadonlySet<number>): number {
  let row = 0;
  while (rows.has(row)) row++;
  return row;
}

/** The columns of updates by those that they extend; undefined where these contradict what is laid out. */
function columnsOf(
  updates: readonly (readonly Tensor[])[],
  knownOf: (node: Tensor) => Column | undefined,
): (readonly [known: Column | undefined, column: Column])[] | undefined {
  const all = updates.flat();
  const known = updates.map((kept) => [...new Set(kept.flatMap((node) => knownOf(node) ?? []))]);
  const columns = known.flat();
  const isTwice = new Set(all).size < all.length || new Set(columns).size < columns.length;
  if (isTwice || known.some(({ length }) => length > 1)) return undefined;
  const cells = known.map(([column]) => (column ? nodesOf(column) : []));
  const taken = new Set(cells.flatMap((each) => each.flatMap((cell, row) => (cell ? row : []))));
  for (const slot of updates[0]?.keys() ?? []) {
    const nodes = updates.flatMap((kept) => kept[slot] ?? []);
    const rows = new Set(nodes.map((node, i) => cells[i]?.indexOf(node) ?? -1));
    rows.delete(-1);
    const [row = firstBeside(taken)] = rows;
    taken.add(row);
    const isFree = nodes.every((node, i) => (cells[i]?.[row] ?? node) === node);
    if (rows.size > 1 || !isFree) return undefined;
    for (const [i, own] of cells.entries()) own[row] = nodes[i];
  }
  return cells.map((own, i) => {
    const column = { cells: Array.from(own, (node) => node && new WeakRef(node)) };
    return [known[i]?.[0], column];
  });
}

/** Columns by what they extend. */
type Pairs = readonly (readonly [known: Column | undefined, column: Column])[];

/** The trees that come of asking for a set of columns: one where it is granted, else those that there were. */
function treesOf(
  pairs: Pairs,
  rowsOf: (column: Column) => Rows | undefined,
  areNeighbours: boolean,
): (readonly Tree[])[] {
  const columns = new Map(
    pairs.flatMap(([known, column]) => (known ? [[known, column] as const] : [])),
  );
  const before = new Map<Rows, readonly Tree[]>();
  const forest: Tree[] = [];
  for (const [known, column] of pairs) {
    const rows = known && rowsOf(known);
    if (!rows) forest.push(column);
    if (!rows || before.has(rows)) continue;
    const tree = renewed(rows.tree, columns);
    before.set(rows, tree);
    forest.push(...tree);
  }
  if (!areNeighbours) return [forest];
  const granted = gathered(forest, new Set(pairs.map(([, column]) => column)));
  if (granted) return [granted];
  const loose = pairs.flatMap(([known, column]) => (known ? [] : [column]));
  return [...before.values(), ...(loose.length > 0 ? [[loose]] : [])];
}

/** Columns in parts of which no row is larger than a binding. */
function partsOf(columns: readonly Column[], maxBytes: number): Column[][] {
  const parts: Column[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const column of columns) {
    const nodes = nodesOf(column).flatMap((node) => node ?? []);
    const bytes = Math.max(0, ...nodes.map((node) => wholeVectors(nodeBytes(node))));
    if (align(end) + bytes > maxBytes) {
      parts.push([]);
      end = 0;
    }
    parts.at(-1)?.push(column);
    end = align(end) + bytes;
  }
  return parts;
}

/** Places for all cells of a tree. */
function placesFor(tree: readonly Tree[], maxBytes: number): Map<Tensor, Place> {
  const places = new Map<Tensor, Place>();
  for (const part of partsOf(columnsIn(tree), maxBytes)) {
    const rows = Math.max(...part.map(({ cells }) => cells.length));
    for (let row = 0; row < rows; row++) {
      const nodes = part.flatMap(({ cells }) => cells[row]?.deref() ?? []);
      placeInRow('parameters', nodes, places, maxBytes);
    }
  }
  return places;
}

/** Whether the nodes of a buffer lie in one already, as they shall, and nothing else there. */
function isThere(
  { nodes }: PlanBuffer,
  places: ReadonlyMap<Tensor, Place>,
  { shared }: PlanContext,
): boolean {
  const [first] = nodes.flatMap((node) => shared.get(node)?.buffer ?? []);
  const isOwn = (node: Tensor): boolean => {
    const place = shared.get(node);
    return place?.buffer === first && place?.offset === places.get(node)?.offset;
  };
  return first?.nodes.length === nodes.length && nodes.every(isOwn);
}

/** Brings parameters to other places. What else lay in a buffer that they leave gets one of its own: nothing stays half empty. */
function bring(places: ReadonlyMap<Tensor, Place>, context: PlanContext): boolean {
  const { shared, limits, move } = context;
  const left = new Set(Array.from(places.keys()).flatMap((node) => shared.get(node)?.buffer ?? []));
  const all = new Map(places);
  for (const buffer of left) {
    const rest = buffer.nodes.filter((node) => shared.get(node)?.buffer === buffer);
    placeInRow('parameters', rest, all, limits.bindingBytes);
  }
  const moves = Array.from(all, ([node, to]) => ({ node, from: shared.get(node), to }));
  if (left.size > 0 && move && !move(moves)) return false;
  for (const [node, place] of all) shared.set(node, place);
  return true;
}

/**
 * Lays what updates keep side by side, slot by slot, as far as what was laid out before allows; unless `areNeighbours` anywhere in
 * one buffer. Values are moved, where there is room for that; else what has no place yet gets one.
 */
export function layOut(
  updates: readonly (readonly Tensor[])[],
  context: PlanContext,
  areNeighbours = true,
): void {
  const { shared, limits } = context;
  const rowsOf = (node: Tensor): Rows | undefined => {
    const buffer = shared.get(node)?.buffer;
    return buffer && rowsIn.get(buffer);
  };
  const knownOf = (node: Tensor): Column | undefined => rowsOf(node)?.columns.get(node);
  const rowsAt = (column: Column): Rows | undefined => {
    const [first] = nodesOf(column).flatMap((node) => node ?? []);
    return first && rowsOf(first);
  };
  const [only = []] = updates;
  const [first] = only.map(knownOf);
  // nothing is new about a column that is whole
  if (updates.length === 1 && first && only.every((node) => knownOf(node) === first)) return;
  const pairs = columnsOf(updates, knownOf);
  for (const tree of pairs ? treesOf(pairs, rowsAt, areNeighbours) : []) settle(tree, context);
  // what could not be laid out
  for (const slot of updates[0]?.keys() ?? []) {
    const nodes = updates.flatMap((kept) => kept[slot] ?? []);
    placeInRow('parameters', nodes, shared, limits.bindingBytes);
  }
}

/** Gives all cells of a tree their places. */
function settle(tree: readonly Tree[], context: PlanContext): void {
  const { shared, limits } = context;
  const places = placesFor(tree, limits.bindingBytes);
  const others = new Map(
    Array.from(places).filter(([, { buffer }]) => !isThere(buffer, places, context)),
  );
  if (others.size > 0 && !bring(others, context)) return;
  const columns = new WeakMap<Tensor, Column>();
  for (const column of columnsIn(tree))
    for (const node of nodesOf(column)) if (node) columns.set(node, column);
  const rows: Rows = { tree, columns };
  for (const node of places.keys()) {
    const buffer = shared.get(node)?.buffer;
    if (buffer) rowsIn.set(buffer, rows);
  }
}
