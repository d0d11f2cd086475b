// The playground's network: its steps on an engine, over places for CAPACITY points.
import {
  cast,
  div,
  type Engine,
  equal,
  greater,
  maximum,
  mul,
  nn,
  optim,
  parameter,
  reshape,
  type Step,
  softplus,
  sub,
  sum,
  type Tensor,
  zeros,
} from '../../src/index.browser.js';
import type { FieldStep } from './field.js';
import { CAPACITY } from './plane.js';
import type { NetSettings, Points } from './protocol.js';

const optimizers = {
  adam: (learningRate: number) => optim.adam({ learningRate }),
  sgd: (learningRate: number) => optim.sgd({ learningRate }),
  momentum: (learningRate: number) => optim.sgd({ learningRate, momentum: 0.9 }),
};

/** Places, labels and weights of the points; places without a point weigh 0. They change without another compilation. */
export class PointStore {
  readonly places = parameter(zeros([CAPACITY, 2]), { name: 'places' });
  readonly labels = parameter(zeros([CAPACITY]), { name: 'labels' });
  readonly weights = parameter(zeros([CAPACITY]), { name: 'weights' });
  readonly #engine: Engine;
  count = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async write({ places, labels }: Points): Promise<void> {
    this.count = Math.min(CAPACITY, labels.length);
    const filled = (values: ArrayLike<number>, size: number): Float32Array => {
      const all = new Float32Array(size);
      all.set(Array.from(values).slice(0, size));
      return all;
    };
    await Promise.all([
      this.#engine.write(this.places, filled(places, 2 * CAPACITY)),
      this.#engine.write(this.labels, filled(labels, CAPACITY)),
      this.#engine.write(this.weights, filled(new Array<number>(this.count).fill(1), CAPACITY)),
    ]);
  }
}

export interface Net {
  readonly train: Step<{ cost: Tensor; accuracy: Tensor }>;
  readonly field: FieldStep;
  release(): void;
}

/** A network with random weights. All points make one batch. */
export function makeNet(
  engine: Engine,
  { places, labels, weights }: PointStore,
  grid: Tensor,
  settings: NetSettings,
  seed: number,
): Net {
  const widths = [2, ...settings.hidden];
  const hidden = settings.hidden.map((width, i) =>
    nn.dense(widths[i]!, width, { activation: settings.activation }),
  );
  const model = nn.sequential([...hidden, nn.dense(widths.at(-1)!, 1)], { seed });
  const z = reshape(model.apply(places), [CAPACITY]);
  const count = maximum(sum(weights), 1);
  // binary cross-entropy of logits: softplus(z) − y z
  const cost = div(sum(mul(weights, sub(softplus(z), mul(labels, z)))), count);
  const right = cast(equal(cast(greater(z, 0), 'f32'), labels), 'f32');
  const accuracy = div(sum(mul(weights, right)), count);
  const updates = optimizers[settings.optimizer](settings.learningRate).updates(
    cost,
    model.parameters,
  );
  const train = engine.compile({ outputs: { cost, accuracy }, updates });
  const logits = model.apply(grid);
  const field = { step: engine.compile({ outputs: { logits } }), logits };
  return {
    ...{ train, field },
    release() {
      train.release();
      field.step.release();
    },
  };
}
