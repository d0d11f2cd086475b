import source from '../../shaders/random.wgsl?raw';
import { ShapeError } from '../errors.js';
import { type Program, programNodes } from '../graph/program.js';
import { defineIndex, type Tensor } from '../graph/tensor.js';
import { checkOptions } from '../options.js';
import { checkShape, type Shape, sizeOf } from '../shape.js';
import { add, mul } from './arithmetic.js';
import { parameter } from './leaf.js';

type RandomOptions = { readonly shape: Shape; readonly seed: number };

/** PCG-RXS-M-XS on 32 bits (Jarzynski & Olano 2020), as `pcg` in shaders/random.wgsl. */
export function pcg(value: number): number {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}
const uniformAt = (seed: number, run: number, element: number): number =>
  (pcg((element ^ pcg((run + pcg(seed)) >>> 0)) >>> 0) >>> 8) * 2 ** -24;

function normalAt(seed: number, run: number, element: number): number {
  const u = 1 - uniformAt(seed, run, element);
  const v = uniformAt((seed ^ 0x9e3779b9) >>> 0, run, element) - 0.5;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

const generator = (name: string, at: typeof uniformAt, bound: number) =>
  defineIndex<RandomOptions>({
    name,
    source,
    dtype: () => 'f32',
    vjp: ({ inputs }) => inputs.map(() => undefined),
    reference: ([run], { seed }, { shape }) =>
      new Float64Array(sizeOf(shape)).map((_, i) => at(seed, run?.data[0] ?? 0, i)),
    write: ({ inputs, options: { seed }, flat, read }) =>
      `${name}(${seed}u, ${inputs.length ? read(0, '0u') : '0u'}, ${flat})`,
    // WGSL's cos is good to 2⁻¹¹; √(−2 ln u) is below 6
    bound: (_, output) => new Float64Array(output.data.length).fill(bound),
  });

const uniformOf = generator('random_uniform', uniformAt, 0);
const normalOf = generator('random_normal', normalAt, 6 * 2 ** -11);

/** @internal Counts the runs of a step, on the device: what `fresh` random numbers mix in. Steps that use it add 1. */
export const runCount = parameter({ shape: [], dtype: 'u32', data: new Uint32Array(1) }, { name: 'runCount' });

interface RandomArguments {
  /** A whole number in [0, 2³²); 0 unless given. */
  seed?: number;
  /** New numbers at each run of a step instead of the same ones. */
  fresh?: boolean;
}
/** offset + scale · the numbers of a generator. */
function generate(op: typeof uniformOf, shape: Shape, options: RandomArguments, offset: number, scale: number): Tensor {
  const { seed = 0, fresh = false } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new ShapeError(`random: seed ${seed} is not a whole number in [0, 2³²)`);
  const unit = op(fresh ? [runCount] : [], { shape: checkShape('random', shape), seed });
  return offset === 0 && scale === 1 ? unit : add(offset, mul(scale, unit));
}

/** Random tensors: pure functions of (seed, element), equal on the CPU and the GPU. */
export const random = {
  /** Uniform in [low, high), [0, 1) unless given. */
  uniform(shape: Shape, options: RandomArguments & { low?: number; high?: number } = {}): Tensor {
    const { low = 0, high = 1 } = checkOptions('random.uniform', options, '', 'seed fresh low high');
    return generate(uniformOf, shape, options, low, high - low);
  },
  /** Normal with the given mean (0) and standard deviation (1). */
  normal(shape: Shape, options: RandomArguments & { mean?: number; deviation?: number } = {}): Tensor {
    const { mean = 0, deviation = 1 } = checkOptions('random.normal', options, '', 'seed fresh mean deviation');
    return generate(normalOf, shape, options, mean, deviation);
  },
} as const;

/** Adds the update that counts runs, where fresh random numbers are drawn. */
export function countRuns(program: Program): Program {
  if (!programNodes(program).includes(runCount) || program.updates.some(([target]) => target === runCount))
    return program;
  return { ...program, updates: [...program.updates, [runCount, add(runCount, 1)]] };
}
