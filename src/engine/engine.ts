// The engine: runs graphs, compiles steps, reads and writes parameters, checks results, and frees what it holds.

// Consumers may compile without it: the declarations bring it along for `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import { inPrecision, type Precision } from '../autodiff/precision.js';
import type { watch } from '../check/anomaly.js';
import type { Check, CheckReport, CrossCheck, OnCheck } from '../check/compare.js';
import type { TensorData, Value } from '../core/dtype.js';
import { DTypeError, NablaError } from '../core/errors.js';
import { checkChoice, checkOptions } from '../core/options.js';
import { INSPECT, printedAs } from '../core/print.js';
import { readValue } from '../core/readValue.js';
import { ownValue } from '../cpu/evaluate.js';
import type {
  Backend,
  Capture,
  Executable,
  GpuAccess,
  PlanView,
  Profile,
} from '../graph/backend.js';
import type { Feeds, NamedFeeds, NodeFeeds, Program, Updates } from '../graph/program.js';
import {
  checkProgram,
  indexLimits,
  isInput,
  programNodes,
  readFeeds,
  readNodeFeeds,
} from '../graph/program.js';
import { isData, structureOf } from '../graph/structure.js';
import type { Tensor, Tree } from '../graph/tensor.js';
import { type Evaluated, inPlaceOf, ownShape, tensorsOf } from '../graph/walk.js';
import { checkRange } from '../ops/indexing.js';
import { checkParameter, describe } from '../ops/leaf.js';
import { countRuns } from '../ops/random.js';

/**
 * A compiled computation: call it with values for its inputs. Calls run in call order; feeds are copied at the call.
 */
export interface Step<T extends Tree> {
  (feeds?: NamedFeeds): Promise<Evaluated<T>>;
  /** Runs without reading anything back; resolves when another step can be queued. */
  enqueue(feeds?: NamedFeeds): Promise<void>;
  /** The list of dispatches, for inspection. */
  readonly plan: PlanView;
  /** Frees the buffers that only this step uses; parameters keep their values. */
  release(): void;
}

/** Definition of a step for `compile`. */
export interface StepDefinition<T extends Tree> {
  /** Inputs to feed, by the names that calls of the step use. */
  readonly inputs?: Readonly<Record<string, Tensor>>;
  /** Values that each call returns. */
  readonly outputs?: T;
  /** Parameters and their next values. */
  readonly updates?: Updates;
  /**
   * 'f16' stores the operands of matrix products in half precision; products add in f32, and parameters stay f32. If an
   * optimizer was given the cost, the cost is scaled adaptively so that small gradients do not underflow. Needs
   * shader-f16.
   */
  readonly precision?: Precision;
  /** Recomputes elementwise values where they are needed instead of storing them: less memory, more arithmetic. */
  readonly recompute?: boolean;
}

/** Plans that `run` remembers. */
const RUN_CACHE = 32;
/** @internal */
export const crossChecks: readonly CrossCheck[] = ['off', 'sampled', 'every'];
/** `crossCheck: 'sampled'` looks at one kernel call in this many steps, the next kernel each time. */
const SAMPLE_EVERY = 16;

/** A program on a backend, with what looks for the first value that is not finite, where that is asked for. */
type Compiled = Readonly<{
  executable: Executable;
  outputs: readonly Tensor[];
  watched: ReturnType<typeof watch>;
}>;

/** Runs graphs on one backend and owns the values of parameters there. Made by `open`. */
export class Engine {
  /** Backend, adapter, limits and features of this engine. */
  readonly info: Backend['info'];
  /** Resolves with the reason when the device is lost. Never resolves on the CPU. */
  readonly lost: Promise<string>;
  readonly #backend: Backend;
  readonly #steps = new WeakMap<object, Compiled>();
  /** What `run` keeps of a graph: its plan, and its data leaves in order. */
  readonly #runs = new Map<string, Compiled & { readonly data: readonly Tensor[] }>();
  readonly #watch: typeof watch | undefined;
  readonly #onCheck: OnCheck | undefined;
  #crossCheck: CrossCheck;
  #calls = 0;
  #disposed = false;

  /** @internal */
  constructor(
    backend: Backend,
    crossCheck: CrossCheck = 'off',
    onCheck?: OnCheck,
    anomaly?: typeof watch,
  ) {
    this.#backend = backend;
    this.info = backend.info;
    this.lost = backend.lost;
    this.#crossCheck = crossCheck;
    this.#watch = anomaly;
    this.#onCheck = onCheck;
  }

  /** Which kernel calls are cross-checked; may be set at any time, 'off' for steps in flight too. A CPU engine has no kernels. */
  get crossCheck(): CrossCheck {
    return this.#crossCheck;
  }

  set crossCheck(mode) {
    this.#crossCheck = checkChoice('engine', 'crossCheck', mode, crossChecks);
  }

