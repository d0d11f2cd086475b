// Loss functions: squared error, cross-entropy and binary cross-entropy, as means over the batch.
import { isFloat } from './core/dtype.js';
import { formatShape, sameShape } from './core/shape.js';
import { checkTensors, type Tensor } from './graph/tensor.js';
import { div, mul, square, sub } from './ops/arithmetic.js';
import { cast } from './ops/cast.js';
import { oneHot } from './ops/indexing.js';
import { sum } from './ops/reduce.js';
import { sigmoidCrossEntropy, softmaxCrossEntropy } from './ops/softmax.js';
import { misfit, reshape } from './ops/view.js';

/** A loss function: a scalar cost from a model's output and the target; axis 0 is the batch. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

/**
 * Returns targets in the output's shape: class numbers [batch, …] for an output [batch, …, classes] become one-hot rows. With
 * `one` class, or one number for each output, targets are the numbers themselves.
 */
function targetsLike(
  loss: string,
  output: Tensor,
  target: Tensor,
  one: number | undefined,
): Tensor {
  const classes = output.shape.at(-1);
  const rows = output.shape.slice(0, -1);
  const isClassNumbers = !isFloat(target.dtype) && sameShape(target.shape, rows);
  if (isClassNumbers && classes !== undefined && classes !== one) {
    const numbers = target.dtype === 'u8' ? cast(target, 'i32') : target;
    return cast(oneHot(numbers, classes), output.dtype);
  }
  if (sameShape(output.shape, target.shape) || sameShape(output.shape, [...target.shape, 1]))
    return reshape(cast(target, output.dtype), output.shape);
  const fix = `make the shapes equal, or pass class numbers (i32) of shape ${formatShape(rows)}`;
  const given = `${target.dtype} ${formatShape(target.shape)}`;
  return misfit(`${loss}: output`, output, `and target ${given} do not belong together; ${fix}`);
}

/** A loss that sums `each` over what belongs to an example and takes the mean over the batch. */
function batchLoss(loss: string, one: number | undefined, each: Loss): Loss {
  return (output, target) => {
    checkTensors(loss, output, target);
    const values = each(output, targetsLike(loss, output, target, one));
    if (values.shape[0]) return div(sum(values), values.shape[0]);
    return misfit(`${loss}:`, values, 'has no batch; axis 0 counts the examples, at least one');
  };
}

/** Mean over the batch of ‖output − target‖². Integer targets are class numbers and become one-hot. */
export const squaredError: Loss = batchLoss('squaredError', 1, (a, t) => square(sub(a, t)));

/** Mean over the batch of ½ ‖output − target‖²: Nielsen's quadratic cost. */
export const halfSquaredError: Loss = batchLoss('halfSquaredError', 1, (a, t) =>
  mul(0.5, square(sub(a, t))),
);

/**
 * Mean over the batch of −Σ t ln softmax(logits), for logits [batch, …, classes] and labels that are class numbers
 * [batch, …] (integers in [0, classes)) or probabilities of the logits' shape.
 */
export const crossEntropy: Loss = batchLoss('crossEntropy', undefined, softmaxCrossEntropy);

/**
 * Mean over the batch of −Σ t ln σ(z) + (1 − t) ln(1 − σ(z)) = Σ softplus(z) − t z, for logits z and labels t in [0, 1]
 * of the same shape; logits may be infinite. Class numbers become one-hot, or are used directly if there is one logit.
 */
export const binaryCrossEntropy: Loss = batchLoss('binaryCrossEntropy', 1, sigmoidCrossEntropy);
