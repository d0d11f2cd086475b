// How far a run has come, as plain data, and checks of such data that come from elsewhere.
import { describe } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import type { Tensor } from '../graph/tensor.js';

/** How far a pass has come: examples done, Σ cost · examples over them, and how many of their outputs were right. */
export type Totals = Readonly<Record<'position' | 'cost' | 'correct', number>>;
/** Where a pass begins. */
export const START: Totals = { position: 0, cost: 0, correct: 0 };

/**
 * Progress of a run as plain data: together with the parameters and the optimizer's state, enough to continue bit for
 * bit. `epoch` and `step` count completed ones; `position` is the number of examples done in the current epoch, which
 * the totals are for.
 */
export type Progress = Totals &
  Readonly<Record<'seed' | 'batchSize' | 'examples' | 'epoch' | 'step', number>>;

const COUNTS = ['seed', 'batchSize', 'examples', 'epoch', 'position', 'step'] as const;

/** Says what no run can have come to; undefined where all is right. */
function faultOf(progress: Progress): string | undefined {
  const wrong = COUNTS.find((key) => !Number.isSafeInteger(progress[key]) || progress[key] < 0);
  if (wrong) return `${wrong} is ${describe(progress[wrong])}, which is no count`;
  const { seed, batchSize, examples, epoch, position, step, cost, correct } = progress;
  if (seed >= 2 ** 32) return `seed is ${seed}, above 2³² − 1`;
  if (batchSize < 1 || examples < 1)
    return `it has ${examples} examples in batches of ${batchSize}`;
  if (position >= examples || position % batchSize !== 0)
    return `position is ${position}, where no batch of ${batchSize} of ${examples} examples begins`;
  const steps = epoch * Math.ceil(examples / batchSize) + position / batchSize;
  if (step !== steps)
    return `step is ${step}, and ${epoch} epochs and ${position} examples take ${steps}`;
  if (typeof cost !== 'number') return `cost is ${describe(cost)}, which is no number`;
  const isShare = typeof correct === 'number' && correct >= 0 && correct <= position;
  return isShare ? undefined : `correct is ${describe(correct)}, of ${position} examples`;
}

/** Progress that was kept elsewhere; throws what `fail` makes of what is wrong with it. */
export function checkProgress(value: unknown, fail: (fact: string) => Error): Progress {
  if (typeof value !== 'object' || value === null) throw fail(`it is ${describe(value)}`);
  const given = value as Progress;
  // JSON has null for a cost that is not a number
  const progress = { ...given, cost: given.cost === null ? Number.NaN : given.cost };
  const fault = faultOf(progress);
  if (fault !== undefined) throw fail(fault);
  return progress;
}

/**
 * Throws where a run is to go on from its middle on an engine that has never been given what it had learned: it would
 * train on from the initial values without a word.
 */
export function checkLearned(
  engine: Engine,
  { step }: Progress,
  model: readonly Tensor[],
  state: ReadonlyMap<string, Tensor>,
): void {
  const isNew = (leaves: readonly Tensor[]): boolean =>
    leaves.length > 0 && !leaves.some((leaf) => engine.hasChanged(leaf));
  // plain sgd has a count of steps, which nothing moves
  const slots = Array.from(state).flatMap(([name, leaf]) => (name === 'step' ? [] : [leaf]));
  const lacks = isNew(model) ? 'parameters' : isNew(slots) ? "optimizer's state" : undefined;
  if (step === 0 || lacks === undefined) return;
  throw new NablaError(
    `fit: resume is at step ${step}, and this engine has initial values of the ${lacks}; call checkpoint.load(engine, bytes, { model, optimizer }) first, or leave resume out to begin anew`,
  );
}
