// A WebGPU device with its buffers and pipelines: uploads, read-back, error scopes and device loss.

import type { BoundPlace, Dispatch } from '../compiler/describe.js';
import type { TensorData } from '../core/dtype.js';
import { DeviceError, DeviceLostError, NablaError } from '../core/errors.js';
import { type EngineInfo, type EngineStats, emptyStats, type TileStore } from '../graph/backend.js';
import type { Tensor } from '../graph/tensor.js';
import { align, nodeBytes } from '../planning/context.js';
import type { AdapterClass, MatrixUnit } from '../planning/limits.js';
import { fromBytes, toBytes } from './bytes.js';
import { stepQueue } from './queue.js';
import { usage } from './usage.js';

/** A kernel with how it uses what it binds. */
export interface Trial extends Pick<Dispatch, 'wgsl' | 'workgroups'> {
  readonly origins?: Dispatch['origins'] | undefined;
  readonly bindings: readonly Pick<BoundPlace, 'access'>[];
}

/** Where the value of a node lies on the device. */
export interface Location {
  readonly node: Tensor;
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

export interface GpuOptions {
  /** Asks a software adapter for a promise so that waiting takes no core from it. */
  readonly ask?: (<T>(question: () => T) => T) | undefined;
  /** Measures each kernel's time, in all runs or in the first so many. */
  readonly profile?: boolean | number | undefined;
  /** Whether kernels are measured; by default where the adapter is hardware. */
  readonly tune?: boolean | undefined;
  /** Where what is measured is kept; without it nothing is. */
  readonly tiles?: (() => Promise<TileStore>) | undefined;
  /** Has matrix units compute products: the adapter's, or in tests these. */
  readonly subgroupMatrix?: boolean | readonly MatrixUnit[] | undefined;
  /** Bytes that the engine's buffers may take in all. */
  readonly byteBudget?: number | undefined;
  /** Has kernels made for this class of adapters, whatever the adapter is: for tests, and to see what others get. */
  readonly adapterClass?: AdapterClass | undefined;
  /** @internal Plants faults into kernels, so that tests can see the cross-check find them. */
  readonly rewrite?: ((wgsl: string) => string) | undefined;
}

const classOf = (text: string): AdapterClass =>
  /swiftshader/i.test(text) ? 'swiftshader' : /llvmpipe|lavapipe/i.test(text) ? 'lavapipe' : 'gpu';

/** A device with its pipelines, its memory count and its errors. */
export class Device {
  readonly device: GPUDevice;
  readonly info: EngineInfo;
  readonly adapterClass: AdapterClass;
  readonly stats: EngineStats = emptyStats();
  readonly queue = stepQueue(this);
  readonly lost: Promise<string>;
  /** Destroys a buffer once its owner is gone, if nobody did before. */
  readonly #owners = new FinalizationRegistry<GPUBuffer>((buffer) => this.destroyBuffers([buffer]));
  protected readonly options: GpuOptions;
  /** The texts of kernels that ran on buffers made to try them. */
  readonly rehearsed = new Set<string>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #buffers = new Set<GPUBuffer>();
  /** Why nothing runs any more. */
  #gone: NablaError | undefined;
  #error: Error | undefined;

  constructor(device: GPUDevice, adapter: GPUAdapter, options: GpuOptions) {
    this.device = device;
    this.options = options;
    const limits: Record<string, number> = {};
    for (const name in device.limits) limits[name] = device.limits[name as 'maxBufferSize'];
    const { vendor, architecture, device: model } = adapter.info;
    const description = adapter.info.description || model || `${vendor} ${architecture}`.trim();
    const own = classOf(`${vendor} ${architecture} ${description} ${model}`);
    this.adapterClass = options.adapterClass ?? own;
    const about = { vendor, architecture, description, software: own !== 'gpu' };
    this.info = { backend: 'gpu', adapter: about, limits, features: [...device.features] };
    this.lost = device.lost.then(({ reason, message }) => {
      const why = `engine: the GPU device is gone (${reason}: ${message}); open another engine`;
      this.#gone ??= new DeviceLostError(why);
      return `${reason}: ${message}`;
    });
    device.onuncapturederror = (event) => {
      this.#error ??= new DeviceError(`WebGPU: ${event.error.message}`);
    };
  }

