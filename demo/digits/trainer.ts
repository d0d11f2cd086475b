/// <reference types="vite/client" />
// The network and its training, in the worker. The page hears of it through `post`.
import {
  type CrossCheck,
  type Dataset,
  data,
  type Engine,
  evaluate,
  type FitOptions,
  fit,
  loss,
  type Progress,
} from '../../src/index.browser.js';
import { latest } from '../shared/latest.js';
import { DigitNet } from './net.js';
import type { DigitSettings, DigitsReply as Reply } from './protocol.js';
import { KernelTimes } from './times.js';

/** Epochs after which training stops; the next start adds as many again. */
const EPOCHS = 10;
/** The share of the test digits that is looked at while training goes on. */
const GLANCE = 0.1;
/** Milliseconds between two glances, and the part of the time that they may take. */
const GLANCE_EVERY = 1000;
const GLANCE_SHARE = 0.25;
/** Milliseconds between two classifications of the digit on the pad while training goes on. */
const LOOK_EVERY = 150;
/** Milliseconds between two pictures of the inside, and between two searches for hard digits. */
const PICTURE_EVERY = 600;
const SEARCH_EVERY = 4000;
/** Milliseconds between two readings of the kernels' times. */
const TIMES_EVERY = 1000;
/** How many hard digits are shown. */
const HARD = 12;