  /** The GPU device and the buffers of steps' outputs; undefined on the CPU. */
  get gpu(): GpuAccess | undefined {
    const { device } = this.#backend;
    const locate = (step: object, output: Tensor) => {
      const { executable, outputs } = this.#find('bufferOf', step);
      const at = outputs.indexOf(output);
      if (at < 0)
        throw new NablaError(
          `bufferOf: ${describe(output)} is no output of this step; add it to them`,
        );
      return executable.locate!(at);
    };
    return (
      device && {
        device,
        bufferOf: (...of) => locate(...of).buffer,
        offsetOf: (...of) => locate(...of).offset,
      }
    );
  }

  /**
   * Evaluates a tree of tensors once and returns their values in the same structure. Inputs are fed by name, only those
   * that the tree needs, or by node in a Map, which may contain others too. Throws FeedError for missing or invalid
   * values.
   */
  run<const T extends Tree>(tree: T, feeds: NodeFeeds = {}): Promise<Evaluated<T>> {
    return this.#run(tree, feeds) as Promise<Evaluated<T>>;
  }

  async #run(tree: Tree, feeds: NodeFeeds, report?: OnCheck): Promise<unknown> {
    const outputs = tensorsOf(tree);
    const nodes = programNodes({ outputs, updates: [] });
    const fed = readNodeFeeds('run', nodes, feeds);
    checkIndices(indexLimits(nodes), fed);
    const plan = this.#planFor(nodes, outputs);
    // the plan may have been made for an equal graph: its data leaves stand in the same order
    const values = new Map(
      nodes.filter(isData).map((node, i) => [plan.data[i]!, fed.get(node) ?? ownValue(node)]),
    );
    return inPlaceOf(tree, await this.#execute(plan, values, true, report, nodes));
  }

