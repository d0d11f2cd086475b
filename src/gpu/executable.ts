// Runs a plan on a device: makes its buffers, pipelines and bind groups on first use and records its dispatches.
import { makePlan, type Plan } from '../compiler/plan.js';
import type { TensorData } from '../core/dtype.js';
import type { Executable, Inspection, PlanView } from '../graph/backend.js';
import { type Feeds, held, type Program } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { base } from '../graph/views.js';
import { nodeBytes, type Place } from '../planning/context.js';
import { type Call, encodeCalls } from './calls.js';
import type { Location } from './device.js';
import type { Host } from './host.js';

/** The part of a plan that is for people. */
function viewOf({ dispatches, dispatchesUnfused, buffers, bytes, liveBytes }: Plan): PlanView {
  const shown = dispatches.map(({ kernel, ops, workgroups, wgsl }) => ({
    kernel,
    ops,
    workgroups,
    wgsl,
  }));
  return { dispatches: shown, dispatchesUnfused, buffers: buffers.length, bytes, liveBytes };
}

/** What there is of a plan on the device: nothing, objects that are being made, or all of them. */
type Objects =
  | { readonly state: 'none' }
  | { readonly state: 'making'; readonly calls: Promise<readonly Call[]> }
  | { readonly state: 'ready'; readonly calls: readonly Call[] };

/** A plan on a device: its buffers, pipelines and bind groups are made on first use and replayed. */
export class GpuExecutable implements Executable {
  readonly plan: PlanView;
  readonly #backend: Host;
  #plan: Plan;
  /** Free buffers to read outputs through. */
  readonly #staging: GPUBuffer[] = [];
  /** The plan with its fastest kernels, once that is asked for. */
  #tuned: Promise<Plan> | undefined;
  #objects: Objects = { state: 'none' };
  /** Runs and warm-ups that are under way. */
  #uses = 0;
  /** Whether the objects go when the last of these ends. */
  #isReleaseDue = false;

