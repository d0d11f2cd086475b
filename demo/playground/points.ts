// The points over the field: drawn here, dropped by pointer or keyboard.
import { colour, oncePerFrame } from '../shared/dom.js';
import { REACH } from './plane.js';
import type { Points } from './protocol.js';

/** How far an arrow key moves the cross, of the plane's width 2. */
const STRIDE = 0.05;

export class PointsCanvas {
  readonly #canvas: HTMLCanvasElement;
  readonly #onDrop: (x: number, y: number) => void;
  #points: Points = { places: new Float32Array(), labels: new Int32Array() };
  #cross = { x: 0, y: 0 };

  readonly #drawSoon = oncePerFrame(() => this.#draw());

  constructor(canvas: HTMLCanvasElement, onDrop: (x: number, y: number) => void) {
    this.#canvas = canvas;
    this.#onDrop = onDrop;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute(
      'aria-label',
      'Plane of the points: click, or move the cross by arrow keys and press Enter.',
    );
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const at = (part: number): number => REACH * (2 * part - 1);
      onDrop(at((event.clientX - left) / width), -at((event.clientY - top) / height));
    });
    canvas.addEventListener('keydown', (event) => this.#press(event));
    for (const change of ['focus', 'blur'] as const)
      canvas.addEventListener(change, this.#drawSoon);
    new ResizeObserver(this.#drawSoon).observe(canvas);
  }

  set(points: Points): void {
    this.#points = points;
    this.#drawSoon();
  }

  redraw(): void {
    this.#drawSoon();
  }

  #press(event: KeyboardEvent): void {
    const moves: Partial<Record<string, readonly [number, number]>> = {
      ...{
        ArrowLeft: [-STRIDE, 0],
        ArrowRight: [STRIDE, 0],
        ArrowUp: [0, STRIDE],
        ArrowDown: [0, -STRIDE],
      },
    };
    const move = moves[event.key];
    const { x, y } = this.#cross;
    const inside = (value: number): number => Math.max(-1, Math.min(1, value));
    if (move) this.#cross = { x: inside(x + move[0]), y: inside(y + move[1]) };
    else if (event.key === 'Enter' || event.key === ' ') this.#onDrop(x, y);
    else return;
    event.preventDefault();
    this.#drawSoon();
  }

  /** The axes of both inputs through (0, 0), and where they are ±1. */
  #drawAxes(context: CanvasRenderingContext2D, size: number, at: (value: number) => number): void {
    const tick = size / 80;
    context.strokeStyle = context.fillStyle = colour('--ink');
    context.globalAlpha = 0.45;
    context.lineWidth = Math.max(1, size / 600);
    context.beginPath();
    context.moveTo(0, at(0));
    context.lineTo(size, at(0));
    context.moveTo(at(0), 0);
    context.lineTo(at(0), size);
    for (const value of [-1, 1]) {
      context.moveTo(at(value), at(0) - tick);
      context.lineTo(at(value), at(0) + tick);
      context.moveTo(at(0) - tick, at(value));
      context.lineTo(at(0) + tick, at(value));
    }
    context.stroke();
    context.globalAlpha = 0.7;
    context.font = `${12 * devicePixelRatio}px ${getComputedStyle(this.#canvas).fontFamily}`;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const value of [-1, 1])
      context.fillText(value < 0 ? '−1' : '1', at(value), at(0) + 1.3 * tick);
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const value of [-1, 1])
      context.fillText(value < 0 ? '−1' : '1', at(0) + 1.6 * tick, at(-value));
    context.globalAlpha = 1;
  }

  #draw(): void {
    const canvas = this.#canvas;
    const size = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = canvas.getContext('2d')!;
    context.clearRect(0, 0, size, size);
    const at = (value: number): number => ((value / REACH + 1) / 2) * size;
    this.#drawAxes(context, size, at);
    const fills = [colour('--zero'), colour('--one')];
    context.strokeStyle = colour('--card');
    context.lineWidth = Math.max(1, size / 400);
    const { places, labels } = this.#points;
    labels.forEach((label, i) => {
      context.beginPath();
      context.arc(at(places[2 * i]!), at(-places[2 * i + 1]!), size / 95, 0, 2 * Math.PI);
      context.fillStyle = fills[label]!;
      context.fill();
      context.stroke();
    });
    if (!canvas.matches(':focus-visible')) return;
    const [x, y, arm] = [at(this.#cross.x), at(-this.#cross.y), size / 40];
    context.strokeStyle = colour('--ink');
    context.lineWidth = Math.max(2, size / 250);
    context.beginPath();
    for (const [dx, dy] of [
      [arm, 0],
      [0, arm],
    ] as const) {
      context.moveTo(x - dx, y - dy);
      context.lineTo(x + dx, y + dy);
    }
    context.stroke();
  }
}
