// Random tensors, uniform and normal, from a seed. WGSL: shaders/random.wgsl.
import source from '../../shaders/random.wgsl?raw';
import { EPSILON } from '../core/bounds.js';
import { describe } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkSeed, normalOf, threefry, uniformOf, type Words } from '../core/randomBits.js';
import { checkShape, type Shape, sizeOf } from '../core/shape.js';
import { defineIndex } from '../graph/define.js';
import { errorOf } from '../graph/record.js';
import type { Tensor } from '../graph/tensor.js';
import { add, mul } from './arithmetic.js';
import { type DrawOptions, runCount, runSeed } from './draws.js';

/** The number of a fresh draw. Steps and runs number their draws; elsewhere there is none. */
function numberOf({ seed }: DrawOptions): number {
  if (seed !== undefined) return seed;
  throw new NablaError(
    'random: a fresh draw belongs to a step, and here is none; give it a seed instead of fresh',
  );
}

/** A generator's record. Inputs are none, or for fresh numbers the run's seed and the run count. Layout: src/core/randomBits.ts. */
const generator = (name: string, of: (words: Words) => number, bound: number) =>
  defineIndex<DrawOptions, readonly Tensor[]>({
    name,
    cost: 'heavy',
    source,
    dtype: () => 'f32',
    vjp: ({ inputs }) => inputs.map(() => undefined),
    reference: ([runSeed, runs], options, { shape }) => {
      const number = numberOf(options);
      const [key0, key1] = runSeed ? [runSeed.data[0]!, number] : [number, 0];
      const run = runs ? runs.data[0]! + 1 : 0;
      return new Float64Array(sizeOf(shape)).map((_, element) =>
        of(threefry(key0, key1, element, run)),
      );
    },
    write: ({ inputs, options, flat, read }) => {
      const number = `${numberOf(options)}u`;
      if (inputs.length === 0) return `${name}(vec2u(${number}, 0u), vec2u(${flat}, 0u))`;
      return `${name}(vec2u(${read(0, '0u')}, ${number}), vec2u(${flat}, ${read(1, '0u')} + 1u))`;
    },
    bound: errorOf((value) => bound * Math.abs(value)),
  });

const drawUniform = generator('random_uniform', uniformOf, 0);
// the errors of minus_log (halved by the root), near_root and cosine_of_turn, and a product: nearly proportional to the value
const drawNormal = generator('random_normal', normalOf, 5 * EPSILON);

/** Which numbers: the same at each run, of a seed; or new ones, with `fresh`. */
type RandomArguments =
  | {
      /** A whole number in [0, 2³²). */
      seed: number;
      fresh?: boolean;
    }
  | {
      /** Replaces the draw's number in the step: draws with the same seed are equal in each run. */
      seed?: number;
      /** New numbers at each run of a step, different from those of the step's other draws. */
      fresh: true;
    };

/** Throws NablaError for what is no finite f32. */
function checkFinite(op: string, values: Readonly<Record<string, number>>): void {
  for (const [what, value] of Object.entries(values))
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      throw new NablaError(
        `${op}: ${what} is ${describe(value)}; give a finite number within ±3.4e38`,
      );
}

/** offset + scale · the numbers of a generator. */
function generate(
  op: string,
  draw: typeof drawUniform,
  shape: Shape,
  { seed, fresh = false }: { seed?: number; fresh?: boolean },
  [offset, scale]: readonly [number, number],
): Tensor {
  if (seed === undefined && !fresh)
    throw new NablaError(
      `${op}: there is no seed; give { seed: 1 } for the same numbers at each run, or { fresh: true } for new ones`,
    );
  if (seed !== undefined) checkSeed('random', seed);
  const number = seed === undefined ? {} : { seed };
  const unit = draw(fresh ? [runSeed, runCount] : [], {
    shape: checkShape('random', shape),
    ...number,
  });
  return offset === 0 && scale === 1 ? unit : add(offset, mul(scale, unit));
}

/**
 * Random tensors. With a `seed` they are pure functions of seed and element. With `fresh: true` they are new at each run of
 * a step: functions of the run's seed (that of `fit`), the draw's number in the step or the `seed` given instead, how often
 * steps with such draws have run, and the element. Uniform numbers are equal on the CPU and the GPU, normal ones to about
 * 10⁻⁶. Throws NablaError where there is neither a seed nor `fresh`, and for bounds, means and deviations that are none.
 */
export const random = {
  /** Uniform in [low, high), [0, 1) unless given: multiples of 2⁻²⁴, scaled; low ≤ high, both finite. */
  uniform(shape: Shape, options: RandomArguments & { low?: number; high?: number }): Tensor {
    const {
      low = 0,
      high = 1,
      ...which
    } = checkOptions('random.uniform', options ?? {}, '', 'seed fresh low high');
    checkFinite('random.uniform', { low, high });
    checkFinite('random.uniform', { 'high − low': high - low });
    if (low > high)
      throw new NablaError(`random.uniform: low ${low} is above high ${high}; exchange them`);
    return generate('random.uniform', drawUniform, shape, which, [low, high - low]);
  },
  /** Normal with the given mean (0) and standard deviation (1), which is not negative. */
  normal(shape: Shape, options: RandomArguments & { mean?: number; deviation?: number }): Tensor {
    const known = 'seed fresh mean deviation';
    const {
      mean = 0,
      deviation = 1,
      ...which
    } = checkOptions('random.normal', options ?? {}, '', known);
    checkFinite('random.normal', { mean, deviation });
    if (deviation < 0)
      throw new NablaError(`random.normal: deviation ${deviation} is negative; give one ≥ 0`);
    return generate('random.normal', drawNormal, shape, which, [mean, deviation]);
  },
} as const;
