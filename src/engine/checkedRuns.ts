// Runs compiled programs, with the checks that the engine was opened with: the cross-check and the search for NaN.
import type { watch } from '../check/anomaly.js';
import type { CrossCheck, OnCheck } from '../check/compare.js';
import type { TensorData } from '../core/dtype.js';
import type { Backend, Capture, Executable } from '../graph/backend.js';
import type { Feeds } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';

/** @internal */
export const crossChecks: readonly CrossCheck[] = ['off', 'sampled', 'every'];
/** `crossCheck: 'sampled'` looks at one kernel call in this many steps, the next kernel each time. */
const SAMPLE_EVERY = 16;

/** A program on a backend, with what looks for the first value that is not finite, where that is asked for. */
export interface Compiled {
  readonly executable: Executable;
  readonly outputs: readonly Tensor[];
  readonly watched: ReturnType<typeof watch>;
}

/** How a compiled program is run. */
export interface RunSettings {
  /** Whether to read the outputs back. */
  readonly read: boolean;
  /** With it every kernel is checked, and what is found goes here alone. */
  readonly report?: OnCheck | undefined;
  /** Nodes of the graph that is run, where the plan may have been made for an equal one. */
  readonly nodes?: readonly Tensor[];
}

/** Runs programs and cross-checks their kernel calls, as the mode says at the time. */
export class CheckedRuns {
  mode: CrossCheck;
  readonly #onCheck: OnCheck | undefined;
  #calls = 0;

  constructor(mode: CrossCheck, onCheck: OnCheck | undefined) {
    this.mode = mode;
    this.#onCheck = onCheck;
  }

  /** Returns the outputs' values. Throws CheckError for a mismatch, unless it is reported, and for NaN that is watched for. */
  async run(
    { stats, info }: Backend,
    { executable, watched }: Compiled,
    feeds: Feeds,
    { read, report, nodes }: RunSettings,
  ): Promise<TensorData[]> {
    const call = this.#calls++;
    const mode = report ? 'every' : this.mode;
    const isChecked = mode === 'every' || (mode === 'sampled' && call % SAMPLE_EVERY === 0);
    const captures: Capture[] = [];
    const select = (dispatch: number, of: number) =>
      mode === 'every' || dispatch === (call / SAMPLE_EVERY) % of;
    const inspection = isChecked ? { select, captures } : undefined;
    const results = await executable.run(feeds, read || watched !== undefined, inspection);
    // it may have been switched off meanwhile
    if (isChecked && (report || this.mode !== 'off')) {
      const { compareCaptures } = await import('../check/compare.js'); // what only trains goes without
      const failure = compareCaptures(captures, info, (checks) => {
        for (const { checked } of checks) stats.checked += checked;
        (report ?? this.#onCheck)?.(checks);
      });
      if (failure && !report) throw failure;
    }
    const counts = watched && results.at(-1);
    if (counts) watched.check(counts, nodes);
    return results;
  }
}
