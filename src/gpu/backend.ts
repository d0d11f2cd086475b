// The GPU backend: opens the device, compiles programs to executables, and holds parameters and constants.

import type { Dispatch } from '../compiler/describe.js';
import { bytesOfAll, placeInRow } from '../compiler/memory.js';
import type { TensorData } from '../core/dtype.js';
import { DeviceError } from '../core/errors.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Backend, Executable, Profile } from '../graph/backend.js';
import type { Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import type { Move, PlanBuffer } from '../planning/context.js';
import { defaultLimits, type MatrixUnit } from '../planning/limits.js';
import { Device, type GpuOptions, type Location } from './device.js';
import { GpuExecutable } from './executable.js';
import type { Host, Profiler, Tuner } from './host.js';
import { makeScratch, sizesOf } from './scratch.js';

/** Limits that large models want; asked for as high as the adapter goes. Fusion itself relies on default limits only. */
const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;
const WANTED_FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'timestamp-query', 'subgroups'];

/** Chromium's experimental feature; Dawn in Node offers it with the toggle allow_unsafe_apis. */
export const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

type AdapterInfo = GPUAdapterInfo & { readonly subgroupMatrixConfigs?: readonly MatrixUnit[] };

/** A device that runs graphs: plans them, keeps parameters there, one submit a step. */
export class GpuBackend extends Device implements Backend, Host {
  readonly context: Host['context'] = {
    shared: new WeakMap(),
    // fusion counts on the buffers that every adapter has, so that all make the same plans
    limits: { ...defaultLimits, bindingBytes: this.device.limits.maxStorageBufferBindingSize },
    adapter: this.adapterClass,
    lanes: 1,
    f16: this.device.features.has('shader-f16'),
    move: (moves) => this.#move(moves),
  };
  moves = 0;
  profiler: Profiler | undefined;
  /** The plan with its fastest tiles, where they are measured. */
  tune: Tuner | undefined;
  readonly #made = new WeakMap<PlanBuffer, GPUBuffer>();
  /** Buffers that users hold, and those of them that hold no parameters any more. */
  readonly #lent = new WeakSet<GPUBuffer>();
  #left: PlanBuffer[] = [];
  #order: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  static async open(adapter: GPUAdapter, options: GpuOptions = {}): Promise<GpuBackend> {
    const { profile, subgroupMatrix, tiles } = options;
    const requiredLimits = Object.fromEntries(
      WANTED_LIMITS.map((name) => [name, adapter.limits[name]]),
    );
    const wanted = [...WANTED_FEATURES, ...(subgroupMatrix ? [MATRICES] : [])];
    const requiredFeatures = wanted.filter((name) => adapter.features.has(name));
    if (profile && !adapter.features.has('timestamp-query'))
      throw new DeviceError(
        'open: this adapter has no timestamp-query, which profile needs; leave profile out',
      );
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    const backend = new GpuBackend(device, adapter, options);
    const { context, adapterClass } = backend;
    const about: AdapterInfo = adapter.info;
    const { subgroupMinSize: lanes = 1, subgroupMaxSize, subgroupMatrixConfigs } = about;
    const isFixed = lanes === subgroupMaxSize && device.features.has('subgroups');
    // software adapters load slowly, and compute side by side
    if (isFixed && adapterClass !== 'gpu') context.lanes = lanes;
    const units =
      subgroupMatrix === true
        ? device.features.has(MATRICES) && subgroupMatrixConfigs
        : subgroupMatrix;
    // what few use is loaded where it is
    if (isFixed && units)
      context.matrices = (await import('../kernels/matmul/matrices.js')).makeMatrices(units, lanes);
    const { tune = !backend.info.adapter.software } = options;
    if (tune && tiles)
      backend.tune = await (await import('./tuner.js')).makeTuner(backend, await tiles(), about);
    if (profile) backend.profiler = (await import('./profile.js')).makeProfiler(backend, profile);
    return backend;
  }

  async profile(): Promise<Profile | undefined> {
    await this.finish();
    return this.profiler?.report();
  }

  compile(program: Program): Executable {
    return new GpuExecutable(program, this);
  }

  /**
   * The GPUBuffer for a buffer of a plan, created on first use. It is freed with the plan; parameters and constants, which
   * begin with their own values, are freed with the last tensor or plan that uses them.
   */
  bufferOf(planned: PlanBuffer): GPUBuffer {
    const known = this.#made.get(planned);
    if (known) return known;
    const made = this.createBuffer(planned.bytes, undefined, planned);
    this.#made.set(planned, made);
    const isShared = planned.kind === 'parameters' || planned.kind === 'constant';
    for (const node of isShared ? planned.nodes : []) {
      const place = this.context.shared.get(node);
      // what lay here once may lie elsewhere
      if (place?.buffer === planned)
        this.upload({ node, buffer: made, offset: place.offset }, ownValue(node));
    }
    return made;
  }

  /**
   * Brings the values of parameters to other buffers, in order with all that runs. What they leave is freed, at the next step
   * where a user may read it. False, and nothing is done, where the byte budget has no room for both.
   */
  #move(moves: readonly Move[]): boolean {
    const sources = moves.map((move) => ({ ...move, source: this.#sourceOf(move) }));
    const targets = new Set(sources.flatMap(({ source, to }) => (source ? to.buffer : [])));
    if (!this.hasRoom(bytesOfAll(targets))) return false;
    this.moves++;
    for (const planned of targets)
      this.#made.set(planned, this.createBuffer(planned.bytes, undefined, planned));
    for (const { node, source, to } of sources) {
      const buffer = this.#made.get(to.buffer);
      if (buffer && !source) this.upload({ node, buffer, offset: to.offset }, ownValue(node));
    }
    const { encoder } = this.queue;
    for (const { source, from, to } of sources) {
      const buffer = this.#made.get(to.buffer);
      if (!source || !from || !buffer) continue;
      encoder.copyBufferToBuffer(source, from.offset, buffer, to.offset, to.bytes);
    }
    const left = moves.flatMap(({ from }) => (from ? from.buffer : []));
    const isLent = (planned: PlanBuffer): boolean => {
      const buffer = this.#made.get(planned);
      return buffer !== undefined && this.#lent.has(buffer);
    };
    this.#left.push(...left.filter(isLent));
    this.release(left.filter((planned) => !isLent(planned)));
    return true;
  }

  #sourceOf({ from }: Move): GPUBuffer | undefined {
    return from && this.#made.get(from.buffer);
  }

  lend(buffer: GPUBuffer): void {
    this.#lent.add(buffer);
  }

  sweep(): void {
    if (this.#left.length > 0) this.release(this.#left.splice(0));
  }

  /** Frees the buffers behind some of a plan. */
  release(planned: readonly PlanBuffer[]): void {
    this.destroyBuffers(planned.flatMap((buffer) => this.#made.get(buffer) ?? []));
    for (const buffer of planned) this.#made.delete(buffer);
  }

  /** Where a parameter lies; one that no plan has placed is placed now. */
  #locationOf(parameter: Tensor): Location {
    const { shared, limits } = this.context;
    placeInRow('parameters', [parameter], shared, limits.bindingBytes);
    const place = shared.get(parameter);
    if (!place) throw new RangeError('a parameter has no place');
    return { node: parameter, buffer: this.bufferOf(place.buffer), offset: place.offset };
  }

  /** Runs a little of a kernel, once, on buffers of its own: some drivers compile at the first call. */
  async rehearse(kernel: Dispatch): Promise<void> {
    if (this.rehearsed.has(kernel.wgsl)) return;
    const scratch = makeScratch(this, sizesOf(kernel));
    await scratch.run({ ...kernel, workgroups: [1, 1, 1] }).finally(scratch.free);
  }

  /** Whether nothing waits, so that work in order runs at once. */
  get free(): boolean {
    return this.#waiting === 0;
  }

  /** Runs work in call order, after all that was asked before. */
  inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    const begin = (): T | Promise<T> => {
      this.check();
      return work();
    };
    const result = this.free
      ? new Promise<T>((resolve) => resolve(begin()))
      : this.#order.then(begin);
    this.#waiting++;
    this.#order = result.catch(() => {}).then(() => this.#waiting--);
    return result;
  }

  async read(parameter: Tensor): Promise<TensorData> {
    const readBack = await this.inOrder(() => {
      const values = this.copyAside([this.#locationOf(parameter)]);
      this.queue.flush();
      return values;
    });
    const [value] = await readBack();
    if (!value) throw new RangeError('nothing was read back');
    return value;
  }

  write(parameter: Tensor, value: TensorData): Promise<void> {
    return this.inOrder(() => this.upload(this.#locationOf(parameter), value));
  }

  async finish(): Promise<void> {
    await this.inOrder(() => this.idle());
    this.check();
  }
}
