// No result, no time: outputs are compared with Nabla's float64 CPU engine before anything is timed.
import { flopsOf } from '../../src/compiler/flops.js';
import { abs, type Engine, matmul, sub, tensor } from '../../src/index.common.js';
import type { Runner } from './contenders/contender.js';
import { trainer } from './contenders/nabla.js';
import { operationOf } from './contenders/nabla.operations.js';
import { dispatchesOfCase } from './paper/plans.js';
import type { MatmulProblem, OperationProblem, Problem, TrainingProblem } from './problems.js';

/** Training steps before outputs are compared: the second cost shows the first update. */
export const STEPS = 2;

/** Says what is wrong with a contender's results, or nothing. */
export type Check = (
  results: readonly Float32Array[],
  runner?: Runner,
) => Promise<string | undefined>;

/** Operations of a step above which the CPU engine would take minutes. */
const LARGE = 2 ** 30;

/** The check of a problem; `engine` computes on the CPU. */
export async function checkOf(problem: Problem, engine: Engine): Promise<Check> {
  if (problem.kind === 'matmul') return productCheck(problem, engine);
  if (problem.kind === 'operation') return operationCheck(problem, engine);
  const operations = dispatchesOfCase(problem).reduce(
    (sum, { computed }) => sum + flopsOf(computed),
    0,
  );
  if (operations > LARGE) return agreement(problem);
  const reference = trainer(engine, problem);
  await reference.run(STEPS);
  return trainingCheck(problem, await reference.results());
}

/** Checks the first contender, whose kernels verify themselves, and the others against the first. */
export function agreement(problem: TrainingProblem): Check {
  let first: Check | undefined;
  return async (results, runner) => {
    if (first) return first(results);
    if (!runner?.verify) return 'too large for the CPU engine, and nothing to compare with';
    const wrong = await runner.verify();
    if (!wrong) first = trainingCheck(problem, results);
    return wrong;
  };
}

/**
 * Freivalds: C s = A (B s) for random signs s, in n² operations. Rounding is a random walk below 2⁻²⁴ n / 4 an element
 * and √n times that in their sum; one element that is off by more than a thousandth of its size shows.
 */
function productCheck({ a, b, size, orientation }: MatmulProblem, engine: Engine): Check {
  const shape = [size, size];
  const [left, right] = [tensor(a, shape), tensor(b, shape)];
  const signs = tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * 2654435761) >>> 16) % 2 || -1),
  );
  const inner = matmul(right, signs, { transposeA: orientation === 'NT' });
  const expected = matmul(left, inner, { transposeA: orientation === 'TN' });
  const allowed = size * Math.sqrt(size) * 2 ** -24;
  return async ([product]) => {
    if (product?.length !== size * size)
      return `${product?.length} numbers where ${size * size} are expected`;
    const error = abs(sub(matmul(tensor(product, shape), signs), expected));
    const { data } = await engine.run(error);
    const worst = (data as Float64Array).findIndex((value) => !(value <= allowed));
    return worst < 0
      ? undefined
      : `row ${worst} of the product is off by ${data[worst]!.toPrecision(3)}`;
  };
}

/** Each result within a ten-thousandth of the largest of its kind. */
async function operationCheck(problem: OperationProblem, engine: Engine): Promise<Check> {
  const expected = Object.values(await engine.run(operationOf(problem).outputs));
  return async (results) => {
    for (const [i, { data: want, shape }] of expected.entries()) {
      const got = results[i];
      if (got?.length !== want.length)
        return `${got?.length} numbers where ${want.length} are expected`;
      const values = Float64Array.from(want);
      const largest = values.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      const worst = got.findIndex((each, at) => !(Math.abs(each - want[at]!) <= 1e-4 * largest));
      if (worst >= 0)
        return `result ${i} [${shape}] is ${got[worst]} at ${worst} where ${want[worst]} is expected`;
    }
    return undefined;
  };
}

/**
 * The cost within 0.05%; each parameter's movement within 1% of its length, because a ReLU at 0 may go either way and
 * Adam turns small differences of gradients into large ones, and half an ulp a step of the parameter itself.
 */
export function trainingCheck(
  { initial }: TrainingProblem,
  expected: readonly Float32Array[],
): Check {
  return async ([cost, ...values]) => {
    const [want] = expected[0]!;
    const got = cost?.[0];
    if (!(Math.abs(got! - want!) <= 5e-4 * Math.abs(want!)))
      return `the cost is ${got} where ${want} is expected`;
    for (const [i, { data: start, shape }] of initial.entries()) {
      const [moved, off] = [
        distance(expected[i + 1]!, start),
        distance(values[i], expected[i + 1]!),
      ];
      if (!(off <= 0.01 * moved + STEPS * 2 ** -25 * distance(start)))
        return `parameter ${i} [${shape}] moved by ${moved.toPrecision(3)} and is off by ${off.toPrecision(3)}`;
    }
    return undefined;
  };
}

/** ‖a − b‖. */
function distance(
  a: Float32Array | undefined,
  b: Float32Array = new Float32Array(a?.length ?? 0),
): number {
  if (a?.length !== b.length) return Number.NaN;
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));
}
