// What devices allow, and what the planner chooses for each class of adapter: all of its numbers, in one place, as plain data.
import type { AdapterClass } from '../graph/op.js';
import type { Cost } from '../graph/traits.js';
import type { Arrays } from '../wgsl/types.js';

export type { AdapterClass, Arrays };

/** What a plan may count on; WebGPU's names are in the comments. */
export interface Limits {
  /** Buffers that one kernel may bind (maxStorageBuffersPerShaderStage). */
  readonly storageBuffers: number;
  /** Bytes of one binding (maxStorageBufferBindingSize). */
  readonly bindingBytes: number;
}

/** WebGPU's defaults, which every adapter has. Plans count on more bytes where an adapter has them, never on more buffers. */
export const defaultLimits: Limits = { storageBuffers: 8, bindingBytes: 2 ** 27 };

/** Workgroups along one dimension, at most (maxComputeWorkgroupsPerDimension). */
export const MAX_GROUPS = 65535;
/** Bytes of the workgroup memory of one kernel, at most (maxComputeWorkgroupStorageSize). */
export const MAX_WORKGROUP_BYTES = 16384;
/** Bindings begin at multiples of this many bytes (minStorageBufferOffsetAlignment). */
export const ALIGNMENT = 256;

/**
 * How a product is computed: 4·rows × 4·columns outputs an invocation, in workgroups of x × y invocations. `registers` read
 * for themselves, `lanes` let a subgroup share what it reads of A, `shared` goes through workgroup memory, `thin` is for at
 * most four rows, and in `matrices` a subgroup's matrix unit computes.
 */
type Sizes = [rows: number, columns: number, x: number, y: number];
type TileKind = 'registers' | 'lanes' | 'shared' | 'thin' | 'matrices';
export type Tile = readonly [kind: TileKind, ...Sizes];

