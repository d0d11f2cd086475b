import { constantValue, initialValue } from '../cpu/backend.js';
import type { TensorData } from '../dtype.js';
import { DeviceLostError, NablaError } from '../errors.js';
import {
  type Backend,
  type EngineInfo,
  type EngineStats,
  type Executable,
  emptyStats,
  type Inspection,
  type PlanView,
} from '../graph/backend.js';
import type { Feeds, Program } from '../graph/program.js';
import { isParameter } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { ParameterStore, type Place, type PlanBuffer } from './arena.js';
import { Device, usage } from './device.js';
import { makePlan, type Plan } from './plan.js';
import { fromBytes, Realised, toWords } from './realise.js';

/** Steps that may be under way without the host waiting for one. */
const MAX_IN_FLIGHT = 4;

export interface GpuOptions {
  /** Bytes that the engine's buffers may take in all. */
  readonly byteBudget?: number | undefined;
  /** @internal Plants faults into kernels, so that tests can see the cross-check find them. */
  readonly rewrite?: ((wgsl: string) => string) | undefined;
}

/** Runs graphs on a WebGPU device: plans them, keeps parameters there, one submit a step. */
export class GpuBackend implements Backend {
  readonly #device: Device;
  readonly #store: ParameterStore;
  readonly #constants = new WeakMap<Tensor, PlanBuffer>();
  /** Buffers of parameters and constants; they go with the last tensor or plan that uses them. */
  readonly #shared = new WeakMap<PlanBuffer, GPUBuffer>();
  readonly #initialised = new WeakSet<Tensor>();
  #inFlight: Promise<unknown>[] = [];
  #order: Promise<unknown> = Promise.resolve();

  private constructor(device: Device) {
    this.#device = device;
    this.#store = new ParameterStore(device.device.limits.maxStorageBufferBindingSize);
  }

  static async open(adapter: GPUAdapter, options: GpuOptions = {}): Promise<GpuBackend> {
    return new GpuBackend(await Device.open(adapter, emptyStats(), options));
  }

  get info(): EngineInfo {
    return this.#device.info;
  }
  get stats(): EngineStats {
    return this.#device.stats;
  }
  get lost(): Promise<string> {
    return this.#device.lost;
  }

  compile(program: Program): Executable {
    const plan = makePlan(program, {
      store: this.#store,
      constants: this.#constants,
      adapter: this.#device.adapterClass,
      maxBinding: this.#device.device.limits.maxStorageBufferBindingSize,
      f16: this.#device.device.features.has('shader-f16'),
    });
    return new GpuExecutable(plan, this);
  }

  /** @internal Makes a plan's GPU objects and puts first values where its leaves lie. */
  async realise(plan: Plan, onProgress?: (done: number, total: number) => void): Promise<Realised> {
    const realised = await Realised.make(plan, this.#device, (buffer) => this.#sharedBuffer(buffer), onProgress);
    for (const [node, place] of plan.places) if (isParameter(node)) this.#initialise(node, place);
    return realised;
  }

  #sharedBuffer(buffer: PlanBuffer): GPUBuffer {
    let shared = this.#shared.get(buffer);
    if (!shared) {
      shared = this.#device.storage(buffer);
      this.#shared.set(buffer, shared);
      this.#device.destroyWith(buffer, [shared]);
      if (buffer.kind === 'constant')
        this.#upload(buffer.node!, { buffer, offset: 0, bytes: buffer.bytes }, constantValue(buffer.node!));
    }
    return shared;
  }

  #initialise(parameter: Tensor, place: Place): void {
    if (this.#initialised.has(parameter)) return;
    this.#initialised.add(parameter);
    this.#upload(parameter, place, initialValue(parameter));
  }

