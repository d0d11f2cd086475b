// The pad: draws what the pointer or the arrow keys draw, and shows beside it what the network sees.
import { type Point, type Stroke, toDigit, toImage, trace } from './digit.js';

/** Width of a line, as a part of the pad's. */
const PEN = 0.075;
/** How far an arrow key moves the pen. */
const STRIDE = 0.04;

export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #preview: HTMLCanvasElement;
  readonly #onChange: (pixels: Float32Array | undefined) => void;
  #strokes: Point[][] = [];
  /** 28 × 28, from the strokes or as it was shown. */
  #pixels: Float32Array | undefined;
  #pointer: number | undefined;
  /** The pen of the keyboard. */
  #pen: Point = { x: 0.5, y: 0.2 };
  #isPenDown = false;
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
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute(
      'aria-label',
      'Pad to draw a digit on. With the keyboard: arrow keys move the pen, Space puts it down or lifts it, Delete clears.',
    );
    canvas.addEventListener('keydown', (event) => this.#press(event));
    for (const change of ['focus', 'blur'] as const)
      canvas.addEventListener(change, () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  get isEmpty(): boolean {
    return this.#pixels === undefined;
  }

  clear(): void {
    this.#strokes = [];
    this.#isPenDown = false;
    this.#set(undefined);
  }

  /** Tells again what is drawn. */
  resend(): void {
    if (this.#pixels) this.#onChange(this.#pixels);
  }

  /** Shows 784 pixels in place of a drawing. */
  show(pixels: Float32Array): void {
    this.#strokes = [];
    this.#pointer = undefined;
    this.#isPenDown = false;
    this.#set(pixels);
  }

  #press(event: KeyboardEvent): void {
    const moves: Partial<Record<string, readonly [number, number]>> = {
      ...{
        ArrowLeft: [-STRIDE, 0],
        ArrowRight: [STRIDE, 0],
        ArrowUp: [0, -STRIDE],
        ArrowDown: [0, STRIDE],
      },
    };
    const move = moves[event.key];
    const inside = (value: number): number => Math.max(0.04, Math.min(0.96, value));
    if (move) {
      this.#pen = { x: inside(this.#pen.x + move[0]), y: inside(this.#pen.y + move[1]) };
      if (this.#isPenDown) this.#strokes.at(-1)?.push(this.#pen);
    } else if (event.key === ' ') {
      this.#isPenDown = !this.#isPenDown;
      if (this.#isPenDown) this.#strokes.push([this.#pen]);
    } else if (event.key === 'Delete' || event.key === 'Backspace') this.clear();
    else return;
    event.preventDefault();
    if (this.#isPenDown) this.#drawn();
    else this.redraw();
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
    if (this.#canvas.matches(':focus-visible')) {
      context.lineWidth = Math.max(2, size / 120);
      context.beginPath();
      context.arc(
        this.#pen.x * size,
        this.#pen.y * size,
        (PEN / (this.#isPenDown ? 2 : 1)) * size,
        0,
        2 * Math.PI,
      );
      context.stroke();
    }
    const seen = this.#preview.getContext('2d')!;
    seen.clearRect(0, 0, 28, 28);
    if (image) seen.drawImage(image, 0, 0);
  }
}
