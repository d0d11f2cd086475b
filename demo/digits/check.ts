// One training step's kernels against float64: cost, gradients and optimizer, without changing a weight.
import {
  type CheckReport,
  type Dataset,
  type Engine,
  grad,
  input,
  loss,
  type nn,
  type optim,
  type Updates,
} from '../../src/index.browser.js';

/** Digits a check: float64 recomputes every kernel, so a few are enough. */
const DIGITS = 16;
/** Elements of a parameter whose update is checked too. */
const SMALL = 2000;

type Model = ReturnType<typeof nn.sequential>;
type Optimizer = ReturnType<typeof optim.sgd>;

/** Verifies a step on digits drawn at random, with the weights of the moment. */
export function makeCheck(
  engine: Engine,
  model: Model,
  optimizer: Optimizer,
  data: Dataset,
): () => Promise<CheckReport> {
  const images = input([DIGITS, 784]);
  const labels = input([DIGITS], { dtype: 'i32' });
  const cost = loss.crossEntropy(model.apply(images), labels);
  const parameters = model.parameters;
  // float64 takes its time over a hundred thousand updates, and those of the small parameters run the same kernels
  const isSmall = ([target]: Updates[number]): boolean => target.shape.reduce((size, side) => size * side, 1) <= SMALL;
  const next = optimizer
    .updates(cost, parameters)
    .filter(isSmall)
    .map(([, value]) => value);
  const tree = [cost, ...grad(cost, parameters), ...next];
  return () => {
    const [batch] = data.batches(DIGITS, { seed: Math.floor(Math.random() * 2 ** 31) });
    return engine.verify(
      tree,
      new Map([
        [images, batch!.inputs],
        [labels, batch!.labels],
      ]),
    );
  };
}
