// The playground's end in the worker: trains some steps, draws the field, again and again.
import type { Engine } from '../../src/index.browser.js';
import type { Answer as AnswerOf, Service } from '../protocol.js';
import { type Field, gridPoints, makeField } from './field.js';
import { makeNet, type Net, PointStore } from './net.js';
import type { NetSettings, PlaygroundRequest } from './protocol.js';

/** What training and drawing may take of a frame, in milliseconds, and the most steps between two drawings. */
const FRAME = 14;
const MOST_STEPS = 16;

const nextFrame = (): Promise<unknown> =>
  new Promise((resolve) => {
    if (typeof self.requestAnimationFrame === 'function') self.requestAnimationFrame(resolve);
    else setTimeout(resolve, 16);
  });

type Answer = AnswerOf<'playground'>;
type Change = Exclude<PlaygroundRequest, { type: 'start' | 'pause' }>;

export class PlaygroundService implements Service<'playground'> {
  readonly #engine: Engine;
  readonly #points: PointStore;
  readonly #grid = gridPoints();
  #field: Field | undefined;
  #net: Net | undefined;
  /** Under whose run the present network is told of: it changes together with the network. */
  #answer: Answer | undefined;
  /** Of the newest request for a network: older ones that still wait need not be carried out. */
  #newest: Answer | undefined;
  #seed = 0;
  #step = 0;
  #isTraining = false;
  #isClosed = false;
  /** Counts starts: what is left of an earlier one ends. */
  #start = 0;
  /** Work is done one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#points = new PointStore(engine);
  }

  receive(request: PlaygroundRequest, answer: Answer): void {
    if (request.type === 'start') {
      if (this.#isTraining) return;
      this.#isTraining = true;
      const start = ++this.#start;
      this.#enqueue(answer, () => this.#train(start, 1));
    } else if (request.type === 'pause') this.#isTraining = false;
    else {
      if (request.type === 'open' || request.type === 'reset') this.#newest = answer;
      // training lets other work through between two frames
      this.#enqueue(answer, () => this.#change(request, answer));
    }
  }

  close(): void {
    this.#isTraining = false;
    this.#isClosed = true;
    this.#work = this.#work.then(() => this.#net?.release());
  }

  async #change(request: Change, answer: Answer): Promise<void> {
    switch (request.type) {
      case 'open':
        this.#field = makeField(this.#engine, request.canvas, request.palette, request.canShow);
        return this.#renew(request, answer);
      case 'reset':
        return this.#renew(request, answer);
      case 'points':
        await this.#points.write(request.points);
        break;
      case 'palette':
        if (this.#field) this.#field.palette = request.palette;
        break;
      default:
        request satisfies never;
    }
    await this.#draw();
  }

  /** Another network with random weights, unless one after it is asked for already. */
  async #renew(
    { net: settings, points }: Extract<Change, { net: NetSettings }>,
    answer: Answer,
  ): Promise<void> {
    if (answer !== this.#newest) return;
    await this.#points.write(points);
    const net = makeNet(this.#engine, this.#points, this.#grid, settings, this.#seed++);
    this.#net?.release();
    this.#net = net;
    this.#answer = answer;
    this.#step = 0;
    const steps = [net.field.step, net.train];
    for (const [i, step] of steps.entries()) {
      await this.#engine.warmUp(step as typeof net.train, (done, total) => {
        answer.post({ type: 'compiling', done: i + done / total, total: steps.length });
      });
      // the boundary of random weights, while the kernels of training are compiled
      if (i === 0) await this.#draw();
    }
    answer.post({ type: 'ready', drawn: this.#field!.drawn });
  }

  async #draw(): Promise<void> {
    if (this.#net) await this.#field?.draw(this.#net.field);
  }

  /** Steps and a drawing, as many as a frame has time for; then everything else that waits, then the same again. */
  async #train(start: number, steps: number): Promise<void> {
    if (!this.#isTraining || start !== this.#start) return;
    if (!this.#net || this.#points.count === 0) {
      await nextFrame();
      this.#enqueue(this.#answer!, () => this.#train(start, 1));
      return;
    }
    const began = performance.now();
    for (let i = 1; i < steps; i++) await this.#net.train.enqueue();
    const { cost, accuracy } = await this.#net.train();
    const trained = performance.now();
    this.#step += steps;
    this.#answer?.post({
      type: 'report',
      step: this.#step,
      cost: cost.data[0]!,
      accuracy: accuracy.data[0]!,
    });
    await this.#draw();
    await this.#engine.finish();
    const drawing = performance.now() - trained;
    await nextFrame();
    // steps take what drawing leaves of a frame, and where drawing is slow as long as it
    const next = Math.round((steps * Math.max(FRAME - drawing, drawing)) / (trained - began));
    this.#enqueue(this.#answer!, () =>
      this.#train(start, Math.min(MOST_STEPS, 2 * steps, Math.max(1, next))),
    );
  }

  #enqueue(answer: Answer, work: () => Promise<void>): void {
    this.#work = this.#work
      .then(() => (this.#isClosed ? undefined : work()))
      .catch((error: unknown) => answer.fail(error));
  }
}
