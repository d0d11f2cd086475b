// Generated training steps: models, optimizers, what is frozen, and what was done with the parameters before.
import fc from 'fast-check';
import type { Updates } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { squaredError } from '../../src/loss.js';
import type { Layer } from '../../src/nn/layer.js';
import { dense, layerNorm } from '../../src/nn/layers.js';
import { sequential } from '../../src/nn/sequential.js';
import { input } from '../../src/ops/leaf.js';
import { adam, adamW, type Optimizer, rmsProp, sgd } from '../../src/optim/optimizers.js';
import { cosine } from '../../src/optim/schedules.js';

const makers = {
  sgd: (options: object) => sgd({ learningRate: 0.1, ...options }),
  momentum: (options: object) => sgd({ learningRate: 0.1, momentum: 0.9, ...options }),
  adam: (options: object) => adam({ learningRate: 0.05, ...options }),
  adamW: (options: object) => adamW({ learningRate: 0.05, ...options }),
  rmsProp: (options: object) => rmsProp({ learningRate: 0.02, momentum: 0.5, ...options }),
};

/** A step to be. */
export interface Case {
  readonly widths: readonly number[];
  readonly norms: readonly boolean[];
  readonly optimizer: keyof typeof makers;
  readonly isScheduled: boolean;
  readonly isClipped: boolean;
  /** Whether what has one axis is a group of its own. */
  readonly isGrouped: boolean;
  /** Every n-th layer is frozen; none where n is 0. */
  readonly frozen: number;
  readonly before: 'nothing' | 'evaluated' | 'read' | 'head' | 'all';
}

export const cases: fc.Arbitrary<Case> = fc.record({
  widths: fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 3, maxLength: 7 }),
  norms: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
  optimizer: fc.constantFrom(...(Object.keys(makers) as (keyof typeof makers)[])),
  isScheduled: fc.boolean(),
  isClipped: fc.boolean(),
  isGrouped: fc.boolean(),
  frozen: fc.constantFrom(0, 0, 2, 3),
  before: fc.constantFrom('nothing', 'evaluated', 'read', 'head', 'all'),
});

/** The parts of a training step. */
export interface Training {
  readonly inputs: { readonly x: Tensor; readonly y: Tensor };
  readonly output: Tensor;
  readonly cost: Tensor;
  readonly parameters: readonly Tensor[];
  /** Those that the step trains, by group. */
  readonly groups: readonly (readonly Tensor[])[];
  /** Updates of some parameters by the case's optimizers. */
  readonly updates: (some?: readonly Tensor[]) => Updates;
}

export function trainingOf(given: Case): Training {
  const { widths, norms, isScheduled, isClipped, isGrouped, frozen } = given;
  const layers = widths.slice(1).flatMap((outputs, i): Layer[] => {
    const inner = dense(widths[i]!, outputs, { activation: 'tanh' });
    return norms[i] ? [inner, layerNorm(outputs)] : [inner];
  });
  const model = sequential(layers, { seed: 5 });
  const inputs = { x: input([4, widths[0]!]), y: input([4, widths.at(-1)!]) };
  const output = model.apply(inputs.x);
  const cost = squaredError(output, inputs.y);
  const trained = layers
    .filter((_, i) => frozen === 0 || i % frozen !== 1)
    .flatMap((layer) => layer.parameters);
  const isFlat = ({ rank }: Tensor): boolean => rank < 2;
  const groups = isGrouped
    ? [trained.filter((each) => !isFlat(each)), trained.filter(isFlat)]
    : [trained];
  const options = {
    ...(isScheduled && { learningRate: cosine(0.1, { steps: 20 }) }),
    ...(isClipped && { clipNorm: 0.5 }),
  };
  const optimizers = groups.map((_, i): Optimizer => {
    return makers[given.optimizer]({ ...options, weightDecay: i === 0 ? 0.01 : 0 });
  });
  const updates = (some: readonly Tensor[] = trained): Updates =>
    groups.flatMap((group, i) => {
      const own = group.filter((each) => some.includes(each));
      return own.length > 0 ? optimizers[i]!.updates(cost, own) : [];
    });
  return { inputs, output, cost, parameters: model.parameters, groups, updates };
}

/** The last parameters of a model. */
export const headOf = ({ groups }: Training): Tensor[] =>
  groups.flatMap((group) => group.slice(-1));
