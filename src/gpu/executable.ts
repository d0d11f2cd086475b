import { ownValue } from '../cpu/evaluate.js';
import type { TensorData } from '../dtype.js';
import type { Capture, Executable, Inspection, PlanView } from '../graph/backend.js';
import { type Feeds, held, isConstant, type Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import type { GpuBackend } from './backend.js';
import { nodeBytes, type PlanBuffer, type PlanContext } from './memory.js';
import { base } from './partition.js';
import { type Dispatch, makePlan, type Plan } from './plan.js';

type Call = Dispatch & { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup };

/** The part of a plan that is for people. */
const viewOf = ({ dispatches, dispatchesUnfused, buffers, bytes, liveBytes }: Plan): PlanView => {
  const shown = dispatches.map(({ kernel, ops, workgroups, wgsl }) => ({ kernel, ops, workgroups, wgsl }));
  return { dispatches: shown, dispatchesUnfused, buffers: buffers.length, bytes, liveBytes };
};

/** A plan on a device: its buffers, pipelines and bind groups are made on first use and replayed. */
export class GpuExecutable implements Executable {
  readonly plan: PlanView;
  readonly #program: Program;
  readonly #context: PlanContext;
  #plan: Plan;
  readonly #backend: GpuBackend;
  /** Buffers that are this plan's alone; `#live` are these and the staging buffers, freed with it. */
  readonly #own = new Map<PlanBuffer, GPUBuffer>();
  readonly #live = new Set<GPUBuffer>();
  /** Buffers to read outputs through, kept for the next time. */
  #staging: GPUBuffer[] = [];
  #tuned: Promise<Plan> | undefined;
  #calls: Promise<Call[]> | undefined;
  /** The same, once they are made. */
  #ready: Call[] | undefined;
  #running = 0;
  #released = false;

  constructor(program: Program, context: PlanContext, backend: GpuBackend) {
    this.#program = program;
    this.#context = context;
    this.#plan = makePlan(program, context);
    this.#backend = backend;
    backend.owners.register(this, this.#live);
    this.plan = viewOf(this.#plan);
  }

  async run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    this.#released = false;
    this.#running++;
    try {
      const ready = this.#backend.free ? this.#ready : undefined;
      const fed = ready ? feeds : held(feeds); // what is not uploaded at once
      const submit = (calls: Call[]) => this.#submit(calls, fed, read, inspection);
      const settle = await this.#backend.inOrder(() => (ready ? submit(ready) : this.#prepare().then(submit)));
      return await settle();
    } finally {
      if (--this.#running === 0 && this.#released) this.#free();
    }
  }

  /** Beside running steps: it makes new objects and touches none in use. */
  async warmUp(onProgress?: (done: number, total: number) => void): Promise<void> {
    await this.#tune();
    const kernels = [...new Map(this.#plan.dispatches.map((dispatch) => [dispatch.wgsl, dispatch])).values()];
    const building = kernels.map(({ wgsl, bindings }) => this.#backend.pipeline(wgsl, bindings));
    for (const [i, kernel] of kernels.entries()) {
      await building[i];
      await this.#backend.rehearse(kernel);
      onProgress?.(i + 1, kernels.length);
    }
    await this.#prepare();
  }

  release(): void {
    this.#released = true; // calls under way end first
    const making = this.#calls;
    if (this.#running === 0) this.#free();
    // what was still being made then
    making?.catch(() => {}).finally(() => this.#calls ?? this.#free());
  }

  locate(output: number): { buffer: GPUBuffer; offset: number } {
    this.#backend.queue.flush();
    const [, buffer, offset] = this.#find(this.#plan.outputs[output]!);
    return { buffer, offset };
  }

  #free(): void {
    this.#calls = undefined;
    this.#ready = undefined;
    this.#backend.destroyBuffers(this.#live);
    this.#live.clear();
    this.#own.clear();
    this.#staging = [];
  }

  /** Takes the fastest kernels, where they are measured. */
  async #tune(): Promise<void> {
    this.#tuned ??= this.#backend.tuner?.tune(this.#program, this.#context, this.#plan);
    this.#plan = (await this.#tuned) ?? this.#plan;
    Object.assign(this.plan, viewOf(this.#plan));
  }

  #prepare(): Promise<Call[]> {
    this.#calls ??= this.#make().catch((error) => {
      this.#calls = undefined;
      throw error;
    });
    return this.#calls;
  }

  async #make(): Promise<Call[]> {
    await this.#tune();
    const { dispatches, buffers } = this.#plan;
    const build = ({ wgsl, bindings }: Dispatch) => this.#backend.pipeline(wgsl, bindings);
    const pipelines = await Promise.all(dispatches.map(build));
    this.#ready = await this.#backend.watched(() => {
      for (const buffer of buffers) this.#buffer(buffer);
      return dispatches.map((dispatch, i): Call => {
        const pipeline = pipelines[i]!;
        const resources = dispatch.bindings.map(({ place: { buffer, offset, bytes: size } }) => {
          return { buffer: this.#buffer(buffer), offset, size };
        });
        return { ...dispatch, pipeline, group: this.#backend.bind(pipeline, resources) };
      });
    });
    return this.#ready;
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
    const { queue, stats } = this.#backend;
    const { copies, fed, nodes, outputs } = this.#plan;
    for (const node of fed) this.#backend.upload(...this.#find(node), feeds.get(node)!);
    const staging = read && outputs.length > 0 ? (this.#staging.pop() ?? this.#backend.staging(outputs)) : undefined;
    if (staging) this.#live.add(staging);
    const { encoder } = queue;
    const stamps = inspection ? undefined : this.#backend.profiler?.stamp(calls);
    const captures = this.#encode(calls, inspection, stamps?.pass);
    const takeTimes = stamps?.resolve(encoder);
    for (const [next, parameter] of copies) {
      const [[, from, at], [, to, offset]] = [this.#find(next), this.#find(parameter)];
      encoder.copyBufferToBuffer(from, at, to, offset, nodeBytes(next));
    }
    const found = (node: Tensor) => this.#find(node);
    const take = staging && this.#backend.copyAside(encoder, outputs.map(found), staging);
    queue.end(!(read || fed.length || inspection || stamps));
    stats.dispatches += calls.length;
    stats.nodesEvaluated += nodes;
    return async () => {
      await takeTimes?.();
      // every one is taken before any is looked at, so that its buffers are freed
      const taken = await Promise.all(captures.map((capture) => capture()));
      for (const capture of taken) inspection?.receive(capture);
      if (!take) await queue.room();
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
  #encode(calls: Call[], inspection?: Inspection, stamped?: (call: number) => GPUComputePassDescriptor) {
    const { encoder } = this.#backend.queue;
    const captures: (() => Promise<Capture>)[] = [];
    let pass: GPUComputePassEncoder | undefined;
    let bound: GPUComputePipeline | undefined;
    const look = (nodes: Iterable<Tensor>): (() => Promise<Map<Tensor, TensorData>>) => {
      pass?.end();
      pass = undefined;
      return this.#capture(encoder, [...nodes]);
    };
    calls.forEach(({ pipeline, group, kernel, wgsl, workgroups, units }, at) => {
      const picked = inspection?.select(at, calls.length) ? units : [];
      const before = picked.map((unit) => look(unit.reads.keys()));
      if (stamped) pass?.end();
      if (stamped || !pass) bound = undefined;
      pass = stamped || !pass ? encoder.beginComputePass(stamped?.(at)) : pass;
      if (pipeline !== bound) pass.setPipeline(pipeline);
      bound = pipeline;
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
    const kindOf = (node: Tensor): PlanBuffer['kind'] => this.#plan.places.get(node)!.buffer.kind;
    const copied = nodes.filter((node) => !isConstant(node) || kindOf(node) !== 'constant');
    const lying = copied.map((node) => this.#find(node));
    const take = this.#backend.copyAside(encoder, lying);
    return async () => {
      const values = await take();
      return new Map(nodes.map((node) => [node, values[copied.indexOf(node)] ?? ownValue(node)]));
    };
  }
}
