// The interface between the engine and its backends, with the plain data they report: plans, profiles, statistics.
import type { TensorData } from '../core/dtype.js';
import type { Feeds, Program } from './program.js';
import type { Tensor } from './tensor.js';

interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly software: boolean;
}
type Limits = Readonly<Record<string, number>>;

/** Backend, adapter, limits and features of an engine. */
export interface EngineInfo {
  readonly backend: 'gpu' | 'cpu';
  readonly adapter: AdapterInfo;
  readonly limits: Limits;
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
   * the step's next call; that of a parameter, which another step may bring elsewhere, until any next call. Throws NablaError for another engine's step and for tensors that are not among its outputs.
   */
  bufferOf(step: object, output: Tensor): object;
  /** Offset of the output in that buffer, in bytes: above 0 for parameters and for slices of a larger value. */
  offsetOf(step: object, output: Tensor): number;
}

/** A kernel, and the ops that it computes. */
interface Called {
  readonly kernel: string;
  readonly ops: readonly string[];
}
interface DispatchView extends Called {
  readonly workgroups: readonly number[];
  readonly wgsl: string;
}

/** The dispatches of a step, for inspection: kernel names, fused ops, workgroups and WGSL. */
export interface PlanView {
  readonly dispatches: readonly DispatchView[];
  /** Number of dispatches with one kernel per op. */
  readonly dispatchesUnfused: number;
  readonly buffers: number;
  /** Total size of the buffers that only this step uses. */
  readonly bytes: number;
  /** Most bytes of these buffers in use at one time: no assignment of buffers needs less. */
  readonly liveBytes: number;
}

/** Arithmetic of one call, and the least number of bytes that it must read and write. */
interface Work {
  readonly flops: number;
  readonly bytes: number;
}
interface Rates {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** GPU time of one kernel over all its calls, compared with the adapter's measured peaks. */
export interface KernelProfile extends Called, Work, Rates {
  readonly calls: number;
  readonly milliseconds: number;
  /** Share of the time of all kernels. */
  readonly share: number;
  /** The kernel's arithmetic or memory rate relative to its peak, whichever is larger. */
  readonly ofPeak: number;
}

/** One call of a kernel: when it began and how long it took, in milliseconds. */
interface KernelEvent {
  readonly kernel: string;
  readonly start: number;
  readonly milliseconds: number;
}

/** GPU time by kernel, as plain data. */
export interface Profile {
  readonly adapter: string;
  /** Rates that a small probe reached on this adapter. */
  readonly peaks: Rates;
  readonly milliseconds: number;
  /** In descending order of time. */
  readonly kernels: readonly KernelProfile[];
  /** The first kernel calls, with their start in milliseconds after the first. */
  readonly events: readonly KernelEvent[];
}

/** Converts a profile to the Trace Event format, which chrome://tracing and Perfetto display. */
export function chromeTrace({ adapter, events }: Profile) {
  return {
    traceEvents: events.map(({ kernel, start, milliseconds }) => {
      // in microseconds
      const ts = 1e3 * start;
      const dur = 1e3 * milliseconds;
      return { name: kernel, cat: 'kernel', ph: 'X', ts, dur, pid: adapter, tid: 'GPU' };
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

type OnProgress = (done: number, total: number) => void;
/** A part of a GPUBuffer, from an offset in bytes. */
interface Location {
  readonly buffer: object;
  readonly offset: number;
}

/** A compiled program on one backend; what is optional has nothing to do on the CPU. */
export interface Executable {
  readonly plan: PlanView;
  /** Runs in call order; the promise holds the outputs, and is undefined-valued when `read` is false. */
  run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]>;
  /** Builds pipelines ahead of the first run. */
  warmUp?(onProgress?: OnProgress): Promise<void>;
  /** Frees what only this program uses. */
  release?(): void;
  /** Where the output of this number lies on the device; there is none on the CPU. */
  locate?(output: number): Location;
}

/** Where a tuner's answers are kept from one run to the next: a text for each adapter, as the tuner names it. */
export interface TileStore {
  load(adapter: string): Promise<string | undefined>;
  save(adapter: string, text: string): Promise<void>;
}

/** What a backend tells of itself. */
interface Observed {
  readonly info: EngineInfo;
  readonly stats: EngineStats;
  /** Kernel times so far; undefined where they are not measured. */
  profile?(): Promise<Profile | undefined>;
}
/** The device of a backend, while it lives. */
interface OnDevice {
  /** The GPUDevice; there is none on the CPU. */
  readonly device?: object;
  /** Resolves with the reason when the device is gone. */
  readonly lost: Promise<string>;
  /** Resolves when all that was begun is done. */
  finish(): Promise<void>;
  dispose?(): void;
}
/** Where parameters have their values. */
interface ParameterValues {
  read(parameter: Tensor): Promise<TensorData>;
  write(parameter: Tensor, value: TensorData): Promise<void>;
}
/** Where graphs run: the CPU reference or a GPU device. */
export interface Backend extends Observed, OnDevice, ParameterValues {
  compile(program: Program): Executable;
}
