// What kernels are written for: the context of a plan, and where values lie.
import type { Tensor } from '../graph/tensor.js';
import type { PlanContext } from '../planning/context.js';
import type { Matrices } from './matmul/product.js';

/** The context of a plan, with what its device can have products computed by. */
export interface KernelContext extends PlanContext {
  /** Has matrix units compute a product, where that is asked for and they can. */
  readonly matrices?: Matrices | undefined;
}

/** What a plan has decided before kernels are written. */
export interface EmitOptions extends KernelContext {
  readonly stored: ReadonlySet<Tensor>;
  /** Where a result is stored: itself, or the parameter that it updates in place. */
  readonly target: (node: Tensor) => Tensor;
  /** The scalars of a step, which all of its updates read by number. */
  readonly scalars?: Tensor | undefined;
}
