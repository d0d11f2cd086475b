// A compiled step: how it is defined, and how it is called.
import type { Precision } from '../autodiff/precision.js';
import type { PlanView } from '../graph/backend.js';
import type { NamedFeeds, Updates } from '../graph/program.js';
import type { Tensor, Tree } from '../graph/tensor.js';
import type { Evaluated } from '../graph/walk.js';

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
   * 'f16' stores the operands of matrix products in half precision; products add in f32, and parameters stay f32. The
   * gradients that updates read are computed from a cost scaled up, so that small ones do not underflow, and read without
   * the scale, which adapts: a step in which one of them is infinite or NaN halves it and updates nothing else. Needs
   * shader-f16.
   */
  readonly precision?: Precision;
  /** Recomputes elementwise values where they are needed instead of storing them: less memory, more arithmetic. */
  readonly recompute?: boolean;
}
