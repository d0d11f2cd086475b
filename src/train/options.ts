// Options of `fit`: what is trained, on what, for how long, and where it is saved.
import type { Precision } from '../autodiff/precision.js';
import type { Dataset } from '../data/dataset.js';
import type { Optimizer } from '../optim/optimizers.js';
import type { EvaluateOptions } from './evaluate.js';
import type { Progress } from './progress.js';
import type { StepReportOptions } from './stepReports.js';

/** Where and how often a run saves itself. */
export interface CheckpointOptions {
  /** Folder for the files `step-000001200.safetensors` and so on: on disk in Node, of the page's storage (OPFS) in browsers. */
  readonly folder: string;
  /** Saves after every so many steps too; after each epoch and at the end it always does. */
  readonly every?: number;
  /** How many files to keep, the newest; 3 by default. */
  readonly keep?: number;
}

/** Options of `fit`: model, data and length of the training. */
export interface FitOptions extends EvaluateOptions, StepReportOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly batchSize: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /**
   * Seed of the order of the examples in each epoch and, with the run count, of dropout and other fresh random numbers:
   * a whole number in [0, 2³²), 0 by default.
   */
  readonly seed?: number;
  /** Whether to shuffle the examples in each epoch; true by default. */
  readonly shuffle?: boolean;
  /** An AbortSignal: stops after the current step. The run then ends without a report of the epoch; see `progress`. */
  readonly signal?: { readonly aborted: boolean };
  /** Stops after this many steps in total, possibly in the middle of an epoch. */
  readonly steps?: number;
  /** Precision of the operands of matrix products, as in `engine.compile`; f32 by default. */
  readonly precision?: Precision;
  /** Whether to measure the training accuracy, which costs one kernel per step; true by default. */
  readonly accuracy?: boolean;
  /**
   * Saves the run to a folder: model, optimizer, progress, random numbers. Each file appears whole or not at all. A new run
   * throws NablaError where the folder has files of another.
   */
  readonly checkpoint?: CheckpointOptions;
  /**
   * Continues a run from its `progress`; model and optimizer must have the values from that time, or NablaError is thrown
   * where the engine has initial ones. true: loads the newest checkpoint of the folder, or begins anew where there is none;
   * throws NablaError that says what differs where another model, loss, optimizer or data set was trained.
   */
  readonly resume?: Progress | true;
  /** Called while kernels are compiled before the first step. */
  readonly onWarmUp?: (done: number, total: number) => void;
}