/** What an adapter's matrix units multiply, [M, K] by [K, N], as `GPUAdapterInfo.subgroupMatrixConfigs` has it. */
export interface MatrixUnit {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Invocations of a workgroup: of elementwise kernels, and of folds over many rows, or over few, which are spread over the cores. */
export const invocations = { map: 64, manyRows: 64, fewRows: 8 } as const;

/** When a fold becomes a fold of parts and one of what those fold to, and how long its parts are. */
interface Splitting {
  /** Elements that one result is folded from at most before. */
  readonly longest: number;
  /** Results from which on there is enough work without. */
  readonly manyResults: number;
  /** Parts of all results together, as many as can be while each has from `least` to `most` elements. */
  readonly parts: number;
  readonly least: number;
  readonly most: number;
}

/** When and how a gather's gradient sorts its positions. */
interface Sorting {
  /** Positions and comparisons, rows × positions, from which on it does. */
  readonly fewest: number;
  readonly comparisons: number;
  /** One invocation counts; or the positions of a run of the first pass, and how many runs each further pass merges. */
  readonly by: 'counting' | { readonly width: number; readonly ways: number };
}

/** What suits a class of adapters. */
interface Choices {
  /** The form of arrays. It makes no difference to bits. */
  readonly arrays: Arrays;
  /** The sensible tiles of products, the best first. Each adds k in ascending order: they differ in speed, never in bits. */
  readonly tiles: readonly [Tile, Tile, ...Tile[]];
  /** Workgroups of an elementwise kernel, at most: few fat ones suit software adapters, many thin ones hardware. */
  readonly elementwiseGroups: number;
  /** Rows from which a workgroup of a reduction has 64 of them; fewer are spread over the cores, 8 in each. */
  readonly manyRows: number;
  /** Invocations that share a sum over many tensors. */
  readonly acrossWidth: number;
  /** Whether a workgroup folds rows, its invocations side by side (a row kernel), or each invocation one row alone. */
  readonly foldsSideBySide: boolean;
  /** Comparisons with indices above which a gather's gradient is made row by row, each index read once for a row. */
  readonly manyComparisons: number;
  /** Columns of a fold up to which drivers may unroll its loop: what one invocation reads is then on its way at one time. */
  readonly unrolled: number;
  /** Products read through views that offer it, such as windows: nothing is written out for them. */
  readonly inPlace: boolean;
  /** Elements of a matrix from which its product with a vector is a fold of products. */
  readonly thinProduct: number;
  readonly folds: Splitting;
  readonly sorting: Sorting;
}

const software: Omit<Choices, 'tiles'> = {
  arrays: 'fixed',
  ...{ elementwiseGroups: 32, manyRows: 256, manyComparisons: -1 },
  ...{ unrolled: 0, inPlace: false, acrossWidth: 16, foldsSideBySide: false },
  thinProduct: 2 ** 16,
  folds: { longest: 512, manyResults: Infinity, parts: 2048, least: 1, most: 512 },
  sorting: { fewest: 128, comparisons: 2 ** 18, by: 'counting' },
};

/** The committed table. */
export const choices: Readonly<Record<AdapterClass, Choices>> = {
  lavapipe: {
    ...software,
    tiles: [
      ['lanes', 2, 1, 8, 1],
      ['lanes', 4, 1, 8, 1],
      ['registers', 2, 1, 8, 1],
    ],
  },
  swiftshader: {
    ...software,
    tiles: [
      ['lanes', 4, 2, 4, 1],
      ['lanes', 4, 1, 4, 1],
      ['registers', 4, 2, 4, 4],
    ],
  },
  gpu: {
    arrays: 'sized',
    tiles: [
      ['shared', 2, 2, 16, 16],
      ['shared', 2, 1, 16, 8],
      ['shared', 1, 1, 16, 16],
    ],
    elementwiseGroups: 4096,
    manyRows: 0,
    acrossWidth: 256,
    foldsSideBySide: true,
    manyComparisons: 2 ** 26,
    unrolled: 32,
    inPlace: true,
    thinProduct: Infinity,
    // a workgroup for each part of a few thousand elements: two kernels at most
    folds: { longest: 4096, manyResults: 256, parts: 512, least: 1024, most: Infinity },
    sorting: { fewest: 1024, comparisons: 2 ** 22, by: { width: 256, ways: 8 } },
  },
};

/** Products. */
export const products = {
  /** Multiply-adds up to which a large tile takes longer to compile than it ever saves. */
  small: 2 ** 22,
  /** Elements up to which an operand's windows are written out once: reading them is quicker than finding them. */
  largestWindows: 2 ** 24,
  /** On software adapters, a weight gradient of so few outputs over so many terms is cut into parts, which are added. */
  split: { outputs: 2 ** 14, terms: 2 ** 11, parts: [16, 8, 4, 2] },
} as const;

/** A tile, and into how many slices its workgroups cut k. */
export interface Footprint {
  readonly tile: Tile;
  readonly slices: number;
}

/** On hardware: how workgroups cover products, the largest tiles first; `chooseCut` predicts which takes least time. */
export const footprints = {
  shared: [
    { tile: ['shared', 2, 2, 16, 16], slices: 1 },
    { tile: ['shared', 2, 1, 16, 8], slices: 1 },
    { tile: ['shared', 1, 1, 8, 8], slices: 4 },
    { tile: ['shared', 1, 1, 4, 8], slices: 8 },
    { tile: ['shared', 1, 1, 4, 4], slices: 16 },
  ],
  /** Of at most four rows, where k runs along the columns of B: neighbours read on along k. */
  thinAlongK: [
    { tile: ['thin', 1, 1, 16, 1], slices: 4 },
    { tile: ['thin', 1, 1, 4, 1], slices: 16 },
    { tile: ['thin', 1, 1, 1, 1], slices: 64 },
    { tile: ['thin', 1, 1, 1, 1], slices: 256 },
  ],
  /** The same, where k runs along the rows of B: neighbours read on along n, 128 bytes of a row together. */
  thinAlongN: [
    { tile: ['thin', 1, 1, 16, 1], slices: 4 },
    { tile: ['thin', 1, 1, 8, 1], slices: 8 },
    { tile: ['thin', 1, 1, 8, 1], slices: 32 },
  ],
  /**
   * What products of one matrix take that have less multiply-adds than `products.small`, if k is no longer than `smallTerms`:
   * they share dispatches, so they begin alike, and little workgroup memory, which drivers fill with zeros first.
   */
  small: { tile: ['shared', 1, 1, 4, 4], slices: 4 },
  smallTerms: 128,
  /** The same for less than `tinyProduct`: launching takes longest, whatever they do, so they do without workgroup memory. */
  tiny: { tile: ['thin', 1, 1, 8, 8], slices: 1 },
  tinyProduct: 2 ** 15,
  /** Rows up to which a product is thin. */
  thinRows: 4,
  /** Numbers of parts that may be added in a second dispatch. */
  parts: [1, 2, 4, 8, 16, 32, 64],
} as const satisfies Record<string, readonly (Footprint | number)[] | Footprint | number>;

/** The card that footprints are chosen for, of the size of today's larger ones: times in µs, bytes and operations a µs. */
export const card = {
  multiprocessors: 64,
  /** Subgroups of 32 that a multiprocessor holds. */
  subgroups: 48,
  /** Multiply-adds of one multiprocessor. */
  multiplyAdds: 128 * 2000,
  bandwidth: 1e6,
  /** How much faster caches hand on what several workgroups read. */
  cache: 8,
  latency: 0.5,
  /** From one dispatch to the next. */
  launch: 5,
} as const;

/** Columns that one turn of a fold's loop takes, where it has so many at least and its text is no longer, in characters. */
export const unrolling = { lanes: 4, columns: 32, text: 400 } as const;

/** Row kernels. */
export const rowKernels = {
  /** Invocations of a workgroup: of small folds, which may share a dispatch, and of others. */
  lanes: { small: 128, large: 256 },
  /** Invocations in all, above which a row gets no more of them. */
  invocations: 2 ** 16,
  /** Blocks of a row, or rows where those lie side by side, that lanes read at once at least, for whole cache lines. */
  neighbours: { blocks: 16, rows: 16 },
  /** Blocks that a lane has in flight. */
  turns: [8, 4, 2, 1],
  /** Statements of a loop, so written out, at most. */
  statements: 64,
  /** Blocks that a lane folds before it joins them to its totals, at least. */
  chunk: 16,
  /** Folds in one loop, at most: each has two words of each lane in workgroup memory, which is 16 KiB. */
  together: 8,
  /** Workgroups from which a row kernel stores elements too, or elements that a lane stores at most. */
  storing: { workgroups: 128, elements: 64 },
} as const;

/** What is measured where kernels are tuned. */
export const tuning = {
  /** Milliseconds that the kernels of one plan take in all. */
  budget: 500,
  /** Multiply-adds of a product above which its tile is worth measuring: smaller ones take small tiles anyway. */
  product: products.small,
  /** Bytes that a kernel moves, from which the form of its arrays makes a difference to be seen. */
  moved: 2 ** 20,
  /** Bytes of buffers to try a kernel on, at most. */
  buffers: 2 ** 28,
  /** The share by which a kernel must be faster than that of the committed table. */
  gain: 0.03,
} as const;

/** Operations that an op counts as, where it may be computed again in another kernel. */
export const operations: Readonly<Record<Cost, number>> = { free: 0, cheap: 1, dear: 4, heavy: 4 };
/** Ops that it counts as in the text of a kernel. */
export const textLengths: Readonly<Record<Cost, number>> = {
  free: 0.1,
  cheap: 1,
  dear: 1,
  heavy: 12,
};

/** What gets a buffer. */
export const storing = {
  /** Operations an element that other kernels may compute again, in all, before a value is stored instead. */
  operations: 4,
  /** Readers of each element, among those of one kernel, from which a value of `worth` operations is stored. */
  repeats: 4,
  worth: 3,
  /** Buffers of a kernel that are for what it writes. */
  written: 2,
} as const;

/** What becomes one kernel, and what one dispatch. */
export const fusion = {
  /** Ops written into one kernel, so that its text and compile time stay bounded. */
  ops: 48,
  /** The same for the scalars of a step, all of which are one kernel. */
  scalars: 192,
  /** Elementwise kernels that a result may try to join. */
  tries: 8,
  /** Expressions that results may come to which join: members that are read at other places are computed there again. */
  expressions: 256,
  /** Elements up to which a fold shares a dispatch with others. */
  smallFold: 2 ** 14,
  /** Earlier dispatches that a small one tries to join, the newest first. */
  partners: 4,
} as const;
