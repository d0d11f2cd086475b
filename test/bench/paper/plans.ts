// Plans of the benchmark's cases for a class of adapters: planning is pure, so no adapter is needed.
import type { Dispatch } from '../../../src/compiler/describe.js';
import { makePlan } from '../../../src/compiler/plan.js';
import type { Program } from '../../../src/graph/program.js';
import { type AdapterClass, defaultLimits } from '../../../src/planning/limits.js';
import { programOf } from '../contenders/nabla.js';
import type { Problem } from '../problems.js';

/** The dispatches of a program on an adapter of this class, with WebGPU's default limits and without extensions. */
export function dispatchesOf(program: Program, adapter: AdapterClass): readonly Dispatch[] {
  const context = { shared: new WeakMap(), limits: defaultLimits, adapter, lanes: 1, f16: false };
  return makePlan(program, context).dispatches;
}

/** The dispatches of one step of a case. */
export const dispatchesOfCase = (problem: Problem, adapter: AdapterClass = 'gpu') =>
  dispatchesOf(programOf(problem), adapter);
