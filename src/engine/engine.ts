// The engine: runs graphs, compiles steps, reads and writes parameters, checks results, and frees what it holds.

// Consumers may compile without it: the declarations bring it along for `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import { inPrecision, scaledAmong } from '../autodiff/precision.js';
import type { watch } from '../check/anomaly.js';
import type { Check, CheckReport, CrossCheck, OnCheck } from '../check/compare.js';
import type { TensorData, Value } from '../core/dtype.js';
import { DTypeError, NablaError } from '../core/errors.js';
import type { OpenFolder } from '../core/folder.js';
import { checkChoice, checkOptions } from '../core/options.js';
import { INSPECT, printedAs } from '../core/print.js';
import { readValue } from '../core/readValue.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Backend, GpuAccess, Profile } from '../graph/backend.js';
import type { Feeds, NamedFeeds, NodeFeeds, Program } from '../graph/program.js';
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
import { countRuns } from '../ops/draws.js';
import { checkRange } from '../ops/indexing.js';
import { checkParameter, describe } from '../ops/leaf.js';
import { CheckedRuns, type Compiled, crossChecks } from './checkedRuns.js';
import type { EngineParts } from './parts.js';
import type { Step, StepDefinition } from './step.js';

/** Plans that `run` remembers. */
const RUN_CACHE = 32;

/** Runs graphs on one backend and owns the values of parameters there. Made by `open`. */
export class Engine {
  /** Backend, adapter, limits and features of this engine. */
  readonly info: Backend['info'];
  /** Resolves with the reason when the device is lost. Never resolves on the CPU. */
  readonly lost: Promise<string>;
  readonly #backend: Backend;
  readonly #steps = new WeakMap<object, Compiled>();
  /** Plans that `run` keeps, by the structure of their graphs, with the data leaves in order. */
  readonly #runs = new Map<string, Compiled & { readonly data: readonly Tensor[] }>();
  readonly #watch: typeof watch | undefined;
  readonly #checkedRuns: CheckedRuns;
  #disposed = false;

  /** @internal Opens the folder of this platform that checkpoints go to. */
  readonly openFolder: OpenFolder | undefined;
  /** Parameters that were written, or that a step has updated. */
  readonly #changed = new WeakSet<Tensor>();

  /** @internal */
  constructor(backend: Backend, parts: EngineParts = {}) {
    const { crossCheck = 'off', onCheck, anomaly, openFolder } = parts;
    this.#backend = backend;
    this.info = backend.info;
    this.lost = backend.lost;
    this.#checkedRuns = new CheckedRuns(crossCheck, onCheck);
    this.#watch = anomaly;
    this.openFolder = openFolder;
  }

  /** Which kernel calls are cross-checked. May be set at any time; 'off' holds for steps in flight too. No effect on the CPU. */
  get crossCheck(): CrossCheck {
    return this.#checkedRuns.mode;
  }

  set crossCheck(mode) {
    this.#checkedRuns.mode = checkChoice('engine', 'crossCheck', mode, crossChecks);
  }

  /** The GPU device and the buffers of steps' outputs; undefined on the CPU. */
  get gpu(): GpuAccess | undefined {
    const { device } = this.#backend;
    if (!device) return undefined;
    return {
      device,
      bufferOf: (step, output) => this.#locate(step, output).buffer,
      offsetOf: (step, output) => this.#locate(step, output).offset,
    };
  }

