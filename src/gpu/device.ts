import { DeviceError, DeviceLostError, NablaError } from '../errors.js';
import type { EngineInfo, EngineStats } from '../graph/backend.js';
import type { PlanBuffer } from './arena.js';
import type { AdapterClass } from './kernels.js';

/** Limits that large models want; asked for as high as the adapter goes. Fusion itself relies on default limits only. */
const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;
const WANTED_FEATURES = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/** WebGPU's constants, which Node lacks as globals. */
export const usage = { mapRead: 1, copySource: 4, copyDestination: 8, storage: 128, queryResolve: 512 } as const;

const classOf = (text: string): AdapterClass =>
  /swiftshader/i.test(text) ? 'swiftshader' : /llvmpipe|lavapipe/i.test(text) ? 'lavapipe' : 'gpu';

export interface DeviceOptions {
  readonly byteBudget?: number | undefined;
  readonly rewrite?: ((wgsl: string) => string) | undefined;
}

/** A device with its pipelines, its memory count and its errors. */
export class Device {
  readonly device: GPUDevice;
  readonly info: EngineInfo;
  readonly adapterClass: AdapterClass;
  readonly stats: EngineStats;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #options: DeviceOptions;
  readonly #buffers = new Set<GPUBuffer>();
  readonly #owners = new FinalizationRegistry<Iterable<GPUBuffer>>((buffers) => {
    for (const buffer of buffers) this.destroyBuffer(buffer);
  });
  #disposed = false;
  /** Why the device is gone, once it is. */
  lostBecause: string | undefined;
  readonly lost: Promise<string>;
  #error: Error | undefined;

  private constructor(device: GPUDevice, adapter: GPUAdapter, stats: EngineStats, options: DeviceOptions) {
    const { vendor, architecture, description } = adapter.info;
    this.device = device;
    this.stats = stats;
    this.#options = options;
    this.adapterClass = classOf(`${vendor} ${architecture} ${description} ${adapter.info.device}`);
    const limits: Record<string, number> = {};
    for (const name in device.limits) {
      const value = (device.limits as unknown as Record<string, unknown>)[name];
      if (typeof value === 'number') limits[name] = value;
    }
    this.info = {
      backend: 'gpu',
      adapter: {
        vendor,
        architecture,
        description: description || adapter.info.device,
        software: this.adapterClass !== 'gpu',
      },
      limits,
      features: [...device.features],
    };
    this.lost = device.lost.then(({ reason, message }) => {
      this.lostBecause = `${reason}: ${message}`;
      return this.lostBecause;
    });
    device.onuncapturederror = (event) => {
      this.#error ??= new DeviceError(`WebGPU: ${event.error.message}`);
    };
  }

  static async open(adapter: GPUAdapter, stats: EngineStats, options: DeviceOptions): Promise<Device> {
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[];
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    return new Device(device, adapter, stats, options);
  }

  /** Throws what went wrong since the last call: a lost device, or an error that WebGPU reported late. */
  check(): void {
    if (this.#disposed) throw new NablaError('engine: it is disposed; open another');
    if (this.lostBecause !== undefined)
      throw new DeviceLostError(`engine: the GPU device is gone (${this.lostBecause}); open another engine`);
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /** Makes objects at once; throws DeviceError with what WebGPU says against them. */
  async watched(make: () => void): Promise<void> {
    const kinds = ['validation', 'out-of-memory'] as const;
    for (const kind of kinds) this.device.pushErrorScope(kind);
    let errors: Promise<(GPUError | null)[]>;
    try {
      make();
    } finally {
      errors = Promise.all(kinds.map(() => this.device.popErrorScope()));
    }
    const error = (await errors).find((each) => each);
    this.check();
    if (error) throw new DeviceError(`WebGPU: ${error.message}`);
  }

  /** Makes a buffer and counts it. Throws DeviceError above the adapter's limit or the byte budget. */
  createBuffer(bytes: number, flags: number): GPUBuffer {
    this.check();
    const limit = this.device.limits.maxBufferSize;
    if (bytes > limit)
      throw new DeviceError(
        `buffer: ${bytes} bytes are above this adapter's limit of ${limit}; use a smaller batch or split the tensor`,
      );
    const budget = this.#options.byteBudget ?? Number.POSITIVE_INFINITY;
    if (this.stats.liveBytes + bytes > budget)
      throw new DeviceError(
        `buffer: ${bytes} bytes would take the engine above its budget of ${budget}; raise byteBudget or release a step`,
      );
    const buffer = this.device.createBuffer({ size: bytes, usage: flags });
    this.#buffers.add(buffer);
    this.stats.liveBuffers++;
    this.stats.liveBytes += bytes;
    this.stats.peakBytes = Math.max(this.stats.peakBytes, this.stats.liveBytes);
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    if (!this.#buffers.delete(buffer)) return;
    this.stats.liveBuffers--;
    this.stats.liveBytes -= buffer.size;
    buffer.destroy();
  }

  /** Destroys a buffer once its owner is gone; the owner may also do so itself. */
  destroyWith(owner: object, buffers: Iterable<GPUBuffer>): void {
    this.#owners.register(owner, buffers);
  }

  /** Frees everything. Later calls throw. */
  dispose(): void {
    this.#disposed = true;
    for (const buffer of this.#buffers) this.destroyBuffer(buffer);
    this.device.destroy();
  }

  /** A storage buffer for a plan's buffer; fresh ones are all zeros. */
  storage(buffer: PlanBuffer): GPUBuffer {
    return this.createBuffer(Math.max(16, buffer.bytes), usage.storage | usage.copySource | usage.copyDestination);
  }

  /** The explicit layout for a list of accesses. */
  layout(accesses: readonly ('read' | 'read_write')[]): GPUBindGroupLayout {
    const key = accesses.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries = accesses.map((access, binding) => ({
        binding,
        visibility: 4, // compute
        buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
      }));
      layout = this.device.createBindGroupLayout({ entries });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** The pipeline of a kernel text, built once. Rejects with the shader's line, column and source. */
  pipeline(wgsl: string, accesses: readonly ('read' | 'read_write')[]): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(wgsl);
    if (known) return known;
    const built = this.#build(wgsl, accesses);
    this.#pipelines.set(wgsl, built);
    built.catch(() => this.#pipelines.delete(wgsl));
    return built;
  }

  async #build(wgsl: string, accesses: readonly ('read' | 'read_write')[]): Promise<GPUComputePipeline> {
    // a bad shader is told by the pipeline that it is for, not by whichever call comes next
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ code: this.#options.rewrite?.(wgsl) ?? wgsl });
    const complaint = this.device.popErrorScope();
    const layout = this.device.createPipelineLayout({ bindGroupLayouts: [this.layout(accesses)] });
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        layout,
        compute: { module, entryPoint: 'main' },
      });
      this.stats.pipelines++;
      return pipeline;
    } catch (cause) {
      await complaint;
      this.check();
      throw new DeviceError(await explainShader(module, wgsl, cause), { cause });
    }
  }
}

/** The compiler's complaint, the function it is in, and the lines around it. */
async function explainShader(module: GPUShaderModule, wgsl: string, cause: unknown): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const error = messages.find(({ type }) => type === 'error') ?? messages[0];
  if (!error) return `shader: ${cause instanceof Error ? cause.message : String(cause)}`;
  const { message, lineNum, linePos } = error;
  const lines = wgsl.split('\n');
  const start = lines.findLastIndex((line, i) => i < lineNum && /\bfn \w+\(/.test(line));
  const name = /\bfn (\w+)\(/.exec(lines[start] ?? '')?.[1];
  const place = name ? ` in fn ${name}, its line ${lineNum - start}` : '';
  const from = Math.max(0, lineNum - 3);
  const excerpt = lines.slice(from, lineNum + 2).map((line, i) => {
    return `${from + i + 1 === lineNum ? '>' : ' '} ${from + i + 1} | ${line}`;
  });
  return `shader: ${message}${place} (line ${lineNum}, column ${linePos} of the kernel)\n${excerpt.join('\n')}`;
}
