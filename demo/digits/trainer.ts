// The network and its training, in the worker. The page hears of it through the answers to its requests.
import {
  type CrossCheck,
  type Dataset,
  type Engine,
  evaluate,
  type FitOptions,
  fit,
  loss,
  type Progress,
} from '../../src/index.browser.js';
import type { Answer as AnswerOf } from '../protocol.js';
import { latest } from '../shared/latest.js';
import { DigitNet } from './net.js';
import * as pace from './pace.js';
import type { DigitSettings, DigitsReply as Reply } from './protocol.js';
import { KernelTimes } from './times.js';

type Answer = AnswerOf<'digits'>;
type EngineFor = (settings: DigitSettings) => Promise<Engine>;

export class Trainer {
  readonly #engineFor: EngineFor;
  readonly #train: Dataset;
  readonly #test: Dataset;
  readonly #few: Dataset;
  #engine!: Engine;
  /** There is none before the first `configure`. */
  #net: DigitNet | undefined;
  /** Under whose run the present network is told of: it changes together with the network. */
  #answer: Answer;
  /** Of the newest `configure`: older ones that still wait need not be carried out. */
  #newest: Answer | undefined;
  /** Where the engine measures them. */
  #times: KernelTimes | undefined;
  #isVisible = true;
  #progress: Progress | undefined;
  #epochs = pace.EPOCHS;
  /** Present while training goes on, or is being stopped. */
  #training: { stop: AbortController; ended: Promise<void> } | undefined;
  /** Commands are carried out one after the other. */
  #commands: Promise<void> = Promise.resolve();
  #isClosed = false;
  #pixels: Float32Array | undefined;
  #crossCheck: CrossCheck = 'off';

  constructor(engineFor: EngineFor, digits: { train: Dataset; test: Dataset }, answer: Answer) {
    this.#engineFor = engineFor;
    this.#train = digits.train;
    this.#test = digits.test;
    [this.#few] = digits.test.split(pace.GLANCE, { seed: 1 });
    this.#answer = answer;
  }

  /** Which kernel calls are compared with float64 while it trains. */
  crossCheck(mode: CrossCheck): void {
    this.#crossCheck = mode;
    if (this.#training) this.#engine.crossCheck = mode;
  }

  start(answer: Answer): void {
    this.#enqueue(answer, async () => {
      if (this.#training || !this.#net) return;
      this.#answer = answer;
      const stop = new AbortController();
      this.#training = { stop, ended: this.#fit(this.#net, answer, stop.signal) };
      void this.#glance(stop.signal);
      void this.#watch(stop.signal);
    });
  }

  /** Stops after the steps in flight, then counts over all test digits. */
  pause(): void {
    this.#halt();
    this.#enqueue(this.#answer, async () => {
      await this.#end();
      if (this.#progress) void this.#settle(); // nobody who starts again waits for that
    });
  }

  /** No step and no check after those under way. */
  #halt(): void {
    this.#training?.stop.abort();
    if (this.#net) this.#engine.crossCheck = 'off';
  }

