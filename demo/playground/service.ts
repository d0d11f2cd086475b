// The playground's end in the worker: trains some steps, draws the field, again and again.
import { data, type Engine } from '../../src/index.browser.js';
import { type Field, gridPoints, makeField } from './field.js';
import { CAPACITY, makeNet, type Net, PointStore } from './net.js';
import type { NetSettings, PlaygroundReply, PlaygroundRequest, Points, SetName } from './protocol.js';

/** What training and drawing may take of a frame, in milliseconds, and the most steps between two drawings. */
const FRAME = 14;
const MOST_STEPS = 16;

const nextFrame = (): Promise<unknown> =>
  new Promise((resolve) => {
    if (typeof self.requestAnimationFrame === 'function') self.requestAnimationFrame(resolve);
    else setTimeout(resolve, 16);
  });

/** A set of the library, moved and scaled into [−1, 1]². */
function pointsOf(name: SetName, noise: number, seed: number): Points {
  const [batch] = data[name]({ examples: 240, noise, seed }).batches(CAPACITY);
  const { inputs, labels } = batch!;
  const middles = [0, 1].map((axis) => {
    const values = [...inputs.data].filter((_: number, i: number) => i % 2 === axis);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { middle: (low + high) / 2, reach: (high - low) / 2 };
  });
  const reach = Math.max(...middles.map((each) => each.reach));
  const places = Float32Array.from(inputs.data, (value, i) => (value - middles[i % 2]!.middle) / reach);
  return { places, labels: Int32Array.from(labels.data) };
}

export class PlaygroundService {
  readonly #engine: Engine;
  readonly #post: (reply: PlaygroundReply) => void;
  readonly #fail: (error: unknown) => void;
  readonly #points: PointStore;
  readonly #grid = gridPoints();
  #field: Field | undefined;
  #net: Net | undefined;
  #seed = 0;
  #step = 0;
  #isTraining = false;
  /** Counts starts: what is left of an earlier one ends. */
  #start = 0;
  /** Work is done one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(engine: Engine, post: (reply: PlaygroundReply) => void, fail: (error: unknown) => void) {
    this.#engine = engine;
    this.#post = post;
    this.#fail = fail;
    this.#points = new PointStore(engine);
  }

  receive(request: PlaygroundRequest): void {
    if (request.type === 'start') {
      if (this.#isTraining) return;
      this.#isTraining = true;
      const start = ++this.#start;
      this.#enqueue(() => this.#train(start, 1));
    } else if (request.type === 'pause') this.#isTraining = false;
    else {
      // training lets other work through between two frames
      this.#enqueue(() => this.#change(request));
    }
  }

  async #change(request: Exclude<PlaygroundRequest, { type: 'start' | 'pause' }>): Promise<void> {
    switch (request.type) {
      case 'open':
        this.#field = makeField(this.#engine, request.canvas, request.palette, request.canShow);
        await this.#build(request.net);
        this.#post({ type: 'ready', drawn: this.#field.drawn });
        break;
      case 'set': {
        const points = pointsOf(request.name, request.noise, request.seed);
        await this.#points.write(points);
        this.#post({ type: 'points', points });
        break;
      }
      case 'points':
        await this.#points.write(request.points);
        break;
      case 'reset':
        await this.#build(request.net);
        break;
      case 'palette':
        if (this.#field) this.#field.palette = request.palette;
        break;
      default:
        request satisfies never;
    }
    await this.#draw();
  }

  async #build(settings: NetSettings): Promise<void> {
    this.#net?.release();
    this.#net = makeNet(this.#engine, this.#points, this.#grid, settings, this.#seed++);
    this.#step = 0;
  }

  async #draw(): Promise<void> {
    if (this.#net) await this.#field?.draw(this.#net.field);
  }

  /** Steps and a drawing, as many as a frame has time for; then everything else that waits, then the same again. */
  async #train(start: number, steps: number): Promise<void> {
    if (!this.#isTraining || start !== this.#start) return;
    if (!this.#net || this.#points.count === 0) {
      await nextFrame();
      this.#enqueue(() => this.#train(start, 1));
      return;
    }
    const began = performance.now();
    for (let i = 1; i < steps; i++) await this.#net.train.enqueue();
    const { cost, accuracy } = await this.#net.train();
    const trained = performance.now();
    this.#step += steps;
    this.#post({ type: 'report', step: this.#step, cost: cost.data[0]!, accuracy: accuracy.data[0]! });
    await this.#draw();
    await this.#engine.finish();
    const drawing = performance.now() - trained;
    await nextFrame();
    // steps take what drawing leaves of a frame, and where drawing is slow as long as it
    const next = Math.round((steps * Math.max(FRAME - drawing, drawing)) / (trained - began));
    this.#enqueue(() => this.#train(start, Math.min(MOST_STEPS, 2 * steps, Math.max(1, next))));
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#isTraining = false;
      this.#fail(error);
    });
  }
}
