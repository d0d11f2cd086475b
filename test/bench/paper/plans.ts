// Plans of the benchmark's cases for a class of adapters: planning is pure, so no adapter is needed.
import type { Dispatch } from '../../../src/compiler/describe.js';
import { makePlan } from '../../../src/compiler/plan.js';
import type { Program } from '../../../src/graph/program.js';
import type { KernelContext } from '../../../src/kernels/options.js';
import { type AdapterClass, defaultLimits } from '../../../src/planning/limits.js';
import { programOf } from '../contenders/nabla.js';
import type { Problem } from '../problems.js';

/** The dispatches of a program; where parameters lie is the plan's own affair. */
export const dispatchesIn = (program: Program, context: KernelContext): readonly Dispatch[] =>
  makePlan(program, { ...context, shared: new WeakMap() }).dispatches;

/** The dispatches of one step of a case, with WebGPU's default limits and without extensions. */
export function dispatchesOfCase(
  problem: Problem,
  adapter: AdapterClass = 'gpu',
): readonly Dispatch[] {
  const context = { shared: new WeakMap(), limits: defaultLimits, adapter, lanes: 1, f16: false };
  return dispatchesIn(programOf(problem), context);
}
