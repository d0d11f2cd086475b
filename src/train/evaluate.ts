import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../engine.js';
import type { Loss } from '../loss.js';
import type { Layer } from '../nn/layer.js';
import { checkOptions } from '../options.js';
import { checkWhole } from '../shape.js';
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

interface Evaluator {
  /** Model, loss, data and batch size. */
  readonly of: readonly unknown[];
  readonly pass: Pass;
  /** Ends when the evaluation in progress has: its cursor is on the device. */
  last: Promise<unknown>;
}
/** How many compiled evaluations an engine keeps. */
const KEPT = 4;
const evaluators = new WeakMap<Engine, Evaluator[]>();

function evaluatorOf(engine: Engine, { model, loss, data, batchSize }: Required<EvaluateOptions>): Evaluator {
  const kept = evaluators.get(engine) ?? [];
  evaluators.set(engine, kept);
  const of = [model, loss, data, batchSize];
  const known = kept.find((each) => each.of.every((part, i) => part === of[i]));
  if (known) return known;
  checkWhole('evaluate', { 'batch size': batchSize });
  const pass = makePass(engine, { model, loss, data, batchSize, training: false, accuracy: true });
  const made: Evaluator = { of, pass, last: Promise.resolve() };
  kept.push(made);
  const oldest = kept.length > KEPT ? kept.shift() : undefined;
  void oldest?.last.finally(() => oldest.pass.release());
  return made;
}

/**
 * The model's mean cost over a data set, and its accuracy where labels are class numbers. Uses every example exactly
 * once, the remainder included; nothing is trained and dropout does not act. Called again with the same model and data
 * it uses what it compiled before.
 */
export async function evaluate(engine: Engine, options: EvaluateOptions): Promise<Evaluation> {
  checkOptions('evaluate', options, 'model loss data');
  const { length: examples, rows } = options.data;
  // near 256, with the smallest remainder
  const { batchSize = Math.ceil(examples / Math.ceil(examples / 256)) } = options;
  const evaluator = evaluatorOf(engine, { ...options, batchSize });
  const { pass } = evaluator;
  const result = evaluator.last.then(async () => {
    await pass.begin(rows, 0, { cost: 0, correct: 0 });
    for (let at = 0; at + batchSize <= examples; at += batchSize) await pass.full!.enqueue();
    await pass.rest?.enqueue();
    const { cost, correct } = await pass.totals();
    return { cost: cost / examples, ...(pass.counted ? { accuracy: correct / examples } : {}), examples };
  });
  evaluator.last = result.catch(() => {});
  return result;
}