  /** The end of training, of one too that waited to begin when it was to stop. */
  async #end(): Promise<void> {
    this.#halt();
    await this.#training?.ended;
  }

  /** What the network makes of all test digits, until training goes on. */
  async #settle(): Promise<void> {
    const rests = (): boolean => !this.#training && !this.#isClosed;
    await this.#count(this.#test, rests);
    if (rests()) await this.#picture();
    if (rests()) await this.#search(this.#test.length, rests);
  }

  /** Back to the weights of the beginning. */
  reset(answer: Answer): void {
    this.#restart(answer, async () => {
      await this.#net?.reset();
      this.#answer = answer;
    });
  }

  /** Another network. */
  configure(settings: DigitSettings, answer: Answer): void {
    this.#newest = answer;
    this.#restart(answer, async () => {
      if (answer === this.#newest) await this.#prepare(settings, answer);
    });
  }

  #restart(answer: Answer, renew: () => Promise<void>): void {
    this.#halt();
    this.#enqueue(answer, async () => {
      await this.#end();
      this.#progress = undefined;
      this.#epochs = pace.EPOCHS;
      await renew();
      if (this.#answer !== answer) return;
      void this.#look();
      await this.#picture();
    });
  }

  /** Nothing is computed any more but what is under way. */
  close(): void {
    this.#isClosed = true;
    this.#pixels = undefined;
    this.#halt();
    this.#commands = this.#commands.then(async () => {
      await this.#end();
      this.#net?.release();
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
  sample(answer: Answer): void {
    const [batch] = this.#test.batches(1, { seed: Math.floor(Math.random() * 2 ** 31) });
    const pixels = Float32Array.from(batch!.inputs.data);
    answer.post({ type: 'sample', pixels, label: batch!.labels.data[0]! });
  }

  #settings({ model, optimizer, batchSize }: DigitNet): FitOptions {
    const settings = { epochs: this.#epochs, batchSize, accuracy: false };
    return { model, optimizer, loss: loss.crossEntropy, data: this.#train, ...settings };
  }

  /** A network, and everything compiled that will run, so that training starts at once. */
  async #prepare(settings: DigitSettings, answer: Answer): Promise<void> {
    answer.post({ type: 'compiling' });
    const engine = await this.#engineFor(settings);
    const net = new DigitNet(engine, this.#test, settings);
    this.#net?.release();
    this.#engine = engine;
    this.#net = net;
    this.#answer = answer;
    await net.prepare();
    for await (const _ of fit(engine, { ...this.#settings(net), steps: 0 }));
    await this.#count(this.#few, () => false);
    answer.post({ type: 'ready', ...net.plan() });
    this.#times = settings.timed ? await KernelTimes.start(engine) : undefined;
  }

  async #fit(net: DigitNet, answer: Answer, signal: AbortSignal): Promise<void> {
    this.#engine.crossCheck = this.#crossCheck;
    const training = fit(this.#engine, {
      ...this.#settings(net),
      ...(this.#progress && { resume: this.#progress }),
      signal,
      onStep: ({ step, epoch, cost }) => answer.post({ type: 'step', step, epoch, cost }),
    });
    try {
      for await (const _ of training) {
        await this.#count(this.#test, () => true);
        await this.#search(this.#test.length);
      }
      this.#progress = training.progress;
      const done = !signal.aborted;
      if (done) this.#epochs += pace.EPOCHS;
      answer.post({ type: 'stopped', done });
    } catch (error) {
      answer.fail(error);
    }
    this.#training = undefined;
    this.#engine.crossCheck = 'off';
    void this.#look();
  }

  /** Measures accuracy on some of the test digits, now and again. */
  async #glance(signal: AbortSignal): Promise<void> {
    const isTraining = (): boolean => !signal.aborted && this.#training?.stop.signal === signal;
    for (let wait = pace.GLANCE_EVERY / 2; ; ) {
      await pace.sleep(wait);
      if (!isTraining()) return;
      const began = performance.now();
      await this.#count(this.#few, isTraining);
      wait = Math.max(pace.GLANCE_EVERY, (performance.now() - began) / pace.GLANCE_SHARE);
    }
  }

  /** Classifies the digit on the pad and shows the inside while the network learns. */
  async #watch(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const insights = [
      pace.spaced(() => this.#picture(), pace.PICTURE_EVERY, 0),
      pace.spaced(() => this.#time(this.#times), pace.TIMES_EVERY, now),
      pace.spaced(
        () => this.#search(this.#few.length),
        pace.SEARCH_EVERY,
        now - pace.SEARCH_EVERY / 2,
      ),
    ];
    while (!signal.aborted && this.#training?.stop.signal === signal) {
      await this.#look();
      for (const show of insights) if (this.#isVisible) await show();
      await pace.sleep(pace.LOOK_EVERY);
    }
  }

  /** Classifies the digit on the pad. */
  readonly #look = latest(async () => {
    const pixels = this.#pixels;
    if (pixels)
      await this.#tell(async (net) => ({
        type: 'probabilities',
        values: await net.classify(pixels),
      }));
  });

  #picture(): Promise<void> {
    return this.#tell(async (net) => ({ type: 'insight', insight: await net.look() }));
  }

  async #time(times: KernelTimes | undefined): Promise<void> {
    if (times) await this.#tell(async () => ({ type: 'times', kernels: await times.read() }));
  }

  /** Looks for the hardest digits among the first of the test set. */
  #search(limit: number, isWanted = () => true): Promise<void> {
    return this.#tell(async (net) => ({
      type: 'hardest',
      digits: await net.hardest(limit, pace.HARD, isWanted),
    }));
  }

  /** Posts the accuracy on a data set, if that is still wanted when it is known. */
  #count(digits: Dataset, isWanted: () => boolean): Promise<void> {
    return this.#tell(async ({ model }) => {
      const options = { model, loss: loss.crossEntropy, data: digits };
      const { accuracy = 0, examples } = await evaluate(this.#engine, options);
      return isWanted() ? { type: 'accuracy', accuracy, tests: examples } : undefined;
    });
  }

  /** Posts what is found out about the network of the moment, under the run that it has now. */
  async #tell(find: (net: DigitNet) => Promise<Reply | undefined>): Promise<void> {
    const answer = this.#answer;
    if (!this.#net) return;
    try {
      const found = await find(this.#net);
      if (found) answer.post(found);
    } catch (error) {
      answer.fail(error);
    }
  }

  #enqueue(answer: Answer, command: () => Promise<void>): void {
    this.#commands = this.#commands
      .then(() => (this.#isClosed ? undefined : command()))
      .catch((error: unknown) => answer.fail(error));
  }
}
