import type { Dataset } from '../data/dataset.js';
import { checkBatchSize } from '../data/dataset.js';
import type { Engine } from '../engine.js';
import type { Loss } from '../loss.js';
import type { Layer } from '../nn/layer.js';
import { makePass, type Pass } from './pass.js';

export interface EvaluateOptions {
  readonly model: Layer;
  readonly loss: Loss;
  readonly data: Dataset;
  /** Examples a step; about 256 unless given. Does not change what comes out, but for rounding. */
  readonly batchSize?: number;
}
export interface Evaluation {
  /** Mean over the examples. */
  readonly cost: number;
  /** Share of right answers, where labels are class numbers. */
  readonly accuracy?: number;
  readonly examples: number;
}

interface Evaluator extends Required<EvaluateOptions> {
  readonly pass: Pass;
  /** Ends when the evaluation in progress has: its cursor is on the device. */
  last: Promise<unknown>;
}
/** How many compiled evaluations an engine keeps. */
const KEPT = 4;
const evaluators = new WeakMap<Engine, Evaluator[]>();

/** A batch size near 256 that leaves the smallest remainder. */
const evenBatches = (length: number): number => Math.ceil(length / Math.ceil(length / 256));

function evaluatorOf(engine: Engine, { model, loss, data, batchSize = evenBatches(data.length) }: EvaluateOptions) {
  const kept = evaluators.get(engine) ?? [];
  evaluators.set(engine, kept);
  const same = (known: Evaluator): boolean =>
    known.model === model && known.loss === loss && known.data === data && known.batchSize === batchSize;
  const known = kept.find(same);
  if (known) return known;
  checkBatchSize('evaluate', batchSize);
  const pass = makePass(engine, { model, loss, data, batchSize, training: false, accuracy: true });
  const made: Evaluator = { model, loss, data, batchSize, pass, last: Promise.resolve() };
  kept.push(made);
  if (kept.length > KEPT) {
    const oldest = kept.shift()!;
    void oldest.last.finally(() => oldest.pass.release());
  }
  return made;
}

async function runPass({ pass, data, batchSize }: Evaluator): Promise<Evaluation> {
  const examples = data.length;
  await pass.begin(data.rows, 0, { cost: 0, correct: 0 });
  for (let at = 0; at + batchSize <= examples; at += batchSize) await pass.full!.enqueue();
  await pass.rest?.enqueue();
  const { cost, correct } = await pass.totals();
  return { cost: cost / examples, ...(pass.counted ? { accuracy: correct / examples } : {}), examples };
}

/**
 * The model's mean cost over a data set, and its accuracy where labels are class numbers. Uses every example exactly
 * once, the remainder included; nothing is trained and dropout does not act. Called again with the same model and data
 * it uses what it compiled before.
 */
export async function evaluate(engine: Engine, options: EvaluateOptions): Promise<Evaluation> {
  const evaluator = evaluatorOf(engine, options);
  const result = evaluator.last.then(() => runPass(evaluator));
  evaluator.last = result.catch(() => {});
  return result;
}
