import { constantValue, initialValue } from '../cpu/backend.js';
import type { TensorData } from '../dtype.js';
import { DeviceError } from '../errors.js';
import type { Backend, Capture, Executable, Inspection, PlanView, Profile } from '../graph/backend.js';
import { type Feeds, isConstant, type Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { Device, type GpuOptions } from './device.js';
import { nodeBytes, type PlanBuffer, type PlanContext, placeParameters } from './memory.js';
import { base } from './partition.js';
import { type Dispatch, makePlan, type Plan } from './plan.js';
import { Profiler } from './profile.js';

/** Limits that large models want; asked for as high as the adapter goes. Fusion itself relies on default limits only. */
const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;
const WANTED_FEATURES = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/** Steps that may be under way without the host waiting for one. */
const MAX_IN_FLIGHT = 4;

/** A device that runs graphs: plans them, keeps parameters there, one submit a step. */
export class GpuBackend extends Device implements Backend {
  readonly #context: PlanContext = {
    shared: new WeakMap(),
    maxBytes: this.device.limits.maxStorageBufferBindingSize,
    adapter: this.adapterClass,
    f16: this.device.features.has('shader-f16'),
  };
  /** Buffers of parameters and constants; they go with the last tensor or plan that uses them. */
  readonly #shared = new WeakMap<PlanBuffer, GPUBuffer>();
  readonly profiler: Profiler | undefined;
  readonly #inFlight: Promise<unknown>[] = [];
  #order: Promise<unknown> = Promise.resolve();

  static async open(adapter: GPUAdapter, options: GpuOptions = {}): Promise<GpuBackend> {
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name));
    return new GpuBackend(await adapter.requestDevice({ requiredLimits, requiredFeatures }), adapter, options);
  }

  private constructor(device: GPUDevice, adapter: GPUAdapter, options: GpuOptions) {
    super(device, adapter, options);
    if (options.profile && !device.features.has('timestamp-query')) {
      this.dispose();
      throw new DeviceError('open: this adapter has no timestamp-query, which profile needs; leave profile out');
    }
    this.profiler = options.profile ? new Profiler(this) : undefined;
  }

  async profile(): Promise<Profile | undefined> {
    await this.finish();
    return this.profiler?.report();
  }

  compile(program: Program): Executable {
    return new GpuExecutable(makePlan(program, this.#context), this);
  }

  /** The GPU buffer of a plan's buffer that several plans share; it begins with what its nodes begin with. */
  shared(buffer: PlanBuffer): GPUBuffer {
    const known = this.#shared.get(buffer);
    if (known) return known;
    const made = this.createBuffer(buffer.bytes);
    this.destroyWith(buffer, [made]);
    const initial = buffer.kind === 'constant' ? constantValue : initialValue;
    for (const node of buffer.nodes) this.upload(node, made, this.#context.shared.get(node)!.offset, initial(node));
    this.#shared.set(buffer, made);
    return made;
  }

  /** Where a parameter lies. */
  #place(parameter: Tensor): [buffer: GPUBuffer, offset: number] {
    placeParameters(this.#context, [parameter]);
    const { buffer, offset } = this.#context.shared.get(parameter)!;
    return [this.shared(buffer), offset];
  }

  /** Runs work in call order, after all that was asked before. */
  inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#order.then(() => {
      this.check();
      return work();
    });
    this.#order = result.catch(() => {});
    return result;
  }

  /** Counts one more step in flight and waits until there are few enough. */
  async room(): Promise<void> {
    const done = (): Promise<undefined> => this.device.queue.onSubmittedWorkDone();
    if (this.polls) {
      if (this.ahead > 2 * MAX_IN_FLIGHT) await this.settled(done);
    } else if (this.#inFlight.push(done()) > MAX_IN_FLIGHT) await this.#inFlight.shift();
    this.check();
  }

  async read(parameter: Tensor): Promise<TensorData> {
    const values = await this.inOrder(() => {
      const encoder = this.device.createCommandEncoder();
      const take = this.copyAside(encoder, [[parameter, ...this.#place(parameter)]]);
      this.device.queue.submit([encoder.finish()]);
      return take();
    });
    return values[0]!;
  }

  write(parameter: Tensor, value: TensorData): Promise<void> {
    return this.inOrder(() => this.upload(parameter, ...this.#place(parameter), value));
  }

  async finish(): Promise<void> {
    await this.inOrder(() => this.device.queue.onSubmittedWorkDone());
    this.check();
  }
}

type Call = Dispatch & { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup };
type OnProgress = (done: number, total: number) => void;

/** A plan on a device: its buffers, pipelines and bind groups are made on first use and replayed. */
class GpuExecutable implements Executable {
  readonly plan: PlanView;
  readonly #plan: Plan;
  readonly #backend: GpuBackend;
  /** Buffers that are this plan's alone; `#live` are these and the staging buffers, freed with it. */
  readonly #own = new Map<PlanBuffer, GPUBuffer>();
  readonly #live = new Set<GPUBuffer>();
  /** Buffers to read outputs through, kept for the next time. */
  #staging: GPUBuffer[] = [];
  #calls: Promise<Call[]> | undefined;
  #running = 0;
  #released = false;

  constructor(plan: Plan, backend: GpuBackend) {
    this.#plan = plan;
    this.#backend = backend;
    backend.destroyWith(this, this.#live);
    const { dispatchesUnfused, buffers, bytes } = plan;
    const dispatches = plan.dispatches.map(({ kernel, ops, workgroups, wgsl }) => ({ kernel, ops, workgroups, wgsl }));
    this.plan = { dispatches, dispatchesUnfused, buffers: buffers.length, bytes };
  }

  async run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    this.#released = false;
    this.#running++;
    try {
      const settle = await this.#backend.inOrder(async () =>
        this.#submit(await this.#prepare(), feeds, read, inspection),
      );
      return await settle();
    } finally {
      if (--this.#running === 0 && this.#released) this.#free();
    }
  }

  async warmUp(onProgress?: OnProgress): Promise<void> {
    await this.#prepare(onProgress); // beside running steps: it makes new objects and touches none in use
  }

  release(): void {
    this.#released = true; // calls under way end first
    const making = this.#calls;
    if (this.#running === 0) this.#free();
    // what was still being made then
    making?.catch(() => {}).finally(() => this.#calls ?? this.#free());
  }

  locate(output: number): { buffer: GPUBuffer; offset: number } {
    const [, buffer, offset] = this.#find(this.#plan.outputs[output]!);
    return { buffer, offset };
  }

  #free(): void {
    this.#calls = undefined;
    this.#backend.destroyBuffers(this.#live);
    this.#live.clear();
    this.#own.clear();
    this.#staging = [];
  }

  #prepare(onProgress?: OnProgress): Promise<Call[]> {
    this.#calls ??= this.#make(onProgress).catch((error) => {
      this.#calls = undefined;
      throw error;
    });
    return this.#calls;
  }

  async #make(onProgress?: OnProgress): Promise<Call[]> {
    const { dispatches, buffers } = this.#plan;
    const kernels = new Map(dispatches.map(({ wgsl, bindings }) => [wgsl, bindings]));
    const pipelines = new Map<string, GPUComputePipeline>();
    const build = async ([wgsl, bindings]: [string, Dispatch['bindings']]): Promise<void> => {
      pipelines.set(wgsl, await this.#backend.pipeline(wgsl, bindings));
      onProgress?.(pipelines.size, kernels.size);
    };
    await Promise.all([...kernels].map(build));
    return this.#backend.watched(() => {
      for (const buffer of buffers) this.#buffer(buffer);
      return dispatches.map((dispatch): Call => {
        const pipeline = pipelines.get(dispatch.wgsl)!;
        const entries = dispatch.bindings.map(({ place: { buffer, offset, bytes: size } }, binding) => {
          return { binding, resource: { buffer: this.#buffer(buffer), offset, size } };
        });
        const layout = pipeline.getBindGroupLayout(0);
        return { ...dispatch, pipeline, group: this.#backend.device.createBindGroup({ layout, entries }) };
      });
    });
  }

  /** The GPU buffer behind a plan's buffer. */
  #buffer(buffer: PlanBuffer): GPUBuffer {
    if (buffer.kind === 'parameters' || buffer.kind === 'constant') return this.#backend.shared(buffer);
    const own = this.#own.get(buffer) ?? this.#backend.createBuffer(buffer.bytes);
    this.#own.set(buffer, own);
    this.#live.add(own);
    return own;
  }

  /** A node with where its value lies on the device. */
  #find(node: Tensor): [node: Tensor, buffer: GPUBuffer, offset: number] {
    const { buffer, offset } = this.#plan.places.get(base(node))!;
    return [node, this.#buffer(buffer), offset];
  }

  /** One submit; what it returns waits for the outputs, or without `read` for room, and holds no later work up. */
  #submit(calls: Call[], feeds: Feeds, read: boolean, inspection?: Inspection): () => Promise<TensorData[]> {
    const { device, stats } = this.#backend;
    const { buffers, copies, nodes, outputs } = this.#plan;
    const fed = buffers.flatMap((buffer) => (buffer.kind === 'feed' ? buffer.nodes : []));
    for (const node of fed) this.#backend.upload(...this.#find(node), feeds.get(node)!);
    const staging = read && outputs.length > 0 ? (this.#staging.pop() ?? this.#backend.staging(outputs)) : undefined;
    if (staging) this.#live.add(staging);
    const encoder = device.createCommandEncoder();
    const stamps = inspection ? undefined : this.#backend.profiler?.stamp(calls.length);
    const captures = this.#encode(encoder, calls, inspection, stamps?.pass);
    const times = stamps?.resolve(encoder);
    for (const [next, parameter] of copies) {
      const [[, from, at], [, to, offset]] = [this.#find(next), this.#find(parameter)];
      encoder.copyBufferToBuffer(from, at, to, offset, nodeBytes(next));
    }
    const values = outputs.map((node) => this.#find(node));
    const take = staging && this.#backend.copyAside(encoder, values, staging);
    this.#backend.submit(encoder);
    stats.dispatches += calls.length;
    stats.nodesEvaluated += nodes;
    return async () => {
      if (times) this.#backend.profiler!.record(calls, await times());
      // every one is taken before any is looked at, so that its buffers are freed
      const taken = await Promise.all(captures.map((capture) => capture()));
      for (const capture of taken) inspection?.receive(capture);
      if (!take) await this.#backend.room();
      const results = (await take?.()) ?? [];
      if (staging) this.#staging.push(staging);
      return results;
    };
  }

  /**
   * Encodes all kernel calls into one compute pass, interrupted around those that are inspected: what they read is
   * copied before, what they store after. Returns how to take these captures once that has run. With `stamped` each call
   * has a pass of its own.
   */
  #encode(
    encoder: GPUCommandEncoder,
    calls: Call[],
    inspection?: Inspection,
    stamped?: (call: number) => GPUComputePassDescriptor,
  ): (() => Promise<Capture>)[] {
    const captures: (() => Promise<Capture>)[] = [];
    let pass: GPUComputePassEncoder | undefined;
    const look = (nodes: Iterable<Tensor>): (() => Promise<Map<Tensor, TensorData>>) => {
      pass?.end();
      pass = undefined;
      return this.#capture(encoder, [...nodes]);
    };
    calls.forEach(({ pipeline, group, kernel, wgsl, workgroups, units }, at) => {
      const picked = inspection?.select(at, calls.length) ? units : [];
      const before = picked.map((unit) => look(unit.reads.keys()));
      if (stamped) pass?.end();
      pass = stamped || !pass ? encoder.beginComputePass(stamped?.(at)) : pass;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
      picked.forEach((unit, i) => {
        const after = look(unit.stores);
        captures.push(async () => ({ kernel, wgsl, reads: await before[i]!(), results: await after() }));
      });
    });
    pass?.end();
    return captures;
  }

  /** Copies the present values of nodes aside; the function returned reads them. */
  #capture(encoder: GPUCommandEncoder, nodes: readonly Tensor[]): () => Promise<Map<Tensor, TensorData>> {
    // constants are what the host gave; a data set is not copied for every look
    const isGiven = (node: Tensor): boolean =>
      isConstant(node) && this.#plan.places.get(node)!.buffer.kind === 'constant';
    const copied = nodes.filter((node) => !isGiven(node));
    const lying = copied.map((node) => this.#find(node));
    const take = this.#backend.copyAside(encoder, lying);
    return async () => {
      const values = await take();
      return new Map(nodes.map((node) => [node, values[copied.indexOf(node)] ?? constantValue(node)]));
    };
  }
}
