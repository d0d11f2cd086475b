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
 * for themselves, `lanes` let a subgroup share what it reads of A, `shared` goes through workgroup memory, and in `matrices` a
 * subgroup's matrix unit computes.
 */
type Sizes = [rows: number, columns: number, x: number, y: number];
export type Tile = readonly [kind: 'registers' | 'lanes' | 'shared' | 'matrices', ...Sizes];

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

/** What suits a class of adapters. */
interface Choices {
  /** The form of arrays. It makes no difference to bits. */
  readonly arrays: Arrays;
  /** The sensible tiles of products, the best first. Each adds k in ascending order: they differ in speed, never in bits. */
  readonly tiles: readonly [Tile, Tile, ...Tile[]];
  /** Outputs of a product below which the second tile is taken: the first would leave multiprocessors idle. */
  readonly fewOutputs: number;
  /** Workgroups of an elementwise kernel, at most: few fat ones suit software adapters, many thin ones hardware. */
  readonly elementwiseGroups: number;
  /** Rows from which a workgroup of a reduction has 64 of them; fewer are spread over the cores, 8 in each. */
  readonly manyRows: number;
  /** Comparisons with indices above which a gather's gradient is made row by row, each index read once for a row. */
  readonly manyComparisons: number;
}

const software: Omit<Choices, 'tiles'> = {
  arrays: 'fixed',
  fewOutputs: 0,
  elementwiseGroups: 32,
  manyRows: 256,
  manyComparisons: -1,
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
      ['shared', 1, 1, 16, 16],
      ['registers', 1, 1, 16, 8],
    ],
    fewOutputs: 2 ** 20,
    elementwiseGroups: 4096,
    manyRows: 0,
    manyComparisons: 2 ** 26,
  },
};

/** Products. */
export const products = {
  /** Multiply-adds up to which a large tile takes longer to compile than it ever saves. */
  small: 2 ** 22,
  /** Steps of k that lie in workgroup memory at one time: 16 KiB at most (maxComputeWorkgroupStorageSize). */
  sharedDepth: 16,
  /** Elements up to which an operand's windows are written out once: reading them is quicker than finding them. */
  largestWindows: 2 ** 24,
  /** A weight gradient of so few outputs over so many terms is cut into parts, which are added: it has too few workgroups. */
  split: { outputs: 2 ** 14, terms: 2 ** 11, parts: [16, 8, 4, 2] },
} as const;

/** Sums longer than this, with no more results than that, become a tree of shorter ones: a fixed order, and enough work. */
export const sums = { longest: 512, results: 4096 } as const;

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
  /** Elementwise kernels that a result may try to join. */
  tries: 8,
  /** Expressions that results may come to which join: members that are read at other places are computed there again. */
  expressions: 256,
  /** Elements up to which a fold shares a dispatch with others. */
  smallFold: 2 ** 14,
  /** Earlier dispatches that a small one tries to join, the newest first. */
  partners: 4,
} as const;
