// The interface between the engine and its backends, with the plain data they report: plans, profiles, statistics.
import type { TensorData } from '../core/dtype.js';
import type { Feeds, Program } from './program.js';
import type { Tensor } from './tensor.js';

/** Backend, adapter, limits and features of an engine. */
export interface EngineInfo {
  readonly backend: 'gpu' | 'cpu';
  readonly adapter: Readonly<{
    vendor: string;
    architecture: string;
    description: string;
    software: boolean;
  }>;
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** Totals since the engine was opened. `live…` counts what is allocated now, `peakBytes` the most at any time. */
export type EngineStats = ReturnType<typeof emptyStats>;
export function emptyStats() {
  return {
    submits: 0,
    dispatches: 0,
    nodesEvaluated: 0,
    pipelines: 0,
    liveBuffers: 0,
    liveBytes: 0,
    peakBytes: 0,
    uploadedBytes: 0,
    readBytes: 0,
    /** Values that the cross-check compared with float64. */
    checked: 0,
  };
}

/** Access to WebGPU objects, for your own render passes and kernels that read a step's outputs. */
export interface GpuAccess {
  /** The GPUDevice. The engine owns and destroys it. */
  readonly device: object;
  /**
   * The GPUBuffer that holds an output after a call of the step: usage STORAGE and COPY_SRC, read-only, and valid until
   * the step's next call. Throws NablaError for another engine's step and for tensors that are not among its outputs.
   */
  bufferOf(step: object, output: Tensor): object;
  /** Offset of the output in that buffer, in bytes: above 0 for parameters and for slices of a larger value. */
  offsetOf(step: object, output: Tensor): number;
}

type Called = Readonly<{ kernel: string; ops: readonly string[] }>;

/** The dispatches of a step, for inspection: kernel names, fused ops, workgroups and WGSL. */
export interface PlanView {
  readonly dispatches: readonly (Called &
    Readonly<{ workgroups: readonly number[]; wgsl: string }>)[];
  /** Number of dispatches with one kernel per op. */
  readonly dispatchesUnfused: number;
  readonly buffers: number;
  /** Total size of the buffers that only this step uses. */
  readonly bytes: number;
  /** Most bytes of these buffers in use at one time: no assignment of buffers needs less. */
  readonly liveBytes: number;
}

/** GPU time of one kernel over all its calls, compared with the adapter's measured peaks. */
export interface KernelProfile extends Called {
  readonly calls: number;
  readonly milliseconds: number;
  /** Share of the time of all kernels. */
  readonly share: number;
  /** Arithmetic of one call, and the least number of bytes that it must read and write. */
  readonly flops: number;
  readonly bytes: number;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** The kernel's arithmetic or memory rate relative to its peak, whichever is larger. */
  readonly ofPeak: number;
}

/** GPU time by kernel, as plain data. */
export interface Profile {
  readonly adapter: string;
  /** Rates that a small probe reached on this adapter. */
  readonly peaks: { readonly flopsPerSecond: number; readonly bytesPerSecond: number };
  readonly milliseconds: number;
  /** In descending order of time. */
  readonly kernels: readonly KernelProfile[];
  /** The first kernel calls, with their start in milliseconds after the first. */
  readonly events: readonly {
    readonly kernel: string;
    readonly start: number;
    readonly milliseconds: number;
  }[];
}

/** Converts a profile to the Trace Event format, which chrome://tracing and Perfetto display. */
export function chromeTrace({ adapter, events }: Profile) {
  return {
    traceEvents: events.map(({ kernel, start, milliseconds }) => {
      return {
        name: kernel,
        cat: 'kernel',
        ph: 'X',
        ts: 1e3 * start,
        dur: 1e3 * milliseconds,
        pid: adapter,
        tid: 'GPU',
      };
    }),
  };
}

/** One kernel call as it was: the values that it read, and what it stored. */
export interface Capture {
  readonly kernel: string;
  readonly wgsl: string;
  readonly reads: ReadonlyMap<Tensor, TensorData>;
  readonly results: ReadonlyMap<Tensor, TensorData>;
}
/** Chooses kernel calls of a run, by their number in the plan, and collects their captures. */
export interface Inspection {
  readonly select: (dispatch: number, of: number) => boolean;
  readonly captures: Capture[];
}

/** A compiled program on one backend; what is optional has nothing to do on the CPU. */
export interface Executable {
  readonly plan: PlanView;
  /** Runs in call order; the promise holds the outputs, and is undefined-valued when `read` is false. */
  run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]>;
  /** Builds pipelines ahead of the first run. */
  warmUp?(onProgress?: (done: number, total: number) => void): Promise<void>;
  /** Frees what only this program uses. */
  release?(): void;
  /** Where the output of this number lies on the device; there is none on the CPU. */
  locate?(output: number): { readonly buffer: object; readonly offset: number };
}

/** Where a tuner's choices are kept from one run to the next: a text for each adapter and driver. */
export interface TileStore {
  load(adapter: string): Promise<string | undefined>;
  save(adapter: string, text: string): Promise<void>;
}

/** Where graphs run: the CPU reference or a GPU device. */
export interface Backend {
  readonly info: EngineInfo;
  readonly stats: EngineStats;
  /** Resolves with the reason when the device is gone. */
  readonly lost: Promise<string>;
  /** The GPUDevice; there is none on the CPU. */
  readonly device?: object;
  compile(program: Program): Executable;
  read(parameter: Tensor): Promise<TensorData>;
  write(parameter: Tensor, value: TensorData): Promise<void>;
  finish(): Promise<void>;
  /** Kernel times so far; undefined where they are not measured. */
  profile?(): Promise<Profile | undefined>;
  dispose?(): void;
}