type EngineFor = (settings: DigitSettings) => Promise<Engine>;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Trainer {
  readonly #engineFor: EngineFor;
  readonly #post: (reply: Reply) => void;
  readonly #fail: (error: unknown) => void;
  readonly #train: Dataset;
  readonly #test: Dataset;
  readonly #few: Dataset;
  #engine!: Engine;
  #net!: DigitNet;
  /** Where the engine measures them. */
  #times: KernelTimes | undefined;
  #isVisible = true;
  #progress: Progress | undefined;
  #epochs = EPOCHS;
  #run = 0;
  /** Present while training goes on, or is being stopped. */
  #training: { stop: AbortController; ended: Promise<void> } | undefined;
  /** Commands are carried out one after the other. */
  #commands: Promise<void> = Promise.resolve();
  #pixels: Float32Array | undefined;
  #crossCheck: CrossCheck = 'off';

  private constructor(
    engineFor: EngineFor,
    post: (reply: Reply) => void,
    fail: (error: unknown) => void,
    digits: { train: Dataset; test: Dataset },
  ) {
    this.#engineFor = engineFor;
    this.#post = post;
    this.#fail = fail;
    this.#train = digits.train;
    this.#test = digits.test;
    [this.#few] = digits.test.split(GLANCE, { seed: 1 });
  }

  /** Fetches the digits from a folder and sets the network up. */
  static async create(
    engineFor: EngineFor,
    folder: string,
    settings: DigitSettings,
    post: (reply: Reply) => void,
    fail: (error: unknown) => void,
  ): Promise<Trainer> {
    const onProgress = (done: number, total: number): void => post({ type: 'loading', done, total });
    const suffix = import.meta.env.PROD ? '.gz' : '';
    const trainer = new Trainer(engineFor, post, fail, await data.mnist(folder, { onProgress, suffix }));
    post({ type: 'compiling' });
    await trainer.#prepare(settings);
    return trainer;
  }

  /** Which kernel calls are compared with float64 while it trains. */
  crossCheck(mode: CrossCheck): void {
    this.#crossCheck = mode;
    if (this.#training) this.#engine.crossCheck = mode;
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
    this.#halt();
    this.#enqueue(async () => {
      await this.#training?.ended;
      if (this.#progress) void this.#settle(); // nobody who starts again waits for that
    });
  }

  /** No step and no check after those under way. */
  #halt(): void {
    this.#training?.stop.abort();
    this.#engine.crossCheck = 'off';
  }

  /** What the network makes of all test digits, until training goes on. */
  async #settle(): Promise<void> {
    const rests = (): boolean => !this.#training;
    await this.#count(this.#test, rests);
    if (rests()) await this.#picture();
    if (rests()) await this.#search(this.#test.length, rests);
  }

  /** Back to the weights of the beginning. */
  reset(run: number): void {
    this.#restart(run, () => this.#net.reset());
  }

  /** Another network. */
  configure(run: number, settings: DigitSettings): void {
    this.#restart(run, async () => {
      this.#net.release();
      await this.#prepare(settings);
    });
  }

  #restart(run: number, renew: () => Promise<void>): void {
    this.#run = run;
    this.#halt();
    this.#enqueue(async () => {
      await this.#training?.ended;
      this.#progress = undefined;
      this.#epochs = EPOCHS;
      await renew();
      void this.#look();
      await this.#picture();
    });
  }

  show(isVisible: boolean): void {
    this.#isVisible = isVisible;
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
    const { model, optimizer, batchSize } = this.#net;
    const settings = { epochs: this.#epochs, batchSize, accuracy: false };
    return { model, optimizer, loss: loss.crossEntropy, data: this.#train, ...settings };
  }

  /** A network, and everything compiled that will run, so that training starts at once. */
  async #prepare(settings: DigitSettings): Promise<void> {
    this.#engine = await this.#engineFor(settings);
    this.#net = new DigitNet(this.#engine, this.#test, settings);
    await this.#net.prepare();
    for await (const _ of fit(this.#engine, { ...this.#settings(), steps: 0 }));
    await this.#count(this.#few, () => false);
    this.#post({ type: 'ready', ...this.#net.plan() });
    this.#times = settings.timed ? await KernelTimes.start(this.#engine) : undefined;
    await this.#picture();
  }

  async #fit(signal: AbortSignal): Promise<void> {
    const run = this.#run;
    this.#engine.crossCheck = this.#crossCheck;
    const training = fit(this.#engine, {
      ...this.#settings(),
      ...(this.#progress && { resume: this.#progress }),
      signal,
      onStep: ({ step, epoch, cost }) => this.#post({ type: 'step', run, step, epoch, cost }),
    });
    try {
      for await (const _ of training) {
        await this.#count(this.#test, () => true);
        await this.#search(this.#test.length);
      }
      this.#progress = training.progress;
      const done = !signal.aborted;
      if (done) this.#epochs += EPOCHS;
      this.#post({ type: 'stopped', run, done });
    } catch (error) {
      this.#fail(error);
    }
    this.#training = undefined;
    this.#engine.crossCheck = 'off';
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

  /** Classifies the digit on the pad and shows the inside while the network learns. */
  async #watch(signal: AbortSignal): Promise<void> {
    let [pictured, timed, searched] = [0, performance.now(), performance.now() - SEARCH_EVERY / 2];
    while (!signal.aborted && this.#training?.stop.signal === signal) {
      await this.#look();
      if (this.#isVisible && performance.now() - pictured > PICTURE_EVERY) {
        await this.#picture();
        pictured = performance.now();
      }
      if (this.#isVisible && performance.now() - timed > TIMES_EVERY) {
        await this.#time(this.#times);
        timed = performance.now();
      }
      if (this.#isVisible && performance.now() - searched > SEARCH_EVERY) {
        await this.#search(this.#few.length);
        searched = performance.now();
      }
      await sleep(LOOK_EVERY);
    }
  }

  /** Classifies the digit on the pad. */
  readonly #look = latest(async () => {
    const pixels = this.#pixels;
    if (!pixels) return;
    await this.#tell(async (run) => ({ type: 'probabilities', run, values: await this.#net.classify(pixels) }));
  });

  #picture(): Promise<void> {
    return this.#tell(async (run) => ({ type: 'insight', run, insight: await this.#net.look() }));
  }

  async #time(times: KernelTimes | undefined): Promise<void> {
    if (times) await this.#tell(async (run) => ({ type: 'times', run, kernels: await times.read() }));
  }

  /** Looks for the hardest digits among the first of the test set. */
  #search(limit: number, isWanted = () => true): Promise<void> {
    return this.#tell(async (run) => {
      return { type: 'hardest', run, digits: await this.#net.hardest(limit, HARD, isWanted) };
    });
  }

  /** Posts what is found out of the run of the moment. */
  async #tell(find: (run: number) => Promise<Reply>): Promise<void> {
    try {
      this.#post(await find(this.#run));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Posts the accuracy on a data set, if that is still wanted when it is known. */
  async #count(digits: Dataset, isWanted: () => boolean): Promise<void> {
    const run = this.#run;
    try {
      const { accuracy = 0, examples } = await evaluate(this.#engine, {
        ...{ model: this.#net.model, loss: loss.crossEntropy, data: digits },
      });
      if (isWanted()) this.#post({ type: 'accuracy', run, accuracy, tests: examples });
    } catch (error) {
      this.#fail(error);
    }
  }

  #enqueue(command: () => Promise<void>): void {
    this.#commands = this.#commands.then(command).catch((error: unknown) => this.#fail(error));
  }
}
