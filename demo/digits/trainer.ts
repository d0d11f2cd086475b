/// <reference types="vite/client" />
// The network and its training, in the worker. The page hears of it through `post`.
import {
  type CheckReport,
  type Dataset,
  data,
  type Engine,
  evaluate,
  type FitOptions,
  fit,
  input,
  loss,
  nn,
  optim,
  type Progress,
  type Step,
  softmax,
  type Tensor,
  type TensorData,
} from '../../src/index.browser.js';
import { makeCheck } from './check.js';
import type { DigitsReply as Reply } from './protocol.js';

/** Epochs after which training stops; the next start adds as many again. */
const EPOCHS = 10;
const BATCH_SIZE = 64;
/** The share of the test digits that is looked at while training goes on. */
const GLANCE = 0.1;
/** Milliseconds between two glances, and the part of the time that they may take. */
const GLANCE_EVERY = 1000;
const GLANCE_SHARE = 0.25;
/** Milliseconds between two classifications of the digit on the pad while training goes on. */
const LOOK_EVERY = 150;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Trainer {
  readonly #engine: Engine;
  readonly #post: (reply: Reply) => void;
  readonly #fail: (error: unknown) => void;
  readonly #train: Dataset;
  readonly #test: Dataset;
  readonly #few: Dataset;
  readonly #model = nn.sequential(nn.dense(784, 128, { activation: 'relu' }), nn.dense(128, 10));
  readonly #optimizer = optim.adam({ learningRate: 1e-3 });
  /** Compares the kernels of a training step with float64. */
  readonly check: () => Promise<CheckReport>;
  readonly #classify: Step<{ probabilities: Tensor }>;
  /** Parameters and optimizer state as they were before the first step. */
  #beginning: (readonly [Tensor, TensorData])[] = [];
  #progress: Progress | undefined;
  #epochs = EPOCHS;
  #run = 0;
  /** Present while training goes on, or is being stopped. */
  #training: { stop: AbortController; ended: Promise<void> } | undefined;
  /** Commands are carried out one after the other. */
  #commands: Promise<void> = Promise.resolve();
  #pixels: Float32Array | undefined;
  #looking = false;
  #lookAgain = false;

  private constructor(
    engine: Engine,
    post: (reply: Reply) => void,
    fail: (error: unknown) => void,
    { train, test }: { train: Dataset; test: Dataset },
  ) {
    this.#engine = engine;
    this.#post = post;
    this.#fail = fail;
    this.#train = train;
    this.#test = test;
    [this.#few] = test.split(GLANCE, { seed: 1 });
    this.check = makeCheck(engine, this.#model, this.#optimizer, train);
    const pixels = input([1, 784], { name: 'pixels' });
    const probabilities = softmax(this.#model.apply(pixels));
    this.#classify = engine.compile({ inputs: { pixels }, outputs: { probabilities } });
  }

  /** Fetches the digits from a folder and sets the network up. */
  static async create(
    engine: Engine,
    folder: string,
    post: (reply: Reply) => void,
    fail: (error: unknown) => void,
  ): Promise<Trainer> {
    const onProgress = (done: number, total: number): void => post({ type: 'loading', done, total });
    const suffix = import.meta.env.PROD ? '.gz' : '';
    const trainer = new Trainer(engine, post, fail, await data.mnist(folder, { onProgress, suffix }));
    post({ type: 'compiling' });
    await trainer.#prepare();
    return trainer;
  }

  start(): void {
    this.#enqueue(async () => {
      if (this.#training) return;
      const stop = new AbortController();
      this.#training = { stop, ended: this.#fit(stop.signal) };
      void this.#glance(stop.signal);
      void this.#watch(stop.signal);
    });
  }

  /** Stops after the steps in flight, then counts over all test digits. */
  pause(): void {
    this.#training?.stop.abort();
    this.#enqueue(async () => {
      await this.#training?.ended;
      if (this.#progress) void this.#count(this.#test, () => !this.#training);
    });
  }

  /** Back to the weights of the beginning. */
  reset(run: number): void {
    this.#run = run;
    this.#training?.stop.abort();
    this.#enqueue(async () => {
      await this.#training?.ended;
      this.#progress = undefined;
      this.#epochs = EPOCHS;
      await Promise.all(this.#beginning.map(([leaf, value]) => this.#engine.write(leaf, value)));
      void this.#look();
    });
  }

  /** Keeps a digit in view; undefined lets go of it. */
  classify(pixels: Float32Array | undefined): void {
    this.#pixels = pixels;
    void this.#look();
  }

  /** A test digit drawn at random. */
  sample(): void {
    const [batch] = this.#test.batches(1, { seed: Math.floor(Math.random() * 2 ** 31) });
    const pixels = Float32Array.from(batch!.inputs.data);
    this.#post({ type: 'sample', pixels, label: batch!.labels.data[0]! });
  }

  #settings(): FitOptions {
    const [model, optimizer, crossEntropy] = [this.#model, this.#optimizer, loss.crossEntropy];
    const settings = { epochs: this.#epochs, batchSize: BATCH_SIZE, accuracy: false };
    return { model, optimizer, loss: crossEntropy, data: this.#train, ...settings };
  }

  /** Has everything compiled that will run, so that training starts at once. */
  async #prepare(): Promise<void> {
    const leaves = [...this.#model.parameters, ...this.#optimizer.state(this.#model.parameters).values()];
    this.#beginning = await Promise.all(leaves.map(async (leaf) => [leaf, await this.#engine.read(leaf)] as const));
    for await (const _ of fit(this.#engine, { ...this.#settings(), steps: 0 }));
    await this.#classify({ pixels: new Float32Array(784) });
    await this.#count(this.#few, () => false);
  }

  async #fit(signal: AbortSignal): Promise<void> {
    const run = this.#run;
    const training = fit(this.#engine, {
      ...this.#settings(),
      ...(this.#progress && { resume: this.#progress }),
      signal,
      onStep: ({ step, epoch, cost }) => this.#post({ type: 'step', run, step, epoch, cost }),
    });
    try {
      for await (const _ of training) await this.#count(this.#test, () => true);
      this.#progress = training.progress;
      const done = !signal.aborted;
      if (done) this.#epochs += EPOCHS;
      this.#post({ type: 'stopped', run, done });
    } catch (error) {
      this.#fail(error);
    }
    this.#training = undefined;
    void this.#look();
  }

  /** Measures accuracy on some of the test digits, now and again. */
  async #glance(signal: AbortSignal): Promise<void> {
    const isTraining = (): boolean => !signal.aborted && this.#training?.stop.signal === signal;
    for (let wait = GLANCE_EVERY / 2; ; ) {
      await sleep(wait);
      if (!isTraining()) return;
      const began = performance.now();
      await this.#count(this.#few, isTraining);
      wait = Math.max(GLANCE_EVERY, (performance.now() - began) / GLANCE_SHARE);
    }
  }

  /** Classifies the digit on the pad while the network learns. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#training?.stop.signal === signal) {
      await this.#look();
      await sleep(LOOK_EVERY);
    }
  }

  /** Posts the accuracy on a data set, if that is still wanted when it is known. */
  async #count(digits: Dataset, isWanted: () => boolean): Promise<void> {
    const run = this.#run;
    try {
      const { accuracy = 0, examples } = await evaluate(this.#engine, {
        ...{ model: this.#model, loss: loss.crossEntropy, data: digits },
      });
      if (isWanted()) this.#post({ type: 'accuracy', run, accuracy, tests: examples });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Classifies the digit on the pad; of several requests at one time, only the last matters. */
  async #look(): Promise<void> {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#lookAgain && this.#pixels) {
        this.#lookAgain = false;
        const run = this.#run;
        const { probabilities } = await this.#classify({ pixels: this.#pixels });
        if (this.#pixels) this.#post({ type: 'probabilities', run, values: Float32Array.from(probabilities.data) });
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#looking = false;
  }

  #enqueue(command: () => Promise<void>): void {
    this.#commands = this.#commands.then(command).catch((error: unknown) => this.#fail(error));
  }
}