  #upload(node: Tensor, place: Place, value: TensorData): void {
    const words = toWords(value, node);
    this.#device.device.queue.writeBuffer(this.#sharedBuffer(place.buffer), place.offset, words);
    this.#device.stats.uploadedBytes += words.byteLength;
  }

  /** @internal Runs work in call order, after all that was asked before. */
  inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#order.then(() => {
      this.#device.check();
      return work();
    });
    this.#order = result.catch(() => {});
    return result;
  }

  /** @internal One submit; with `read`, the outputs follow without holding later work up. */
  submit(realised: Realised, feeds: Feeds, read: boolean, inspection?: Inspection): () => Promise<TensorData[]> {
    const { queue } = this.#device.device;
    realised.upload(feeds);
    const staging = read && realised.plan.outputs.length > 0 ? realised.takeStaging() : undefined;
    const encoder = this.#device.device.createCommandEncoder();
    const captures = inspection ? realised.encodeInspected(encoder, inspection.select, staging) : [];
    if (!inspection) realised.encode(encoder, staging);
    queue.submit([encoder.finish()]);
    this.stats.submits++;
    this.stats.dispatches += realised.plan.dispatches.length;
    this.stats.nodesEvaluated += realised.plan.nodes;
    const outputs = (): Promise<TensorData[]> =>
      this.#guard(staging ? realised.readOutputs(staging) : Promise.resolve([]));
    if (inspection)
      return async () => {
        let failure: unknown;
        for (const take of captures) {
          const capture = await this.#guard(take()); // every one is taken, so that its buffers are freed
          try {
            if (failure === undefined) inspection.receive(capture);
          } catch (error) {
            failure = error;
          }
        }
        const values = await outputs();
        if (failure !== undefined) throw failure;
        return values;
      };
    if (staging) return outputs;
    this.#inFlight.push(queue.onSubmittedWorkDone());
    return async () => {
      if (this.#inFlight.length > MAX_IN_FLIGHT) await this.#inFlight.shift();
      this.#device.check();
      return [];
    };
  }

  /** A map that fails because the device went says so. */
  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      const value = await work;
      this.#device.check();
      return value;
    } catch (cause) {
      this.#device.check();
      if (cause instanceof NablaError) throw cause;
      throw new DeviceLostError(`engine: reading back failed; the GPU device may be gone (${String(cause)})`, {
        cause,
      });
    }
  }

  read(parameter: Tensor): Promise<TensorData> {
    return this.inOrder(async () => {
      const place = this.#placed(parameter);
      const bytes = Math.ceil(place.bytes / 4) * 4;
      const staging = this.#device.createBuffer(bytes, usage.mapRead | usage.copyDestination);
      const encoder = this.#device.device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#sharedBuffer(place.buffer), place.offset, staging, 0, bytes);
      this.#device.device.queue.submit([encoder.finish()]);
      try {
        await this.#guard(staging.mapAsync(1));
        return fromBytes(parameter, staging.getMappedRange().slice(0));
      } finally {
        this.#device.destroyBuffer(staging);
      }
    });
  }

  write(parameter: Tensor, value: TensorData): Promise<void> {
    return this.inOrder(() => this.#upload(parameter, this.#placed(parameter), value));
  }

  #placed(parameter: Tensor): Place {
    this.#store.add([parameter]);
    const place = this.#store.get(parameter)!;
    this.#initialise(parameter, place);
    return place;
  }

  async finish(): Promise<void> {
    await this.#order;
    this.#device.check();
    this.#inFlight = [];
    await this.#device.device.queue.onSubmittedWorkDone();
    this.#device.check();
  }

  dispose(): void {
    this.#device.dispose();
  }
}

/** A compiled program on the GPU; its GPU objects are made on first use. */
class GpuExecutable implements Executable {
  readonly plan: PlanView;
  readonly #plan: Plan;
  readonly #backend: GpuBackend;
  #realised: Promise<Realised> | undefined;
  #ready: Realised | undefined;

  constructor(plan: Plan, backend: GpuBackend) {
    this.#plan = plan;
    this.#backend = backend;
    const { dispatchesUnfused, buffers, bytes } = plan;
    const dispatches = plan.dispatches.map(({ kernel, ops, workgroups, wgsl }) => ({ kernel, ops, workgroups, wgsl }));
    this.plan = { dispatches, dispatchesUnfused, buffers: buffers.length, bytes };
  }

  async #prepare(onProgress?: (done: number, total: number) => void): Promise<Realised> {
    this.#realised ??= this.#backend.realise(this.#plan, onProgress);
    try {
      this.#ready = await this.#realised;
    } catch (error) {
      this.#realised = undefined;
      throw error;
    }
    return this.#ready;
  }

  async run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    const settle = await this.#backend.inOrder(async () =>
      this.#backend.submit(this.#ready ?? (await this.#prepare()), feeds, read, inspection),
    );
    return settle();
  }

  async warmUp(onProgress?: (done: number, total: number) => void): Promise<void> {
    await this.#prepare(onProgress); // beside running steps: it makes new objects and touches none in use
  }

  release(): void {
    if (this.#ready) this.#ready.release();
    else
      this.#realised?.then(
        (realised) => realised.release(),
        () => {}, // it never came to be
      );
    this.#realised = undefined;
    this.#ready = undefined;
  }
}
