import { isFloat } from './dtype.js';
import { DTypeError, ShapeError } from './errors.js';
import type { Tensor } from './graph/tensor.js';
import { softplus } from './ops/activation.js';
import { div, mul, square, sub } from './ops/arithmetic.js';
import { cast } from './ops/cast.js';
import { oneHot } from './ops/indexing.js';
import { sum } from './ops/reduce.js';
import { softmaxCrossEntropy } from './ops/softmax.js';
import { reshape } from './ops/view.js';
import { formatShape, sameShape } from './shape.js';

/** A scalar cost from a model's output and what it should be; axis 0 is the batch. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

/** Sums what belongs to an example and takes the mean over the batch. */
function overBatch(loss: string, each: Tensor): Tensor {
  const batch = each.shape[0];
  if (!batch)
    throw new ShapeError(`${loss}: ${formatShape(each.shape)} has no batch; axis 0 counts the examples, at least one`);
  return div(sum(each), batch);
}

/** Whole numbers [batch, …] that name classes of an output [batch, …, classes]. */
const namesClasses = (output: Tensor, target: Tensor): boolean =>
  !isFloat(target.dtype) && sameShape(target.shape, output.shape.slice(0, -1));

/**
 * Targets in the output's shape: class numbers become one-hot rows; where there is one output, or one number for each
 * output, they are the numbers themselves.
 */
function targetsLike(loss: string, output: Tensor, target: Tensor): Tensor {
  if (namesClasses(output, target) && output.shape.at(-1) !== 1)
    return oneHot(target.dtype === 'u8' ? cast(target, 'i32') : target, output.shape.at(-1)!);
  const fits = sameShape(output.shape, target.shape) || sameShape(output.shape, [...target.shape, 1]);
  if (!fits)
    throw new ShapeError(
      `${loss}: output ${formatShape(output.shape)} and target ${target.dtype} ${formatShape(target.shape)} do not belong together; make the shapes equal, or pass class numbers (i32) of shape ${formatShape(output.shape.slice(0, -1))}`,
    );
  return reshape(cast(target, output.dtype), output.shape);
}

/** ‖output − target‖², its mean over the batch. Integer targets are class numbers and are made one-hot. */
export const squaredError: Loss = (output, target) =>
  overBatch('squaredError', square(sub(output, targetsLike('squaredError', output, target))));

/** ½ ‖output − target‖², its mean over the batch: Nielsen's quadratic cost. */
export const halfSquaredError: Loss = (output, target) =>
  overBatch('halfSquaredError', mul(0.5, square(sub(output, targetsLike('halfSquaredError', output, target)))));

/**
 * −Σ t ln softmax(logits), its mean over the batch: logits [batch, …, classes]; labels class numbers [batch, …]
 * (integers in [0, classes)) or probabilities of the logits' shape.
 */
export const crossEntropy: Loss = (logits, labels) => {
  if (logits.rank < 2)
    throw new ShapeError(`crossEntropy: logits ${formatShape(logits.shape)}; they are [batch, classes]`);
  if (isFloat(labels.dtype) && sameShape(labels.shape, logits.shape.slice(0, -1)))
    throw new DTypeError(
      `crossEntropy: labels are ${labels.dtype} ${formatShape(labels.shape)}; class numbers are integers: cast(labels, 'i32')`,
    );
  const target = namesClasses(logits, labels)
    ? oneHot(labels.dtype === 'u8' ? cast(labels, 'i32') : labels, logits.shape.at(-1)!)
    : targetsLike('crossEntropy', logits, labels);
  return overBatch('crossEntropy', softmaxCrossEntropy(logits, target, { normalised: namesClasses(logits, labels) }));
};

/**
 * −Σ t ln σ(z) + (1 − t) ln(1 − σ(z)) = Σ softplus(z) − t z, its mean over the batch: logits z and labels t in [0, 1] of
 * one shape; class numbers are made one-hot, or taken as they are where there is one logit.
 */
export const binaryCrossEntropy: Loss = (logits, labels) =>
  overBatch(
    'binaryCrossEntropy',
    sub(softplus(logits), mul(targetsLike('binaryCrossEntropy', logits, labels), logits)),
  );
