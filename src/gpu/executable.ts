// Runs a plan on a device: makes its buffers, pipelines and bind groups on first use and records its dispatches.
import { makePlan, type Plan } from '../compiler/plan.js';
import type { TensorData } from '../core/dtype.js';
import type { Executable, Inspection, PlanView } from '../graph/backend.js';
import { type Feeds, held, isParameter, type Program } from '../graph/program.js';
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
  /** How often parameters had been moved when the plan was last found to have them where they lie. */
  #moves: number;
  /** Runs and warm-ups that are under way. */
  #uses = 0;
  /** Whether the objects go when the last of these ends. */
  #isReleaseDue = false;

  constructor(program: Program, backend: Host) {
    this.#backend = backend;
    this.#plan = makePlan(program, backend.context);
    this.#moves = backend.moves;
    this.plan = viewOf(this.#plan);
  }

  run(feeds: Feeds, read: boolean, inspection?: Inspection): Promise<TensorData[]> {
    const objects = this.#objects;
    const isReady = objects.state === 'ready' && this.#isCurrent();
    const isAtOnce = this.#backend.free && isReady;
    const fed = isAtOnce ? feeds : held(feeds); // what is not uploaded at once
    const submit = (calls: readonly Call[]) => this.#submit(calls, fed, read, inspection);
    return this.#during(async () => {
      const settle = await this.#backend.inOrder(() =>
        isAtOnce ? submit(objects.calls) : this.#whenReady(submit),
      );
      return settle();
    });
  }

  /** Uses the calls once they are made for where parameters lie then. */
  async #whenReady<T>(use: (calls: readonly Call[]) => T): Promise<T> {
    for (;;) {
      const calls = await this.#prepare();
      if (this.#isCurrent()) return use(calls);
    }
  }

  /** Whether the plan has all parameters where they lie. */
  #isCurrent(): boolean {
    const { moves, context } = this.#backend;
    if (this.#moves === moves) return true;
    const isThere = ([node, place]: readonly [Tensor, Place]): boolean =>
      !isParameter(node) || context.shared.get(node) === place;
    if (!Array.from(this.#plan.places).every(isThere)) return false;
    this.#moves = moves;
    return true;
  }

  /** Plans again where parameters were moved since. */
  #follow(): void {
    if (this.#isCurrent()) return;
    const { program, own } = this.#plan;
    this.#plan = makePlan(program, this.#backend.context);
    this.#moves = this.#backend.moves;
    this.#tuned = undefined;
    this.#objects = { state: 'none' };
    this.#backend.release(own);
    Object.assign(this.plan, viewOf(this.#plan));
  }

  /** Beside running steps: it makes new objects and touches none in use. */
  warmUp(onProgress?: (done: number, total: number) => void): Promise<void> {
    return this.#during(async () => {
      this.#follow();
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
    this.#backend.lend(buffer);
    return { buffer, offset };
  }

  /** Takes the fastest kernels, where they are measured. */
  async #tune(): Promise<void> {
    this.#tuned ??= this.#backend.tune?.(this.#plan);
    const asked = this.#tuned;
    const tuned = await asked;
    if (!tuned || asked !== this.#tuned) return;
    this.#plan = tuned;
    Object.assign(this.plan, viewOf(this.#plan));
  }

  /** The calls, with objects that are made on first use; where that fails, the next use tries again. */
  #prepare(): Promise<readonly Call[]> {
    this.#follow();
    const objects = this.#objects;
    switch (objects.state) {
      case 'ready':
        return Promise.resolve(objects.calls);
      case 'making':
        return objects.calls;
      case 'none': {
        const calls = this.#make();
        const making: Objects = { state: 'making', calls };
        this.#objects = making;
        const settle = (settled: Objects): void => {
          if (this.#objects === making) this.#objects = settled;
        };
        calls.then(
          (made) => settle({ state: 'ready', calls: made }),
          () => settle({ state: 'none' }),
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
    const plan = this.#plan;
    const { dispatches, buffers } = plan;
    const compiled = await Promise.all(
      dispatches.map(async (dispatch) => {
        return { dispatch, pipeline: await backend.pipeline(dispatch) };
      }),
    );
    // parameters were moved meanwhile
    if (plan !== this.#plan || !this.#isCurrent()) {
      this.#follow();
      return this.#make();
    }
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
    const { places, inPlace } = this.#plan;
    const at = base(node);
    const parameter = inPlace.get(at) ?? at;
    // parameters may have been moved since
    const { shared } = this.#backend.context;
    const place = isParameter(parameter) ? shared.get(parameter) : places.get(at);
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
    this.#backend.sweep();
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
