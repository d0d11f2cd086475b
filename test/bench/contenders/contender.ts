import type { MatmulProblem, OperationProblem, TrainingProblem } from '../problems.js';

/** One engine at one problem. */
export interface Runner {
  /** Runs this many steps without a pause and returns when the device is done with the last. */
  run(steps: number): Promise<void>;
  /** The product, or an operation's results; or the cost of the last step and then the parameters, in PyTorch's layout. */
  results(): Promise<Float32Array[]>;
  /** Recomputes rows of every kernel's results in float64; says what is wrong, or nothing. */
  verify?(): Promise<string | undefined>;
  dispose(): void;
  /** What only Nabla tells of itself. */
  facts?(): Promise<Facts>;
}

export interface Facts {
  readonly dispatches: number;
  readonly dispatchesUnfused: number;
  /** The host's time for one step whose data lie on the device, in a run of steps: lower quartile and median. */
  readonly hostMicroseconds: readonly [number, number];
  /** The same for a step that is fed a batch. */
  readonly fedMicroseconds: readonly [number, number];
  /** The most bytes that are needed at one time, parameters and state included. */
  readonly liveBytes: number;
  readonly peakBytes: number;
}

/** An engine that is measured. What it cannot do throws an error that says why. */
export interface Contender {
  readonly name: string;
  matmul(problem: MatmulProblem): Promise<Runner>;
  training(problem: TrainingProblem): Promise<Runner>;
  operation(problem: OperationProblem): Promise<Runner>;
}

/** The elements of an array of `shape` in the order of its transpose by `axes`. */
export function permute<T extends Float32Array>(
  data: T,
  shape: readonly number[],
  axes: readonly number[],
): T {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const result = data.slice() as T;
  const index = axes.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    result[i] = data[index.reduce((offset, at, axis) => offset + at * strides[axes[axis]!]!, 0)]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axes[axis]!]!) break;
      index[axis] = 0;
    }
  }
  return result;
}
