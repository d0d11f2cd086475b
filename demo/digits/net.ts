// A network for the digits, and the computations that show how it learns.
import {
  cast,
  type Dataset,
  type Engine,
  gather,
  grad,
  input,
  logSoftmax,
  loss,
  mul,
  nn,
  optim,
  relu,
  type Step,
  sigmoid,
  silu,
  slice,
  softmax,
  type Tensor,
  type TensorData,
  tanh,
} from '../../src/index.browser.js';
import type { DigitSettings, HardDigit, Insight, Kernel } from './protocol.js';

const activations = { relu, tanh, sigmoid, silu };
const initializers = {
  relu: 'heUniform',
  silu: 'heUniform',
  tanh: 'glorotUniform',
  sigmoid: 'glorotUniform',
} as const;
const optimizers = {
  adam: (learningRate: number) => optim.adam({ learningRate }),
  rmsProp: (learningRate: number) => optim.rmsProp({ learningRate }),
  sgd: (learningRate: number) => optim.sgd({ learningRate }),
  momentum: (learningRate: number) => optim.sgd({ learningRate, momentum: 0.9 }),
};

/** Test digits whose error signals are shown, and neurons whose weights are. */
const SHOWN_DIGITS = 32;
const SHOWN_NEURONS = 24;
/** Digits a step of the search for hard ones. */
const CHUNK = 500;

const pixelsOf = ({ values }: Dataset, rows: Tensor): Tensor =>
  mul(cast(gather(values.inputs, rows), 'f32'), values.scale);

/** Numbers of a constant. */
const dataOf = (node: Tensor): TensorData['data'] =>
  (node.options as { value: TensorData }).value.data;

export class DigitNet {
  readonly model: ReturnType<typeof nn.sequential>;
  readonly optimizer: ReturnType<typeof optim.sgd>;
  readonly batchSize: number;
  readonly #engine: Engine;
  readonly #test: Dataset;
  readonly #classify: Step<{ probabilities: Tensor }>;
  readonly #look: Step<{ weights: Tensor; deltas: Tensor[] }>;
  readonly #score: Step<{ scores: Tensor }>;
  #isReleased = false;
  /** Parameters and optimizer state as they were before the first step. */
  #beginning: (readonly [Tensor, TensorData])[] = [];

  constructor(engine: Engine, test: Dataset, settings: DigitSettings) {
    this.#engine = engine;
    this.#test = test;
    this.batchSize = settings.batchSize;
    const initializer = initializers[settings.activation];
    const widths = [784, ...settings.hidden, 10];
    const layers = widths.slice(1).map((width, i) => {
      const isHidden = i < settings.hidden.length;
      return nn.dense(widths[i]!, width, isHidden ? { initializer, biasInitializer: 'zeros' } : {});
    });
    const activate = activations[settings.activation];
    this.model = nn.sequential(
      ...layers.flatMap((layer, i) => (i > 0 ? [activate, layer] : [layer])),
    );
    this.optimizer = optimizers[settings.optimizer](settings.learningRate);
    const pixels = input([1, 784], { name: 'pixels' });
    const probabilities = softmax(this.model.apply(pixels));
    this.#classify = engine.compile({ inputs: { pixels }, outputs: { probabilities } });
    const rows = input([CHUNK], { dtype: 'i32' });
    const scores = logSoftmax(this.model.apply(pixelsOf(test, rows)));
    this.#score = engine.compile({ inputs: { rows }, outputs: { scores } });
    this.#look = this.#makeLook(layers, activate);
  }

