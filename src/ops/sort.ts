// Positions in the order of their keys, and sums over them. WGSL: shaders/sort*.wgsl, shaders/gather.sorted.wgsl.
import sumSource from '../../shaders/gather.sorted.wgsl?raw';
import countingSource from '../../shaders/sort.counting.wgsl?raw';
import mergeSource from '../../shaders/sort.merge.wgsl?raw';
import startSource from '../../shaders/sort.starts.wgsl?raw';
import runSource from '../../shaders/sort.wgsl?raw';
import type { TensorData } from '../core/dtype.js';
import { type Shape, sizeOf } from '../core/shape.js';
import { defineOpWith, defineSeveral } from '../graph/define.js';
import type { One } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { cast } from './cast.js';
import { addedBound, addRows } from './indexing.js';

/** Invocations of a workgroup. */
const GROUP = 64;
const groupsFor = (tasks: number) => [Math.ceil(tasks / GROUP), 1, 1] as const;
/** The least number of halvings that finds one of so many places, or the one behind the last. */
const stepsFor = (places: number): number => Math.ceil(Math.log2(places + 1));

/** Positions, of which each run of `width` is in the order of its keys. */
function inRuns({ data }: TensorData, width: number): Int32Array {
  const positions = Int32Array.from(data, (_: number, i: number) => i);
  for (let first = 0; first < positions.length; first += width)
    positions
      .subarray(first, first + width)
      .sort((a, b) => (data[a] ?? 0) - (data[b] ?? 0) || a - b);
  return positions;
}

/** Where the keys of each row start among sorted ones: 0, 1, … to `rows`, and what is behind. */
function startsIn({ data }: TensorData, rows: number): Int32Array {
  const starts = new Int32Array(rows + 2);
  for (const key of data) starts[key + 1] = (starts[key + 1] ?? 0) + 1;
  let start = 0;
  return starts.map((count) => (start += count));
}

type Rows = { readonly rows: number };
type Keyed = readonly [keys: Tensor, positions: Tensor];
/** Of exact ops of keys, which have no derivatives. */
const ordering = {
  ...({ accepts: 'any', bound: { ulp: 0 } } as const),
  dtype: () => 'i32' as const,
  vjp: () => [undefined, undefined],
};

/** Keys [count] below `rows` to where each starts, [rows + 2], and positions [count] in the order of their keys. */
const countingSort = defineSeveral<Rows, One>({
  ...{ name: 'countingSort', accepts: 'any', bound: { ulp: 0 } },
  outputs: ([keys], { rows }) => [
    { shape: [rows + 2], dtype: 'i32' },
    { shape: keys.shape, dtype: 'i32' },
  ],
  vjp: () => [undefined],
  reference: ([keys], { rows }) => [startsIn(keys, rows), inRuns(keys, keys.data.length)],
  kernel: {
    kind: 'written',
    wgsl: countingSource,
    constants: ([keys], { rows }) => ({ COUNT: sizeOf(keys), ROWS: rows }),
    workgroups: () => [1, 1, 1],
  },
});

type RunOptions = { readonly width: number };
/** Keys [count] to positions [count], of which each run of `width` is in the order of its keys. */
const sortRuns = defineOpWith<RunOptions, One>({
  ...ordering,
  name: 'sortRuns',
  shape: ([keys]) => keys.shape,
  reference: ([keys], { width }) => inRuns(keys, width),
  kernel: {
    kind: 'written',
    wgsl: runSource,
    constants: ([keys], { width }) => ({ COUNT: sizeOf(keys), WIDTH: width, GROUP }),
    workgroups: ([keys]) => groupsFor(sizeOf(keys)),
  },
});