  /** Throws what went wrong since the last call: a lost device, or an error that WebGPU reported late. */
  check(): void {
    if (this.#gone) throw this.#gone;
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /** Makes objects at once; throws DeviceError with what WebGPU says against them. */
  async watched<T>(make: () => T): Promise<Awaited<T>> {
    for (const kind of ['validation', 'out-of-memory'] as const) this.device.pushErrorScope(kind);
    // at once, and a throw becomes a rejection, so that both scopes are closed
    const making = (async () => make())();
    const [made, ...errors] = await Promise.all([
      making,
      this.device.popErrorScope(),
      this.device.popErrorScope(),
    ]);
    this.check();
    const error = errors.find((each) => each);
    if (error) throw new DeviceError(`WebGPU: ${error.message}`);
    return made;
  }

  /** Asks the device for a promise. */
  ask<T>(question: () => T): T {
    const { ask } = this.options;
    return ask && this.info.adapter.software ? ask(question) : question();
  }

  /** The end of all that is asked for now. */
  idle(): Promise<undefined> {
    this.queue.flush();
    return this.ask(() => this.device.queue.onSubmittedWorkDone());
  }

  /** Writes a value where a node lies; ordered before the next submit. */
  upload({ node, buffer, offset }: Location, value: TensorData): void {
    const bytes = toBytes(value, node);
    this.queue.flush(); // what was asked for before reads what was there before
    this.device.queue.writeBuffer(buffer, offset, bytes);
    this.stats.uploadedBytes += bytes.byteLength;
  }

  /**
   * Encodes copies of present values, side by side; the function returned waits for them and reads them back. The buffer
   * between comes from a pool of such buffers, and goes there, if one is given.
   */
  copyAside(values: readonly Location[], pool?: GPUBuffer[]): () => Promise<TensorData[]> {
    let bytes = 0;
    const copies = values.map((value) => {
      const start = bytes;
      bytes += align(nodeBytes(value.node), 16);
      return { ...value, start, end: start + nodeBytes(value.node) };
    });
    const aside =
      pool?.pop() ?? this.createBuffer(bytes, usage.mapRead | usage.copyDestination, pool);
    const { encoder } = this.queue;
    for (const { buffer, offset, start, end } of copies)
      encoder.copyBufferToBuffer(buffer, offset, aside, start, end - start);
    const fail = (cause: unknown): never => {
      this.check();
      const why = `reading back failed; the GPU device may be gone (${String(cause)})`;
      throw new DeviceLostError(`engine: ${why}`, { cause });
    };
    return async () => {
      try {
        await this.ask(() => aside.mapAsync(1)).catch(fail); // to read
        this.check();
        const all = aside.getMappedRange();
        const data = copies.map(({ node, start, end }) => fromBytes(node, all.slice(start, end)));
        aside.unmap();
        pool?.push(aside);
        this.stats.readBytes += bytes;
        return data;
      } finally {
        if (!pool?.includes(aside)) this.destroyBuffers([aside]); // after an error it may still be mapped
      }
    };
  }

  /** Whether the byte budget has room for so many bytes more. */
  protected hasRoom(bytes: number): boolean {
    const { byteBudget: budget = Number.POSITIVE_INFINITY } = this.options;
    return this.stats.liveBytes + bytes <= budget;
  }

  /**
   * Makes a buffer, by default for storage, and counts it; it begins with zeros, and goes with its owner at the latest.
   * Throws DeviceError above the adapter's limit or the byte budget.
   */
  createBuffer(atLeast: number, flags: number = usage.data, owner?: object): GPUBuffer {
    this.check();
    const { device, stats } = this;
    const bytes = Math.max(16, atLeast);
    const limit = device.limits.maxBufferSize;
    if (bytes > limit)
      throw new DeviceError(
        `buffer: ${bytes} bytes exceed this adapter's limit ${limit}; use a smaller batch`,
      );
    if (!this.hasRoom(bytes))
      throw new DeviceError(
        `buffer: ${bytes} more bytes exceed the byteBudget ${this.options.byteBudget}; raise it or release a step`,
      );
    const buffer = device.createBuffer({ size: bytes, usage: flags });
    this.#buffers.add(buffer);
    if (owner) this.#owners.register(owner, buffer);
    stats.liveBuffers++;
    stats.liveBytes += bytes;
    stats.peakBytes = Math.max(stats.peakBytes, stats.liveBytes);
    return buffer;
  }

  /** Makes buffers of so many bytes for storage, all or none. */
  createBuffers(sizes: readonly number[]): GPUBuffer[] {
    const buffers: GPUBuffer[] = [];
    try {
      for (const bytes of sizes) buffers.push(this.createBuffer(bytes));
    } catch (error) {
      this.destroyBuffers(buffers);
      throw error;
    }
    return buffers;
  }

  destroyBuffers(buffers: Iterable<GPUBuffer>): void {
    this.queue.flush();
    for (const buffer of buffers) {
      if (!this.#buffers.delete(buffer)) continue;
      this.stats.liveBuffers--;
      this.stats.liveBytes -= buffer.size;
      buffer.destroy();
    }
  }

  /** Frees everything. Later calls throw. */
  dispose(): void {
    this.#gone = new NablaError('engine: it is disposed; open another');
    this.destroyBuffers(this.#buffers);
    this.device.destroy();
  }

  /** The pipeline of a kernel text, built once. Rejects with the shader's line, column and source. */
  pipeline(kernel: Trial): Promise<GPUComputePipeline> {
    const { wgsl } = kernel;
    const built = this.#pipelines.get(wgsl) ?? this.#build(kernel);
    this.#pipelines.set(wgsl, built);
    built.catch(() => this.#pipelines.delete(wgsl));
    return built;
  }

  /** What a pipeline is to bind, in order. */
  bind(pipeline: GPUComputePipeline, resources: readonly GPUBufferBinding[]): GPUBindGroup {
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  }

  async #build(kernel: Trial): Promise<GPUComputePipeline> {
    const { device } = this;
    const { wgsl, bindings } = kernel;
    const entries = bindings.map(({ access }, binding): GPUBindGroupLayoutEntry => {
      const type = access === 'read' ? 'read-only-storage' : 'storage';
      return { binding, visibility: 4, buffer: { type } }; // compute
    });
    let module: GPUShaderModule | undefined;
    try {
      // a bad shader is told by the pipeline that it is for, not by whichever call comes next
      const pipeline = await this.watched(() => {
        module = device.createShaderModule({ code: this.options.rewrite?.(wgsl) ?? wgsl });
        const layout = device.createPipelineLayout({
          bindGroupLayouts: [device.createBindGroupLayout({ entries })],
        });
        const compute = { module }; // whose only entry point it is
        return this.ask(() => device.createComputePipelineAsync({ layout, compute }));
      });
      this.stats.pipelines++;
      return pipeline;
    } catch (cause) {
      this.check();
      const { explainShader } = await import('./explainShader.js');
      throw new DeviceError(await explainShader(module, kernel, cause), { cause });
    }
  }
}
