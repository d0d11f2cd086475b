import type { Precision } from '../autodiff/precision.js';
import { type Dataset, isScaled, stored } from '../data/dataset.js';
import type { Engine, Step } from '../engine.js';
import { FeedError } from '../errors.js';
import type { Updates } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { binaryCrossEntropy, type Loss } from '../loss.js';
import type { Layer } from '../nn/layer.js';
import { add, div, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { equal, greater } from '../ops/compare.js';
import { gather } from '../ops/indexing.js';
import { arange, parameter, zeros } from '../ops/leaf.js';
import { argMax, sum } from '../ops/reduce.js';
import { concat } from '../ops/slice.js';
import { misfit, reshape } from '../ops/view.js';
import { checkOptions } from '../options.js';
import { checkWhole, sameShape, sizeOf } from '../shape.js';

/** What `evaluate` measures. */
export interface EvaluateOptions {
  readonly model: Layer;
  readonly loss: Loss;
  readonly data: Dataset;
  /** Examples a step; about 256 unless given. Does not change what comes out, but for rounding. */
  readonly batchSize?: number;
}
/** Mean cost over the examples, and the share that is classified right. */
export interface Evaluation {
  /** Mean over the examples. */
  readonly cost: number;
  /** Share of right answers, where labels are class numbers. */
  readonly accuracy?: number;
  readonly examples: number;
}

/**
 * The model's mean cost over a data set, and its accuracy where labels are class numbers. Uses every example exactly
 * once, the remainder included; nothing is trained and dropout does not act.
 */
export async function evaluate(engine: Engine, options: EvaluateOptions): Promise<Evaluation> {
  checkOptions('evaluate', options, 'model loss data');
  const { length: examples, rows } = options.data;
  // near 256, with the smallest remainder
  const { batchSize = Math.ceil(examples / Math.ceil(examples / 256)) } = options;
  checkWhole('evaluate', { 'batch size': batchSize });
  const pass = makePass(engine, { ...options, batchSize, accuracy: true });
  try {
    const { cost, correct } = await pass.run(rows, { position: 0, cost: 0, correct: 0 }, (step) => step.enqueue());
    return { cost: cost / examples, ...(pass.counted && { accuracy: correct / examples }), examples };
  } finally {
    pass.release();
  }
}

/** How far a pass has come: Σ cost · examples, and how many outputs were right, over the examples so far. */
export type Totals = Readonly<Record<'position' | 'cost' | 'correct', number>>;
/** Runs a step; resolves when there is room for the next. Gives nothing where the pass is to stop. */
export type Go = (step: Step<{ cost: Tensor }>) => Promise<void> | undefined;

export interface PassDefinition extends Required<EvaluateOptions> {
  /** Count right answers too, unless this is false; they cost a kernel a step. */
  readonly accuracy?: boolean;
  readonly precision?: Precision;
  /** What a step of training updates, from its cost. */
  readonly updates?: (cost: Tensor) => Updates;
}

/** The parameters of a pass. They are kept for the next pass over the data, so that passes do not add up on the engine. */
const makeBooks = (length: number) => ({
  order: parameter(new Int32Array(length), { name: 'order' }),
  cursor: parameter({ shape: [], dtype: 'i32', data: new Int32Array(1) }, { name: 'cursor' }),
  /** Σ cost · examples, and right answers. */
  totals: parameter([0, 0], { name: 'totals' }),
});
const spare = new WeakMap<Dataset, ReturnType<typeof makeBooks>[]>();

/**
 * Steps over a data set that lives on the engine. The order of the rows is written once an epoch; a cursor on the device
 * picks each batch and advances by itself, so a step uploads nothing and reads nothing back.
 */
export function makePass(engine: Engine, definition: PassDefinition) {
  const { model, loss, data, batchSize, updates, accuracy = true, precision = 'f32' } = definition;
  const { inputs, labels, scale, classes } = data.values;
  const kept = spare.get(data) ?? [];
  spare.set(data, kept);
  const { order, cursor, totals } = kept.pop() ?? makeBooks(data.length);
  let counted = false;
  const compile = (size: number): Step<{ cost: Tensor }> => {
    const rows = gather(order, add(arange(size), cursor));
    const picked = gather(inputs, rows);
    const values = isScaled(inputs.dtype) ? mul(cast(picked, 'f32'), scale) : picked;
    const output = model.apply(values, { training: updates !== undefined });
    const wanted = gather(labels, rows);
    const hits = classes ? rightAnswers(output, wanted, data, loss) : undefined;
    counted = accuracy && hits !== undefined;
    const cost = loss(output, wanted);
    if (cost.rank !== 0) misfit('loss: it gives', cost, 'and a cost is a scalar');
    const sums = [mul(cost, size), counted ? hits! : zeros([])].map((value) => reshape(value, [1]));
    const own: Updates = [
      [cursor, add(cursor, size)],
      [totals, add(totals, concat(sums, { axis: 0 }))],
    ];
    return engine.compile({ outputs: { cost }, updates: [...(updates?.(cost) ?? []), ...own], precision });
  };
  const full = data.length >= batchSize ? compile(batchSize) : undefined;
  const rest = data.length % batchSize ? compile(data.length % batchSize) : undefined;
  return {
    /** A step of `batchSize` examples, and one of the remainder, where there are so many. */
    full,
    rest,
    /** Whether labels are class numbers, so that there is an accuracy. */
    counted,
    /** Runs the steps over the rest of an order of rows. */
    async run(rows: Int32Array, from: Totals, go: Go): Promise<Totals> {
      let { position } = from;
      const sums = { shape: [2], dtype: 'f64', data: Float64Array.of(from.cost, from.correct) } as const;
      await Promise.all([engine.write(order, rows), engine.write(cursor, position), engine.write(totals, sums)]);
      while (position < data.length) {
        const size = Math.min(batchSize, data.length - position);
        const going = go((size === batchSize ? full : rest)!);
        if (!going) break;
        await going;
        position += size;
      }
      const [cost, correct] = (await engine.read(totals)).data;
      return { position, cost: cost!, correct: correct! };
    },
    release(): void {
      full?.release();
      rest?.release();
      kept.push({ order, cursor, totals });
    },
  };
}

/**
 * How many labels, as a share of an example's, the largest output names; a single one says class 1 above ½, or as a logit
 * above 0. Throws FeedError where a class number has no output.
 */
function rightAnswers(output: Tensor, labels: Tensor, { values }: Dataset, loss: Loss): Tensor | undefined {
  if (!sameShape(labels.shape, output.shape.slice(0, -1))) return undefined;
  const [classes, isLogit] = [output.shape.at(-1)!, loss === binaryCrossEntropy];
  const limit = Math.max(2, classes);
  const { data } = stored(values.labels);
  const at = data.findIndex((label: number) => label < 0 || label >= limit);
  // A single output may be any number, but a single logit tells 0 from 1.
  if (at >= 0 && classes === 1 && !isLogit) return undefined;
  const each = sizeOf(labels.shape.slice(1));
  if (at >= 0)
    throw new FeedError(
      `data: label ${data[at]} of example ${Math.floor(at / each)} has no output among 0 to ${limit - 1}`,
    );
  const named = classes > 1 ? argMax(output, { axis: -1 }) : greater(reshape(output, labels.shape), isLogit ? 0 : 0.5);
  return div(sum(cast(equal(cast(named, 'i32'), labels), 'f32')), each);
}
