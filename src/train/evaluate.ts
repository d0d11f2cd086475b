// evaluate: mean cost and accuracy over a data set, and the pass over batches that fit shares with it.
import type { Precision } from '../autodiff/precision.js';
import { FeedError } from '../core/errors.js';
import { checkWhole, sameShape, sizeOf } from '../core/shape.js';
import { ownValue } from '../cpu/evaluate.js';
import { type Dataset, isScaled } from '../data/dataset.js';
import type { Engine } from '../engine/engine.js';
import type { Updates } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { binaryCrossEntropy, type Loss } from '../loss.js';
import type { BufferUpdate, Layer } from '../nn/layer.js';
import { add, div, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { equal, greater, where } from '../ops/compare.js';
import { drawsFresh } from '../ops/draws.js';
import { gather } from '../ops/indexing.js';
import { arange, parameter, tensor, zeros } from '../ops/leaf.js';
import { always } from '../ops/marks.js';
import { argMax, sum } from '../ops/reduce.js';
import { slice } from '../ops/slice.js';
import { misfit, reshape } from '../ops/view.js';
import { START, type Totals } from './progress.js';
import { checkBesideFit } from './settings.js';

/**
 * Options of `evaluate`. Settings of `fit` are allowed too; all but `batchSize` are ignored, so one object serves both.
 */
export interface EvaluateOptions {
  readonly model: Layer;
  readonly loss: Loss;
  readonly data: Dataset;
  /** Examples per step; about 256 by default. Changes results only by rounding. */
  readonly batchSize?: number;
}
/** Results on a data set: mean cost, and the share of examples that are classified correctly. */
export interface Evaluation {
  /** Mean over the examples. */
  readonly cost: number;
  /** Share of correct predictions, where labels are class numbers. */
  readonly accuracy?: number;
  readonly examples: number;
}

/**
 * The model's mean cost over a data set, and its accuracy where labels are class numbers. Uses every example exactly
 * once, the remainder included; nothing is trained, buffers stay, dropout does not act and batch normalisation takes its
 * running statistics.
 */
export async function evaluate(engine: Engine, options: EvaluateOptions): Promise<Evaluation> {
  const { model, loss, data } = checkBesideFit('evaluate', options, 'model loss data', 'batchSize');
  const { length: examples, rows } = data;
  // near 256, with the smallest remainder
  const { batchSize = Math.ceil(examples / Math.ceil(examples / 256)) } = options;
  checkWhole('evaluate', { 'batch size': batchSize });
  const pass = makePass(engine, { model, loss, data, batchSize });
  try {
    const { cost, correct } = await pass.run(rows, START);
    return {
      cost: cost / examples,
      ...(pass.counted && { accuracy: correct / examples }),
      examples,
    };
  } finally {
    pass.release();
  }
}

interface PassDefinition extends Required<EvaluateOptions> {
  /** false: does not count right answers, which takes a kernel per step. */
  readonly accuracy?: boolean;
  readonly precision?: Precision;
  /** Makes the updates of a training step from its cost. */
  readonly updates?: (cost: Tensor) => Updates;
}

/** Steps whose costs the device keeps. */
export const HISTORY = 256;

/** The parameters of a pass. Later passes over the data use them again, so that memory on the engine does not grow. */
const makeBooks = (length: number) => ({
  order: parameter(new Int32Array(length), { name: 'order' }),
  /** The next example's place in the order, and the next cost's in the ledger. */
  cursor: parameter(new Int32Array(2), { name: 'cursor' }),
  /** Σ cost · examples, right answers, and the costs of the last steps. */
  ledger: parameter(new Float32Array(2 + HISTORY), { name: 'ledger' }),
});
type Books = ReturnType<typeof makeBooks>;
const spare = new WeakMap<Dataset, Books[]>();

/** What a step of so many examples enters: first the sums, then its cost in the place of that of HISTORY steps before. */
function keepBooks({ cursor, ledger }: Books, size: number, cost: Tensor, hits: Tensor): Updates {
  const entry = arange(2 + HISTORY);
  const ofHits = where(equal(entry, 1), hits, 0);
  const sums = where(equal(entry, 0), mul(cost, size), ofHits);
  const isNow = equal(entry, add(slice(cursor, [1], [2]), 2));
  const moved = add(cursor, tensor(Int32Array.of(size, 1)));
  const isAtEnd = equal(moved, tensor(Int32Array.of(-1, HISTORY))); // only the place in the ledger wraps
  return [
    [cursor, where(isAtEnd, 0, moved)],
    [ledger, where(isNow, cost, add(ledger, sums))],
  ];
}

/** Compiles a step over the next `size` examples; says whether it counts right answers and draws fresh random numbers. */
function makeStep(engine: Engine, definition: PassDefinition, books: Books, size: number) {
  const { model, loss, data, updates, accuracy = true, precision = 'f32' } = definition;
  const { inputs, labels, scale, classes } = data.values;
  const rows = gather(books.order, add(arange(size), slice(books.cursor, [0], [1])));
  const picked = gather(inputs, rows);
  const values = isScaled(inputs.dtype) ? mul(cast(picked, 'f32'), scale) : picked;
  // running statistics and the like, which training alone changes
  const moved: BufferUpdate[] = [];
  const output = model.apply(
    values,
    updates ? { training: true, updates: moved } : { training: false },
  );
  const wanted = gather(labels, rows);
  const cost = loss(output, wanted);
  if (cost.rank !== 0) misfit('loss: it gives', cost, 'and a cost is a scalar');
  const hits = classes ? rightAnswers(output, wanted, data, loss) : undefined;
  const counted = accuracy && hits !== undefined;
  const own = keepBooks(books, size, cost, counted ? hits : zeros([]));
  // these go on where precision 'f16' skips what is trained
  const beside: Updates = [...moved, ...own].map(([target, next]) => [target, always.put(next)]);
  const all: Updates = [...(updates?.(cost) ?? []), ...beside];
  const step = engine.compile({ outputs: { cost }, updates: all, precision });
  return { step, counted, isRandom: drawsFresh([cost, ...all.map(([, next]) => next)]) };
}

/**
 * Steps over a data set that lives on the engine. The order of the rows is written once an epoch; a cursor on the device
 * picks each batch and advances by itself, so a step uploads nothing and reads nothing back.
 */
export function makePass(engine: Engine, definition: PassDefinition) {
  const { data, batchSize } = definition;
  const kept = spare.get(data) ?? [];
  spare.set(data, kept);
  const books = kept.pop() ?? makeBooks(data.length);
  const { order, cursor, ledger } = books;
  const size = Math.min(batchSize, data.length);
  const { step: full, counted, isRandom } = makeStep(engine, definition, books, size);
  const left = data.length % size;
  const rest = left > 0 ? makeStep(engine, definition, books, left).step : undefined;
  let steps = 0;
  return {
    /** A step of a whole batch, and one of the remainder. */
    full,
    rest,
    /** Whether labels are class numbers, so that there is an accuracy. */
    counted,
    /** Whether a step draws fresh random numbers, which depend on the run's seed. */
    isRandom,
    /** Runs steps over the rest of an order of rows; `goOn` is asked after each, and may read how far the pass has come. */
    async run(
      rows: Int32Array,
      from: Totals,
      goOn: (soFar: () => Promise<Totals>) => boolean | Promise<boolean> = () => true,
    ): Promise<Totals> {
      let { position } = from;
      steps = 0;
      const sums = new Float64Array(2 + HISTORY);
      sums.set([from.cost, from.correct]);
      const opening = { shape: ledger.shape, dtype: 'f64', data: sums } as const;
      const place = Int32Array.of(position, 0);
      const writes = [engine.write(order, rows), engine.write(cursor, place)];
      await Promise.all([...writes, engine.write(ledger, opening)]);
      const soFar = async (): Promise<Totals> => {
        const [cost = 0, correct = 0] = (await engine.read(ledger)).data;
        return { position, cost, correct };
      };
      do {
        const step = rest && data.length - position < size ? rest : full;
        position = Math.min(position + size, data.length);
        steps++;
        await step.enqueue();
      } while ((await goOn(soFar)) && position < data.length);
      return soFar();
    },
    /** Reads the costs of the last so many steps, at most HISTORY; later ones go on meanwhile. */
    async costs(count: number): Promise<readonly number[]> {
      const first = 2 + ((steps - count) % HISTORY);
      const { data } = await engine.read(ledger);
      return [...data.slice(first), ...data.slice(2, first)].slice(0, count);
    },
    release(): void {
      full.release();
      rest?.release();
      kept.push(books);
    },
  };
}

/**
 * Counts right answers: labels that the largest output names, as a share of an example's labels. A single output means class 1
 * above ½, or above 0 as a logit. Throws FeedError for a class number without an output.
 */
function rightAnswers(
  output: Tensor,
  labels: Tensor,
  { values }: Dataset,
  loss: Loss,
): Tensor | undefined {
  const classes = output.shape.at(-1);
  if (classes === undefined || !sameShape(labels.shape, output.shape.slice(0, -1)))
    return undefined;
  const isLogit = loss === binaryCrossEntropy;
  const limit = Math.max(2, classes);
  const { data } = ownValue(values.labels);
  const at = data.findIndex((label: number) => label < 0 || label >= limit);
  // A single output may be any number, but a single logit tells 0 from 1.
  if (at >= 0 && classes === 1 && !isLogit) return undefined;
  const each = sizeOf(labels.shape.slice(1));
  if (at >= 0)
    throw new FeedError(
      `data: label ${data[at]} of example ${Math.floor(at / each)} has no output in [0, ${limit})`,
    );
  const half = isLogit ? 0 : 0.5;
  const named =
    classes > 1 ? argMax(output, { axis: -1 }) : greater(reshape(output, labels.shape), half);
  const isRight = equal(cast(named, 'i32'), labels);
  return div(sum(cast(isRight, 'f32')), each);
}