  /**
   * Runs with the engine's cross-check; with `report` every kernel is checked, and what is found reported alone. `nodes` are
   * those of the graph, where the plan may be that of an equal one.
   */
  async #execute(
    compiled: Compiled,
    feeds: Feeds,
    read: boolean,
    report?: OnCheck,
    nodes?: readonly Tensor[],
  ) {
    const { executable, watched } = compiled;
    const { stats, info } = this.#open;
    const call = this.#calls++;
    const mode = report ? 'every' : this.#crossCheck;
    const isChecked = mode === 'every' || (mode === 'sampled' && call % SAMPLE_EVERY === 0);
    const captures: Capture[] = [];
    const select = (dispatch: number, of: number) =>
      mode === 'every' || dispatch === (call / SAMPLE_EVERY) % of;
    const inspection = isChecked ? { select, captures } : undefined;
    const results = await executable.run(feeds, read || watched !== undefined, inspection);
    // it may have been switched off meanwhile
    if (isChecked && (report || this.#crossCheck !== 'off')) {
      const { compareCaptures } = await import('../check/compare.js'); // what only trains goes without
      const failure = compareCaptures(captures, info, (checks) => {
        for (const { checked } of checks) stats.checked += checked;
        (report ?? this.#onCheck)?.(checks);
      });
      if (failure && !report) throw failure;
    }
    watched?.check(results.at(-1)!, nodes);
    return results;
  }

  /**
   * Recomputes every kernel's results for a tree in float64 from the values that the GPU read, and reports the
   * differences. Never throws on a mismatch. A CPU engine has no kernels, so its report is empty.
   */
  async verify(tree: Tree, feeds: NodeFeeds = {}): Promise<CheckReport> {
    const checks: Check[] = [];
    await this.#run(tree, feeds, (some) => checks.push(...some));
    return {
      ok: checks.every(({ worst }) => worst.ratio <= 1),
      adapter: this.info.adapter.description,
      checks,
    };
  }

  /**
   * Compiles outputs and updates into a step, which is planned once and then run any number of times. Synchronous;
   * pipelines are built by `warmUp` or on the first call. Throws FeedError for an input that is needed and not
   * declared.
   */
  compile<const T extends Tree = Record<string, never>>(definition: StepDefinition<T>): Step<T> {
    checkOptions('compile', definition, '', 'inputs outputs updates precision recompute');
    const { outputs: tree = {} as T, updates = [], precision, recompute = false } = definition;
    const { backend, features } = this.info;
    if (precision === 'f16' && backend !== 'cpu' && !features.includes('shader-f16'))
      throw new DTypeError("compile: precision 'f16': this adapter has no shader-f16; use f32");
    const outputs = tensorsOf(tree);
    const inputs = new Map(Object.entries(definition.inputs ?? {}));
    const program = countRuns(
      inPrecision(checkProgram({ outputs, updates, recompute }, inputs), precision),
    );
    const limits = indexLimits(programNodes(program));
    checkIndices(limits, new Map());
    const fedLimits = limits.filter(({ leaf }) => isInput(leaf));
    const compiled = this.#compile(program, outputs);
    const { executable } = compiled;
    const execute = async (read: boolean, feeds: NamedFeeds = {}): Promise<TensorData[]> => {
      const fed = readFeeds('feeds', inputs, feeds);
      checkIndices(fedLimits, fed);
      return this.#execute(compiled, fed, read);
    };
    const call = async (feeds?: NamedFeeds): Promise<unknown> =>
      inPlaceOf(tree, await execute(true, feeds));
    const step = Object.assign(call as Step<T>, {
      enqueue: async (feeds?: NamedFeeds) => void (await execute(false, feeds)),
      plan: executable.plan,
      release: () => executable.release?.(),
    });
    this.#steps.set(step, compiled);
    const counts = `${outputs.length} outputs, ${updates.length} updates, ${step.plan.dispatches.length} dispatches`;
    return printedAs(
      step,
      () => `Step: inputs ${[...inputs.keys()].join(', ') || 'none'}; ${counts}`,
    );
  }

  #compile(program: Program, outputs = program.outputs): Compiled {
    const watched = this.#watch?.(program);
    return { executable: this.#open.compile(watched?.program ?? program), outputs, watched };
  }

  /** Builds a step's pipelines before its first call. */
  async warmUp<T extends Tree>(
    step: Step<T>,
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    await this.#find('warmUp', step).executable.warmUp?.(onProgress);
  }

  #find(caller: string, step: object) {
    const compiled = this.#steps.get(step);
    if (!compiled) throw new NablaError(`${caller}: this step was compiled by another engine`);
    return compiled;
  }

  /** Reads the current value of a parameter. */
  async read(parameter: Tensor): Promise<TensorData> {
    return ownShape(await this.#open.read(checkParameter('read', parameter)));
  }

  /** Replaces a parameter's value; shape must agree. The CPU engine keeps `dtype: 'f64'` values as they are. */
  async write(parameter: Tensor, value: Value): Promise<void> {
    const target = checkParameter('write', parameter);
    const rounded = readValue(`write: ${describe(target)}`, value, target);
    const { dtype } = value as Partial<TensorData>;
    const isExact = this.info.backend === 'cpu' && target.dtype === 'f32' && dtype === 'f64';
    // a copy, as `rounded` is: the caller may go on with the array
    const exact = isExact && {
      ...rounded,
      dtype,
      data: Float64Array.from((value as TensorData).data),
    };
    await this.#open.write(target, exact || rounded);
  }

  /** Waits for all submitted work and throws the errors that occurred in it. */
  async finish(): Promise<void> {
    await this.#backend.finish();
  }

  /**
   * GPU time of each kernel since the engine was opened, with its rates relative to the adapter's peaks, which a small
   * probe measures at the first call. Throws NablaError unless the engine was opened with `profile: true`.
   */
  async profile(): Promise<Profile> {
    const profile = await this.#open.profile?.();
    if (!profile)
      throw new NablaError(
        'profile: this engine takes no times; open it with { profile: true } on a GPU',
      );
    return profile;
  }

  /** Totals since the engine was opened: submits, dispatches, buffers, bytes. */
  stats() {
    return { ...this.#backend.stats };
  }

  /** Frees all resources of the engine. Later calls throw. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#backend.dispose?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }

  [INSPECT](): string {
    const { backend, adapter } = this.info;
    return `Engine: ${backend}, ${adapter.description}${this.#disposed ? ', disposed' : ''}`;
  }

  get #open(): Backend {
    if (this.#disposed) throw new NablaError('engine: it is disposed; open another');
    return this.#backend;
  }

  #planFor(nodes: readonly Tensor[], outputs: readonly Tensor[]) {
    const key = structureOf(nodes, outputs);
    const known = this.#runs.get(key);
    if (known) return known;
    const compiled = this.#compile(
      countRuns({ outputs, updates: [], feedConstants: true }),
      outputs,
    );
    const plan = { ...compiled, data: nodes.filter(isData) };
    this.#runs.set(key, plan);
    if (this.#runs.size > RUN_CACHE) {
      const [oldest, { executable: dropped }] = this.#runs.entries().next().value!;
      this.#runs.delete(oldest);
      dropped.release?.();
    }
    return plan;
  }
}

/** Throws FeedError for an index out of range in a constant, or in an input that is fed. */
const checkIndices = (limits: ReturnType<typeof indexLimits>, feeds: Feeds): void => {
  for (const { leaf, size, op } of limits) {
    const value = isInput(leaf) ? feeds.get(leaf) : ownValue(leaf);
    if (value) checkRange(`${op}: ${isInput(leaf) ? 'feed ' : ''}${describe(leaf)}`, value, size);
  }
};