type MergeOptions = RunOptions & { readonly ways: number };
/** Keys and positions in runs of `width` to positions in runs of `ways` times as many. */
const mergeRuns = defineOpWith<MergeOptions, Keyed>({
  ...ordering,
  name: 'mergeRuns',
  shape: ([keys]) => keys.shape,
  reference: ([keys], { width, ways }) => inRuns(keys, width * ways),
  kernel: {
    kind: 'written',
    wgsl: mergeSource,
    constants: ([keys], { width, ways }) => ({
      ...{ COUNT: sizeOf(keys), WIDTH: width, WAYS: ways },
      ...{ STEPS: stepsFor(width), GROUP },
    }),
    workgroups: ([keys]) => groupsFor(sizeOf(keys)),
  },
});

/** Keys and positions in their order to where each of `rows` starts, [rows + 2]. */
const rowStarts = defineOpWith<Rows, Keyed>({
  ...ordering,
  name: 'rowStarts',
  shape: (_, { rows }) => [rows + 2],
  reference: ([keys], { rows }) => startsIn(keys, rows),
  kernel: {
    kind: 'written',
    wgsl: startSource,
    constants: ([keys], { rows }) => ({
      ...{ COUNT: sizeOf(keys), ROWS: rows, STEPS: stepsFor(sizeOf(keys)), GROUP },
    }),
    workgroups: (_, { rows }) => groupsFor(rows + 2),
  },
});

type SumInputs = readonly [values: Tensor, starts: Tensor, positions: Tensor];
const sumConstants = ([values, , positions]: readonly Shape[], { rows }: Rows) => {
  const [outer = 1, , INNER = 1] = values ?? [];
  const LANES = INNER % 4 === 0 ? 4 : 1;
  const TASKS = (outer * rows * INNER) / LANES;
  return { COUNT: sizeOf(positions ?? []), INNER, ROWS: rows, LANES, TASKS, GROUP };
};
/** Positions back to the indices that they were sorted by. */
function unsorted(starts: TensorData, positions: TensorData): TensorData {
  const indices = new Int32Array(positions.data.length);
  for (const [row, start] of starts.data.subarray(0, -1).entries())
    for (const position of positions.data.subarray(start, starts.data[row + 1]))
      indices[position] = row;
  return { ...positions, data: indices };
}
/** The sums of `scatterAdd` over the positions of each row, in their order. */
const sumRows = defineOpWith<Rows, SumInputs>({
  name: 'sumRows',
  accepts: 'any',
  shape: ([values], { rows }) => values.shape.with(1, rows),
  dtype: ([values]) => values.dtype,
  vjp: () => [undefined, undefined, undefined],
  reference: ([values, starts, positions], { rows }) =>
    addRows(values, unsorted(starts, positions), rows),
  bound: ([values, starts, positions], _, { rows }) =>
    addedBound(values, unsorted(starts, positions), rows),
  kernel: {
    kind: 'written',
    wgsl: sumSource,
    constants: sumConstants,
    workgroups: (shapes, options) => groupsFor(sumConstants(shapes, options).TASKS),
  },
});

/** How positions are sorted: by counting, or in runs of `width`, of which `ways` at a time are merged. */
export type Sorting = 'counting' | { readonly width: number; readonly ways: number };

/**
 * @internal Positions in the order of keys [count] below `rows`, equal ones as they come, and before them where each row starts
 * among these, [rows + 2].
 */
export function sortedPositions(
  keys: Tensor,
  rows: number,
  sorting: Sorting,
): readonly [starts: Tensor, positions: Tensor] {
  if (sorting === 'counting') return countingSort([keys], { rows }) as [Tensor, Tensor];
  const { width, ways } = sorting;
  let positions = sortRuns([keys], { width });
  for (let reach = width; reach < sizeOf(keys.shape); reach *= ways)
    positions = mergeRuns([keys, positions], { width: reach, ways });
  return [rowStarts([keys, positions], { rows }), positions];
}

/** @internal `scatterAdd` of f32 values over sorted indices: the same bits, without each row's search of the whole list. */
export function scatterAddSorted(
  values: Tensor,
  indices: Tensor,
  rows: number,
  sorting: Sorting,
): Tensor {
  const [starts, positions] = sortedPositions(cast(indices, 'i32'), rows, sorting);
  return sumRows([values, starts, positions], { rows });
}