  /** The weights of the first layer, and δ = ∂C/∂z of each layer for some test digits. */
  #makeLook(layers: readonly ReturnType<typeof nn.dense>[], activate: (x: Tensor) => Tensor) {
    const shown = input([SHOWN_DIGITS], { dtype: 'i32' });
    const sums: Tensor[] = [];
    let at = pixelsOf(this.#test, shown);
    for (const [i, layer] of layers.entries()) {
      at = layer.apply(i > 0 ? activate(at) : at);
      sums.push(at);
    }
    const labels = gather(this.#test.values.labels, shown);
    const deltas = grad(loss.crossEntropy(at, labels), sums);
    const weight = this.model.parameters[0]!;
    const weights = slice(weight, [0, 0], [Math.min(SHOWN_NEURONS, weight.shape[0]!), 784]);
    return this.#engine.compile({ inputs: { shown }, outputs: { weights, deltas } });
  }

  /** Keeps the weights of the beginning, and has everything compiled. */
  async prepare(): Promise<void> {
    const leaves = [
      ...this.model.parameters,
      ...this.optimizer.state(this.model.parameters).values(),
    ];
    this.#beginning = await Promise.all(
      leaves.map(async (leaf) => [leaf, await this.#engine.read(leaf)] as const),
    );
    await this.classify(new Float32Array(784));
    await this.look();
    await this.#engine.warmUp(this.#score);
  }

  /** Back to the weights of the beginning. */
  async reset(): Promise<void> {
    await Promise.all(this.#beginning.map(([leaf, value]) => this.#engine.write(leaf, value)));
  }

  async classify(pixels: Float32Array): Promise<Float32Array> {
    return Float32Array.from((await this.#classify({ pixels })).probabilities.data);
  }

  async look(): Promise<Insight> {
    const { weights, deltas } = await this.#look({ shown: this.#test.rows.slice(0, SHOWN_DIGITS) });
    return {
      weights: Float32Array.from(weights.data),
      deltas: deltas.map(({ shape, data }) => ({
        width: shape[1]!,
        values: Float32Array.from(data),
      })),
    };
  }

  /** The test digits, among the first `limit` or as many as are wanted, to whose label it gives the least probability. */
  async hardest(limit: number, count: number, isWanted: () => boolean): Promise<HardDigit[]> {
    const { values, rows } = this.#test;
    const [labels, inputs] = [dataOf(values.labels), dataOf(values.inputs)];
    const found: (Omit<HardDigit, 'pixels'> & { row: number })[] = [];
    for (let at = 0; at + CHUNK <= Math.min(limit, rows.length); at += CHUNK) {
      if (this.#isReleased || (at > 0 && !isWanted())) break;
      const chunk = rows.slice(at, at + CHUNK);
      const { scores } = await this.#score({ rows: chunk });
      chunk.forEach((row, i) => {
        const own = scores.data.slice(10 * i, 10 * i + 10);
        const label = labels[row]!;
        const guess = own.indexOf(Math.max(...own));
        found.push({ row, label, guess, share: Math.exp(own[label]!) });
      });
    }
    found.sort((a, b) => a.share - b.share);
    return found.slice(0, count).map(({ row, ...rest }) => {
      const pixels = Float32Array.from(
        inputs.slice(784 * row, 784 * (row + 1)),
        (value: number) => value / 255,
      );
      return { ...rest, pixels };
    });
  }

  /** What a training step runs. */
  plan(): { kernels: Kernel[]; unfused: number } {
    const images = input([this.batchSize, 784]);
    const labels = input([this.batchSize], { dtype: 'i32' });
    const cost = loss.crossEntropy(this.model.apply(images), labels);
    const updates = this.optimizer.updates(cost, this.model.parameters);
    const step = this.#engine.compile({ inputs: { images, labels }, outputs: { cost }, updates });
    step.release();
    const kernels = step.plan.dispatches.map(({ kernel, workgroups }) => ({
      name: kernel.replaceAll('+', ' + '),
      workgroups: workgroups.filter((count) => count > 1).join(' × ') || '1',
    }));
    return { kernels, unfused: step.plan.dispatchesUnfused };
  }

  /** Frees the steps once the calls under way are done. */
  release(): void {
    this.#isReleased = true;
    for (const step of [this.#classify, this.#look, this.#score]) step.release();
  }
}