  #locate(step: object, output: Tensor) {
    const { executable, outputs } = this.#find('bufferOf', step);
    const at = outputs.indexOf(output);
    const place = at < 0 ? undefined : executable.locate?.(at);
    if (place) return place;
    throw new NablaError(`bufferOf: ${describe(output)} is no output of this step; add it to them`);
  }

  /**
   * Evaluates a tree of tensors once and returns their values in the same structure. Inputs are fed by name, only those
   * that the tree needs, or by node in a Map, which may contain others too. Throws FeedError for missing or invalid
   * values.
   */
  run<const T extends Tree>(tree: T, feeds: NodeFeeds = {}): Promise<Evaluated<T>> {
    return this.#run(tree, feeds);
  }

  async #run<T extends Tree>(tree: T, feeds: NodeFeeds, report?: OnCheck): Promise<Evaluated<T>> {
    const outputs = tensorsOf(tree);
    const nodes = programNodes({ outputs, updates: [] });
    const fed = readNodeFeeds('run', nodes, feeds);
    checkIndices(indexLimits(nodes), fed);
    const plan = this.#planFor(nodes, outputs);
    // the plan may have been made for an equal graph: its data leaves stand in the same order
    const values = new Map<Tensor, TensorData>();
    for (const [i, node] of nodes.filter(isData).entries())
      values.set(plan.data[i]!, fed.get(node) ?? ownValue(node));
    const settings = { read: true, report, nodes };
    return valuesOf<T>(tree, await this.#checkedRuns.run(this.#open, plan, values, settings));
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
    const { outputs: tree = {}, updates = [], precision, recompute = false } = definition;
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
    let isFirst = true;
    const execute = async (read: boolean, feeds: NamedFeeds = {}): Promise<TensorData[]> => {
      const fed = readFeeds('feeds', inputs, feeds);
      checkIndices(fedLimits, fed);
      if (isFirst) for (const [target] of updates) this.#changed.add(target);
      isFirst = false;
      return this.#checkedRuns.run(this.#open, compiled, fed, { read });
    };
    const call = async (feeds?: NamedFeeds): Promise<Evaluated<T>> =>
      valuesOf<T>(tree, await execute(true, feeds));
    const enqueue = async (feeds?: NamedFeeds): Promise<void> => {
      await execute(false, feeds);
    };
    const release = (): void => executable.release?.();
    const step: Step<T> = Object.assign(call, { enqueue, plan: executable.plan, release });
    this.#steps.set(step, compiled);
    const counts = `${outputs.length} outputs, ${updates.length} updates, ${step.plan.dispatches.length} dispatches`;
    return printedAs(
      step,
      () => `Step: inputs ${[...inputs.keys()].join(', ') || 'none'}; ${counts}`,
    );
  }

  #compile(program: Program, outputs = program.outputs): Compiled {
    // overflows of scaled passes are meant: their step is skipped
    const watched = this.#watch?.(program, scaledAmong(programNodes(program)));
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
    const keepsDigits = this.info.backend === 'cpu' && target.dtype === 'f32';
    const exact = keepsDigits && exactOf(value);
    this.#changed.add(target);
    await this.#open.write(target, exact ? { ...rounded, ...exact } : rounded);
  }

  /** @internal Whether a parameter was written here, or updated by a step; else it has its initial value. */
  hasChanged(parameter: Tensor): boolean {
    return this.#changed.has(parameter);
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
        'profile: this engine does not measure times; open it with { profile: true } on a GPU',
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
    for (const [oldest, { executable }] of this.#runs) {
      if (this.#runs.size <= RUN_CACHE) break;
      this.#runs.delete(oldest);
      executable.release?.();
    }
    return plan;
  }
}

/** Values in the structure of a tree of tensors. */
const valuesOf = <T extends Tree>(tree: Tree, values: readonly TensorData[]): Evaluated<T> =>
  inPlaceOf(tree, values) as Evaluated<T>;

/** A copy of float64 values: the caller may go on with the array. */
function exactOf(value: Value): Pick<TensorData, 'dtype' | 'data'> | undefined {
  if (typeof value !== 'object' || !('dtype' in value) || value.dtype !== 'f64') return undefined;
  return { dtype: value.dtype, data: Float64Array.from(value.data) };
}

/** Throws FeedError for an index out of range in a constant, or in an input that is fed. */
const checkIndices = (limits: ReturnType<typeof indexLimits>, feeds: Feeds): void => {
  for (const { leaf, size, op } of limits) {
    const value = isInput(leaf) ? feeds.get(leaf) : ownValue(leaf);
    if (value) checkRange(`${op}: ${isInput(leaf) ? 'feed ' : ''}${describe(leaf)}`, value, size);
  }
};
