// Pictures of the inside of the network: weights, error signals, and the digits that it finds hard.
import { element, make, percent, rgb } from '../shared/dom.js';
import { toImage } from './digit.js';
import type { HardDigit, Insight } from './protocol.js';

const SIDE = 28;
const COLUMNS = 6;
/** Neurons along a row of an error signal; wider layers are shown by their first ones. */
const WIDEST = 128;

type Colour = readonly [number, number, number];

/** Paints numbers by sign and size, |value| = most in full colour. */
function paint(
  image: ImageData,
  at: number,
  value: number,
  most: number,
  colours: readonly Colour[],
): void {
  const [low, middle, high] = colours as readonly [Colour, Colour, Colour];
  const share = most > 0 ? Math.min(1, Math.abs(value) / most) : 0;
  const to = value < 0 ? low : high;
  for (const channel of [0, 1, 2] as const)
    image.data[4 * at + channel] =
      255 * (middle[channel] + share * (to[channel] - middle[channel]));
  image.data[4 * at + 3] = 255;
}

const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

export class Pictures {
  readonly #weights: HTMLCanvasElement;
  readonly #signals: HTMLElement;
  readonly #hard: HTMLElement;
  #insight: Insight | undefined;
  #digits: readonly HardDigit[] = [];
  /** The largest |δ| of each layer so far: against it, the pictures fade as errors become smaller. */
  #most: number[] = [];
  #stale = new Set<'insight' | 'digits'>();

  constructor(weights: HTMLCanvasElement, signals: HTMLElement, hard: HTMLElement) {
    this.#weights = weights;
    this.#signals = signals;
    this.#hard = hard;
  }

  set insight(insight: Insight | undefined) {
    this.#insight = insight;
    this.#stale.add('insight');
  }

  set digits(digits: readonly HardDigit[]) {
    this.#digits = digits;
    this.#stale.add('digits');
  }

  /** What was learned is gone. */
  clear(): void {
    this.#most = [];
    this.digits = [];
  }

  /** Everything again, in the colours of the moment. */
  recolour(): void {
    this.#stale = new Set(['insight', 'digits']);
    this.draw();
  }

  draw(): void {
    const colours = [rgb('--zero'), rgb('--card'), rgb('--one')];
    if (this.#stale.has('insight') && this.#insight) {
      this.#drawWeights(this.#insight.weights, colours);
      this.#drawSignals(this.#insight.deltas, colours);
    }
    if (this.#stale.has('digits')) this.#drawHard();
    this.#stale.clear();
  }

  /** A tile of 28 × 28 a neuron. */
  #drawWeights(weights: Float32Array, colours: readonly Colour[]): void {
    const count = weights.length / SIDE ** 2;
    const [width, height] = [COLUMNS * (SIDE + 2) - 2, Math.ceil(count / COLUMNS) * (SIDE + 2) - 2];
    if (this.#weights.height !== height)
      [this.#weights.width, this.#weights.height] = [width, height];
    const context = this.#weights.getContext('2d')!;
    for (let neuron = 0; neuron < count; neuron++) {
      const own = weights.subarray(neuron * SIDE ** 2, (neuron + 1) * SIDE ** 2);
      const most = largest(own);
      const image = new ImageData(SIDE, SIDE);
      own.forEach((value, at) => {
        paint(image, at, value, most, colours);
      });
      context.putImageData(
        image,
        (neuron % COLUMNS) * (SIDE + 2),
        Math.floor(neuron / COLUMNS) * (SIDE + 2),
      );
    }
  }

  /** A row a digit, a column a neuron. */
  #drawSignals(deltas: Insight['deltas'], colours: readonly Colour[]): void {
    if (this.#signals.children.length !== deltas.length)
      this.#signals.replaceChildren(
        ...deltas.map(() => make('figure', {}, make('canvas'), make('figcaption'))),
      );
    deltas.forEach(({ width, values }, i) => {
      const [canvas, caption] = this.#signals.children[i]!.children as unknown as [
        HTMLCanvasElement,
        HTMLElement,
      ];
      const shown = Math.min(width, WIDEST);
      const rows = values.length / width;
      if (canvas.width !== shown || canvas.height !== rows)
        [canvas.width, canvas.height] = [shown, rows];
      this.#most[i] = Math.max(largest(values), this.#most[i] ?? 0);
      const most = this.#most[i];
      const image = new ImageData(shown, rows);
      for (let at = 0; at < shown * rows; at++)
        paint(image, at, values[Math.floor(at / shown) * width + (at % shown)]!, most, colours);
      canvas.getContext('2d')!.putImageData(image, 0, 0);
      const mean = (rows * values.reduce((sum, value) => sum + Math.abs(value), 0)) / values.length;
      const name = i === deltas.length - 1 ? 'the output' : `layer ${i + 1}`;
      caption.textContent = `δ of ${name}, ${width} neurons; mean |δ| ${mean.toPrecision(2)}`;
    });
  }

  #drawHard(): void {
    const ink = getComputedStyle(this.#hard).color;
    const tiles = this.#digits.map(({ pixels, label, guess, share }) => {
      const canvas = make('canvas', {
        width: String(SIDE),
        height: String(SIDE),
        'aria-hidden': 'true',
      });
      canvas.getContext('2d')!.drawImage(toImage(pixels, ink), 0, 0);
      const title = `Probability of ${label}: ${percent(share, 2)}`;
      return make('li', { title }, canvas, `${label}, read as ${guess}`);
    });
    this.#hard.replaceChildren(...tiles);
    element('hardHint').hidden = tiles.length > 0;
  }
}
