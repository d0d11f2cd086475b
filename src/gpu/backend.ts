import { constantValue, initialValue } from '../cpu/evaluate.js';
import type { TensorData } from '../dtype.js';
import { DeviceError } from '../errors.js';
import type { Backend, Executable, Profile } from '../graph/backend.js';
import type { Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { Device, type GpuOptions } from './device.js';
import { GpuExecutable } from './executable.js';
import type { MatrixUnit } from './matrices.js';
import { type PlanBuffer, type PlanContext, placeInRow } from './memory.js';
import type { Dispatch } from './plan.js';
import type { Profiler } from './profile.js';
import { makeScratch, sizesOf } from './scratch.js';
import type { makeTuner } from './tuner.js';

/** Limits that large models want; asked for as high as the adapter goes. Fusion itself relies on default limits only. */
const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;
const WANTED_FEATURES = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/** Chromium's experimental feature; Dawn in Node offers it with the toggle allow_unsafe_apis. */
export const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

type MatrixInfo = GPUAdapterInfo & { readonly subgroupMatrixConfigs?: readonly MatrixUnit[] };

/** A device that runs graphs: plans them, keeps parameters there, one submit a step. */
export class GpuBackend extends Device implements Backend {
  #context: PlanContext = {
    shared: new WeakMap(),
    maxBytes: this.device.limits.maxStorageBufferBindingSize,
    adapter: this.adapterClass,
    lanes: this.lanes,
    tiles: { get: (product) => this.options.tile ?? this.tuner?.tiles.get(product) },
    f16: this.device.features.has('shader-f16'),
  };
  /** Buffers of parameters and constants; they go with the last tensor or plan that uses them. */
  readonly #shared = new WeakMap<PlanBuffer, GPUBuffer>();
  profiler: Profiler | undefined;
  tuner: ReturnType<typeof makeTuner> | undefined;
  readonly #rehearsed = new Set<string>();
  #order: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  static async open(adapter: GPUAdapter, options: GpuOptions = {}): Promise<GpuBackend> {
    const { profile, subgroupMatrix, tune } = options;
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const wanted = [...WANTED_FEATURES, ...(subgroupMatrix ? [MATRICES] : [])];
    const requiredFeatures = wanted.filter((name) => adapter.features.has(name)) as GPUFeatureName[];
    if (profile && !adapter.features.has('timestamp-query'))
      throw new DeviceError('open: this adapter has no timestamp-query, which profile needs; leave profile out');
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    const backend = new GpuBackend(device, adapter, options);
    const { subgroupMinSize: lanes = 0, subgroupMaxSize, subgroupMatrixConfigs } = adapter.info as MatrixInfo;
    const offered = device.features.has(MATRICES) && subgroupMatrixConfigs;
    const units = subgroupMatrix === true ? offered : subgroupMatrix;
    // what few use is loaded where it is
    if (units && lanes === subgroupMaxSize)
      backend.#context = { ...backend.#context, matrices: (await import('./matrices.js')).makeMatrices(units, lanes) };
    if (tune) backend.tuner = (await import('./tuner.js')).makeTuner(backend, tune);
    const runs = profile === true ? Number.POSITIVE_INFINITY : Number(profile);
    if (profile) backend.profiler = new (await import('./profile.js')).Profiler(backend, runs);
    return backend;
  }

  async profile(): Promise<Profile | undefined> {
    await this.finish();
    return this.profiler?.report();
  }

  compile(program: Program): Executable {
    return new GpuExecutable(program, this.#context, this);
  }

  /** The GPU buffer of a plan's buffer that several plans share; it begins with what its nodes begin with. */
  shared(buffer: PlanBuffer): GPUBuffer {
    const known = this.#shared.get(buffer);
    if (known) return known;
    const made = this.createBuffer(buffer.bytes);
    this.owners.register(buffer, [made]);
    const initial = buffer.kind === 'constant' ? constantValue : initialValue;
    for (const node of buffer.nodes) this.upload(node, made, this.#context.shared.get(node)!.offset, initial(node));
    this.#shared.set(buffer, made);
    return made;
  }

  /** Where a parameter lies. */
  #place(parameter: Tensor): [buffer: GPUBuffer, offset: number] {
    const { shared, maxBytes } = this.#context;
    placeInRow('parameters', [parameter], shared, maxBytes);
    const { buffer, offset } = shared.get(parameter)!;
    return [this.shared(buffer), offset];
  }

  /** Runs a little of a kernel, once, on buffers of its own: some drivers compile at the first call. */
  async rehearse(kernel: Dispatch): Promise<void> {
    if (this.#rehearsed.has(kernel.wgsl)) return;
    this.#rehearsed.add(kernel.wgsl);
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
    const result = this.free ? new Promise<T>((resolve) => resolve(begin())) : this.#order.then(begin);
    this.#waiting++;
    this.#order = result.catch(() => {}).then(() => this.#waiting--);
    return result;
  }

  async read(parameter: Tensor): Promise<TensorData> {
    const taken = await this.inOrder(() => {
      const place = this.#place(parameter);
      const take = this.copyAside(this.queue.encoder, [[parameter, ...place]]);
      this.queue.flush();
      return take;
    });
    return (await taken())[0]!;
  }

  write(parameter: Tensor, value: TensorData): Promise<void> {
    return this.inOrder(() => this.upload(parameter, ...this.#place(parameter), value));
  }

  async finish(): Promise<void> {
    await this.inOrder(() => this.idle());
    this.check();
  }
}
