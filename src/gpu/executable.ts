// Runs a plan on a device: makes its buffers, pipelines and bind groups on first use and records its dispatches.

import type { Dispatch } from '../compiler/describe.js';
import { makePlan, type Plan } from '../compiler/plan.js';
import type { TensorData } from '../core/dtype.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Capture, Executable, Inspection, PlanView } from '../graph/backend.js';
import { type Feeds, held, type Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { nodeBytes } from '../planning/context.js';
import type { GpuBackend } from './backend.js';
import type { Lying } from './device.js';

type Call = Dispatch & { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup };

/** The part of a plan that is for people. */
const viewOf = ({ dispatches, dispatchesUnfused, buffers, bytes, liveBytes }: Plan): PlanView => {
  const shown = dispatches.map(({ kernel, ops, workgroups, wgsl }) => ({
    kernel,
    ops,
    workgroups,
    wgsl,
  }));
  return { dispatches: shown, dispatchesUnfused, buffers: buffers.length, bytes, liveBytes };
};

/** A plan on a device: its buffers, pipelines and bind groups are made on first use and replayed. */
export class GpuExecutable implements Executable {
  readonly plan: PlanView;
  readonly #backend: GpuBackend;
  #plan: Plan;
  /** Free buffers to read outputs through. */
  readonly #staging: GPUBuffer[] = [];
  #tuned: Promise<Plan> | undefined;
  #calls: Promise<Call[]> | undefined;
  /** The same, once they are made. */
  #ready: Call[] | undefined;
  #running = 0;
  #released = false;

  constructor(program: Program, backend: GpuBackend) {
    this.#backend = backend;
    this.#plan = makePlan(program, backend.context);
    this.plan = viewOf(this.#plan);
  }

  run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    const ready = this.#backend.free ? this.#ready : undefined;
    const fed = ready ? feeds : held(feeds); // what is not uploaded at once
    const submit = (calls: Call[]) => this.#submit(calls, fed, read, inspection);
    return this.#during(async () => {
      const settle = await this.#backend.inOrder(() =>
        ready ? submit(ready) : this.#prepare().then(submit),
      );
      return settle();
    });
  }

  /** Beside running steps: it makes new objects and touches none in use. */
  warmUp(onProgress?: (done: number, total: number) => void): Promise<void> {
    return this.#during(async () => {
      await this.#tune();
      const kernels = [
        ...new Map(this.#plan.dispatches.map((dispatch) => [dispatch.wgsl, dispatch])).values(),
      ];
      for (const kernel of kernels) this.#backend.pipeline(kernel); // all begin at once
      for (const [i, kernel] of kernels.entries()) {
        await this.#backend.rehearse(kernel);
        onProgress?.(i + 1, kernels.length);
      }
      await this.#prepare();
    });
  }

  /** Does work that a release waits for. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#released = false;
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0 && this.#released) this.release();
    }
  }

  release(): void {
    this.#released = true;
    if (this.#running > 0) return;
    this.#calls = undefined;
    this.#ready = undefined;
    this.#backend.release(this.#plan.own);
    this.#backend.destroyBuffers(this.#staging.splice(0));
  }

  locate(output: number): { buffer: GPUBuffer; offset: number } {
    this.#backend.queue.flush();
    const [, buffer, offset] = this.#find(this.#plan.outputs[output]!);
    return { buffer, offset };
  }

  /** Takes the fastest kernels, where they are measured. */
  async #tune(): Promise<void> {
    this.#tuned ??= this.#backend.tune?.(this.#plan);
    this.#plan = (await this.#tuned) ?? this.#plan;
    Object.assign(this.plan, viewOf(this.#plan));
  }

  #prepare(): Promise<Call[]> {
    this.#calls ??= this.#make();
    this.#calls.catch(() => {
      this.#calls = undefined; // for another try
    });
    return this.#calls;
  }

  async #make(): Promise<Call[]> {
    await this.#tune();
    const { dispatches, buffers } = this.#plan;
    const pipelines = await Promise.all(
      dispatches.map((dispatch) => this.#backend.pipeline(dispatch)),
    );
    this.#ready = await this.#backend.watched(() => {
      for (const buffer of buffers) this.#backend.bufferOf(buffer);
      return dispatches.map((dispatch, i): Call => {
        const pipeline = pipelines[i]!;
        const resources = dispatch.bindings.map(({ place: { buffer, offset, bytes: size } }) => {
          return { buffer: this.#backend.bufferOf(buffer), offset, size };
        });
        return { ...dispatch, pipeline, group: this.#backend.bind(pipeline, resources) };
      });
    });
    return this.#ready;
  }

  readonly #find = (node: Tensor): Lying => {
    const { buffer, offset } = this.#plan.places.get(base(node))!;
    return [node, this.#backend.bufferOf(buffer), offset];
  };

  /** One submit; what it returns waits for the outputs, or without `read` for room, and holds no later work up. */
  #submit(
    calls: Call[],
    feeds: Feeds,
    read: boolean,
    inspection?: Inspection,
  ): () => Promise<TensorData[]> {
    const { profiler, queue, stats } = this.#backend;
    const { copies, fed, nodes, outputs } = this.#plan;
    for (const node of fed) this.#backend.upload(this.#find(node), feeds.get(node)!);
    const stamps = inspection ? undefined : profiler?.stamp(calls);
    const isShared = !(read || fed.length || inspection || stamps);
    const { captures, takeTimes, take } = queue.step(isShared, () => {
      const captures = this.#encode(calls, inspection, stamps?.pass);
      const takeTimes = stamps?.resolve();
      for (const [next, parameter] of copies) {
        const [[, from, at], [, to, offset]] = [this.#find(next), this.#find(parameter)];
        queue.encoder.copyBufferToBuffer(from, at, to, offset, nodeBytes(next));
      }
      const isTaken = read && outputs.length > 0;
      const take = isTaken
        ? this.#backend.copyAside(outputs.map(this.#find), this.#staging)
        : undefined;
      return { captures, takeTimes, take };
    });
    stats.dispatches += calls.length;
    stats.nodesEvaluated += nodes;
    return async () => {
      await takeTimes?.();
      // every one is taken before any is looked at, so that its buffers are freed
      const taken = await Promise.all(captures.map((capture) => capture()));
      inspection?.captures.push(...taken);
      if (!take) await queue.room();
      return (await take?.()) ?? [];
    };
  }

  /**
   * Encodes all kernel calls into one compute pass, interrupted around those that are inspected: what they read is
   * copied before, what they store after. Returns how to take these captures once that has run. With `stamped` each call
   * has a pass of its own.
   */
  #encode(
    calls: Call[],
    inspection?: Inspection,
    stamped?: (call: number) => GPUComputePassDescriptor,
  ) {
    const { encoder } = this.#backend.queue;
    const captures: (() => Promise<Capture>)[] = [];
    let pass: GPUComputePassEncoder | undefined;
    let bound: GPUComputePipeline | undefined;
    const interrupt = (): void => {
      pass?.end();
      [pass, bound] = [undefined, undefined];
    };
    calls.forEach(({ pipeline, group, kernel, wgsl, workgroups, groups }, at) => {
      const isPicked = inspection?.select(at, calls.length);
      if (stamped || isPicked) interrupt();
      const before = isPicked && this.#capture(groups.map(({ reads }) => [...reads.keys()]));
      pass ??= encoder.beginComputePass(stamped?.(at));
      if (pipeline !== bound) pass.setPipeline(pipeline);
      bound = pipeline;
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
      if (!before) return;
      interrupt();
      const after = this.#capture(groups.map(({ stores }) => stores));
      captures.push(async () => ({ kernel, wgsl, reads: await before(), results: await after() }));
    });
    pass?.end();
    return captures;
  }

  /** Copies the present values of nodes aside, through a buffer for each of these lists; the function returned reads them. */
  #capture(lists: readonly (readonly Tensor[])[]): () => Promise<Map<Tensor, TensorData>> {
    // constants are what the host gave; a data set is not copied for every look
    const isCopied = (node: Tensor) =>
      this.#plan.places.get(base(node))!.buffer.kind !== 'constant';
    const copied = lists.flat().filter(isCopied);
    const takes = lists.map((nodes) =>
      this.#backend.copyAside(nodes.filter(isCopied).map(this.#find)),
    );
    return async () => {
      const values = (await Promise.all(takes.map((take) => take()))).flat();
      return new Map(
        lists.flat().map((node) => [node, values[copied.indexOf(node)] ?? ownValue(node)]),
      );
    };
  }
}