  constructor(program: Program, backend: Host) {
    this.#backend = backend;
    this.#plan = makePlan(program, backend.context);
    this.plan = viewOf(this.#plan);
  }

  run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    const objects = this.#objects;
    const isAtOnce = this.#backend.free && objects.state === 'ready';
    const fed = isAtOnce ? feeds : held(feeds); // what is not uploaded at once
    const submit = (calls: readonly Call[]) => this.#submit(calls, fed, read, inspection);
    return this.#during(async () => {
      const settle = await this.#backend.inOrder(() =>
        isAtOnce ? submit(objects.calls) : this.#prepare().then(submit),
      );
      return settle();
    });
  }

  /** Beside running steps: it makes new objects and touches none in use. */
  warmUp(onProgress?: (done: number, total: number) => void): Promise<void> {
    return this.#during(async () => {
      await this.#tune();
      const byText = new Map(this.#plan.dispatches.map((dispatch) => [dispatch.wgsl, dispatch]));
      const kernels = [...byText.values()];
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
    this.#isReleaseDue = false;
    this.#uses++;
    try {
      return await work();
    } finally {
      this.#uses--;
      if (this.#uses === 0 && this.#isReleaseDue) this.release();
    }
  }

  release(): void {
    this.#isReleaseDue = true;
    if (this.#uses > 0) return;
    this.#objects = { state: 'none' };
    this.#backend.release(this.#plan.own);
    this.#backend.destroyBuffers(this.#staging.splice(0));
  }

  locate(output: number): { buffer: GPUBuffer; offset: number } {
    this.#backend.queue.flush();
    const [node] = this.#plan.outputs.slice(output, output + 1);
    if (!node) throw new RangeError(`the plan has no output ${output}`);
    const { buffer, offset } = this.#locationOf(node);
    return { buffer, offset };
  }

  /** Takes the fastest kernels, where they are measured. */
  async #tune(): Promise<void> {
    this.#tuned ??= this.#backend.tune?.(this.#plan);
    this.#plan = (await this.#tuned) ?? this.#plan;
    Object.assign(this.plan, viewOf(this.#plan));
  }

  /** The calls, with objects that are made on first use; where that fails, the next use tries again. */
  #prepare(): Promise<readonly Call[]> {
    const objects = this.#objects;
    switch (objects.state) {
      case 'ready':
        return Promise.resolve(objects.calls);
      case 'making':
        return objects.calls;
      case 'none': {
        const calls = this.#make();
        this.#objects = { state: 'making', calls };
        calls.then(
          (made) => {
            this.#objects = { state: 'ready', calls: made };
          },
          () => {
            this.#objects = { state: 'none' };
          },
        );
        return calls;
      }
      default:
        return objects satisfies never;
    }
  }

  async #make(): Promise<Call[]> {
    await this.#tune();
    const backend = this.#backend;
    const { dispatches, buffers } = this.#plan;
    const compiled = await Promise.all(
      dispatches.map(async (dispatch) => {
        return { dispatch, pipeline: await backend.pipeline(dispatch) };
      }),
    );
    return backend.watched(() => {
      for (const buffer of buffers) backend.bufferOf(buffer);
      return compiled.map(({ dispatch, pipeline }): Call => {
        const resources = dispatch.bindings.map(({ place: { buffer, offset, bytes } }) => {
          return { buffer: backend.bufferOf(buffer), offset, size: bytes };
        });
        return { ...dispatch, pipeline, bindGroup: backend.bind(pipeline, resources) };
      });
    });
  }

  #placeOf(node: Tensor): Place {
    const place = this.#plan.places.get(base(node));
    if (!place) throw new RangeError(`${node.op.name} has no place in its plan`);
    return place;
  }

  readonly #locationOf = (node: Tensor): Location => {
    const { buffer, offset } = this.#placeOf(node);
    return { node, buffer: this.#backend.bufferOf(buffer), offset };
  };

  /** One submit; what it returns waits for the outputs, or without `read` for room, and holds no later work up. */
  #submit(
    calls: readonly Call[],
    feeds: Feeds,
    read: boolean,
    inspection?: Inspection,
  ): () => Promise<TensorData[]> {
    const { profiler, queue, stats } = this.#backend;
    const { fed, nodes, outputs } = this.#plan;
    for (const node of fed) {
      const value = feeds.get(node);
      if (!value) throw new RangeError(`${node.op.name} ${node.name ?? ''} is not fed`);
      this.#backend.upload(this.#locationOf(node), value);
    }
    const stamps = inspection ? undefined : profiler?.stamp(calls);
    const isShared = !(read || fed.length || inspection || stamps);
    const { captures, takeTimes, readBack } = queue.step(isShared, () => {
      const captures = this.#encode(calls, inspection, stamps?.pass);
      const takeTimes = stamps?.resolve();
      this.#copyNexts();
      const isRead = read && outputs.length > 0;
      const readBack = isRead
        ? this.#backend.copyAside(outputs.map(this.#locationOf), this.#staging)
        : undefined;
      return { captures, takeTimes, readBack };
    });
    stats.dispatches += calls.length;
    stats.nodesEvaluated += nodes;
    return async () => {
      await takeTimes?.();
      // every one is read before any is looked at, so that its buffers are freed
      const captured = await Promise.all(captures.map((capture) => capture()));
      inspection?.captures.push(...captured);
      if (readBack) return readBack();
      await queue.room();
      return [];
    };
  }

  #encode(
    calls: readonly Call[],
    inspection: Inspection | undefined,
    stamped: ((call: number) => GPUComputePassDescriptor) | undefined,
  ) {
    const locationOf = (node: Tensor): Location | undefined =>
      this.#placeOf(node).buffer.kind === 'constant' ? undefined : this.#locationOf(node);
    return encodeCalls(this.#backend, calls, { locationOf, inspection, stamped });
  }

  /** Copies next values that could not be written in place to their parameters. */
  #copyNexts(): void {
    const { encoder } = this.#backend.queue;
    for (const [next, parameter] of this.#plan.copies) {
      const from = this.#locationOf(next);
      const to = this.#locationOf(parameter);
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, nodeBytes(next));
    }
  }
}
