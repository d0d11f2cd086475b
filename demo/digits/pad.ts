// The pad: draws what the pointer draws, and shows beside it what the network sees.
import { type Point, type Stroke, toDigit, toImage, trace } from './digit.js';

/** Width of a line, as a part of the pad's. */
const PEN = 0.075;

export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #preview: HTMLCanvasElement;
  readonly #onChange: (pixels: Float32Array | undefined) => void;
  #strokes: Point[][] = [];
  /** 28 × 28, from the strokes or as it was shown. */
  #pixels: Float32Array | undefined;
  #pointer: number | undefined;
  #frame = 0;

  constructor(
    canvas: HTMLCanvasElement,
    preview: HTMLCanvasElement,
    onChange: (pixels: Float32Array | undefined) => void,
  ) {
    this.#canvas = canvas;
    this.#preview = preview;
    this.#onChange = onChange;
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#extend(event));
    for (const end of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(end, (event) => {
        if (event.pointerId === this.#pointer) this.#pointer = undefined;
      });
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  get isEmpty(): boolean {
    return this.#pixels === undefined;
  }

  clear(): void {
    this.#strokes = [];
    this.#set(undefined);
  }

  /** Shows 784 pixels in place of a drawing. */
  show(pixels: Float32Array): void {
    this.#strokes = [];
    this.#pointer = undefined;
    this.#set(pixels);
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0 || this.#pointer !== undefined) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#strokes.push([this.#at(event)]);
    this.#drawn();
  }

  #extend(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    const fine = event.getCoalescedEvents();
    for (const each of fine.length ? fine : [event]) this.#strokes.at(-1)?.push(this.#at(each));
    this.#drawn();
  }

  #at({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: (clientX - left) / width, y: (clientY - top) / height };
  }

  /** However many events come in a frame, the digit is read once. */
  #drawn(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      // a drawing that was taken away meanwhile stays away
      if (this.#strokes.length > 0) this.#set(toDigit(this.#strokes));
    });
  }

  #set(pixels: Float32Array | undefined): void {
    this.#pixels = pixels;
    this.redraw();
    this.#onChange(pixels);
  }

  /** Draws all again, in the colours of the moment. */
  redraw(): void {
    const colour = getComputedStyle(this.#canvas).color;
    const size = Math.max(1, Math.round(this.#canvas.clientWidth * devicePixelRatio));
    if (this.#canvas.width !== size) this.#canvas.width = this.#canvas.height = size;
    const context = this.#canvas.getContext('2d')!;
    context.clearRect(0, 0, size, size);
    context.strokeStyle = colour;
    const image = this.#pixels && toImage(this.#pixels, colour);
    const strokes: readonly Stroke[] = this.#strokes;
    if (strokes.length > 0) trace(context, strokes, { scale: size, x: 0, y: 0 }, PEN * size);
    else if (image) context.drawImage(image, 0, 0, size, size);
    const seen = this.#preview.getContext('2d')!;
    seen.clearRect(0, 0, 28, 28);
    if (image) seen.drawImage(image, 0, 0);
  }
}
