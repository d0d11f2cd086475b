// Entries of the table of ops for sums over many tensors, and for what they are composed of.
import fc from 'fast-check';
import type { ComposedKernel } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { countNotFinite, sumOfSquares } from '../../src/ops/totals.js';
import { entry } from './families.js';
import { floats, sample, seeds, shapes } from './samples.js';

type OverMany = (xs: readonly [Tensor, ...Tensor[]]) => Tensor;

/** The sum of partial sums that a total is. */
const folded = (total: Tensor): Tensor =>
  (total.op.kernel as ComposedKernel).compose(total.inputs, total.options);

const over = (name: string, call: OverMany, isDifferentiable = true) =>
  entry(
    name,
    (limit) =>
      fc
        .tuple(fc.array(shapes(limit / 5, { maxRank: 3 }), { maxLength: 4 }), seeds)
        .map(([others, seed]) => {
          const values = [[3], ...others].map((shape, i) => floats(seed, shape, {}, i));
          return sample(name, values, ([first, ...rest]) => call([first!, ...rest]));
        }),
    isDifferentiable,
  );

export const entries = [
  over('sumOfSquares', (xs) => sumOfSquares(...xs)),
  over('squarePartials', (xs) => folded(sumOfSquares(...xs)).inputs[0]!),
  over('foldPartials', (xs) => folded(sumOfSquares(...xs))),
  over('countNotFinite', (xs) => countNotFinite(...xs), false),
  over('faultPartials', (xs) => folded(countNotFinite(...xs)).inputs[0]!, false),
];
