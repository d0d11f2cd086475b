import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../engine.js';
import type { Loss } from '../loss.js';
import type { Layer } from '../nn/layer.js';
import { checkOptions } from '../options.js';
import { checkWhole } from '../shape.js';
import { makePass } from './pass.js';

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
  const pass = makePass(engine, { ...options, batchSize, training: false, accuracy: true });
  try {
    await pass.begin(rows, 0, { cost: 0, correct: 0 });
    for (let at = 0; at + batchSize <= examples; at += batchSize) await pass.full!.enqueue();
    await pass.rest?.enqueue();
    const { cost, correct } = await pass.totals();
    return { cost: cost / examples, ...(pass.counted ? { accuracy: correct / examples } : {}), examples };
  } finally {
    pass.release();
  }
}
