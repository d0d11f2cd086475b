// The CPU backend: runs programs with the float64 reference; used for checking and where there is no GPU.
import { roundTo, type TensorData } from '../core/dtype.js';
import { type Backend, type EngineInfo, type Executable, emptyStats } from '../graph/backend.js';
import { held, type Program, programNodes } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { evaluate, ownValue, toHost } from './evaluate.js';

/** For the caller to change: what a parameter or a constant holds stays as it is. */
const ownCopy = (value: TensorData): TensorData => ({ ...value, data: value.data.slice() });
/** What is returned or kept of a node: of f16, rounded to it. Between, values are float64. */
function rounded({ dtype }: Tensor, value: TensorData): TensorData {
  return dtype === 'f16'
    ? { ...value, data: value.data.map((each: number) => roundTo(dtype, each)) }
    : value;
}

/** Runs graphs in float64 by the ops' references. No WebGPU. */
export class CpuBackend implements Backend {
  readonly info: EngineInfo = {
    backend: 'cpu',
    adapter: {
      vendor: 'nabla',
      architecture: 'float64',
      description: 'float64 CPU reference',
      software: true,
    },
    limits: {},
    features: [],
  };
  readonly stats = emptyStats();
  readonly lost: Promise<string> = new Promise(() => {});
  readonly #values = new WeakMap<Tensor, TensorData>();
  #queue: Promise<unknown> = Promise.resolve();

  compile(program: Program): Executable {
    const { outputs, updates } = program;
    const roots = [...outputs, ...updates.map(([, next]) => next)];
    const nodes = programNodes(program).length;
    return {
      plan: { dispatches: [], dispatchesUnfused: nodes, buffers: 0, bytes: 0, liveBytes: 0 },
      run: (feeds) => {
        const fed = held(feeds);
        return this.#enqueue(() => {
          this.stats.nodesEvaluated += nodes;
          const exact = evaluate(roots, (node) => fed.get(node) ?? this.#valueOf(node));
          const values = exact.map((value, i) => rounded(roots[i]!, value));
          for (const [i, [parameter]] of updates.entries())
            this.#values.set(parameter, values[outputs.length + i]!);
          return values.slice(0, outputs.length).map(ownCopy);
        });
      },
    };
  }

  async read(parameter: Tensor): Promise<TensorData> {
    const value = await this.#enqueue(() => this.#valueOf(parameter));
    return ownCopy(value);
  }

  write(parameter: Tensor, value: TensorData): Promise<void> {
    return this.#enqueue(() => void this.#values.set(parameter, toHost(value)));
  }

  async finish(): Promise<void> {
    await this.#queue;
  }

  /** In call order; timers and rendering run between long computations. */
  #enqueue<T>(work: () => T): Promise<T> {
    const result = this.#queue.then(() => new Promise((resolve) => setTimeout(resolve))).then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Of a parameter, or of a constant: a data set is made float64 once, not at every step. */
  #valueOf(node: Tensor): TensorData {
    const value = this.#values.get(node) ?? toHost(ownValue(node));
    this.#values.set(node, value);
    return value;
  }
}
