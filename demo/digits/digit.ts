// Drawn strokes to what MNIST holds: the digit's box 20 pixels long, its centre of mass in the middle of 28 × 28.

/** A place on the pad, both parts in [0, 1]. */
export interface Point {
  readonly x: number;
  readonly y: number;
}
export type Stroke = readonly Point[];

const SIZE = 28;
const BOX = 20;
/** Width of a line, as in MNIST's digits, however large the drawing was. */
const PEN = 2.4;
/** Each pixel is the mean of FINE × FINE. */
const FINE = 4;

interface Placement {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const context = (() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE * FINE;
  return canvas.getContext('2d', { willReadFrequently: true })!;
})();

/** 784 pixels in [0, 1], ink 1; undefined where nothing is drawn. */
export function toDigit(strokes: readonly Stroke[]): Float32Array | undefined {
  const points = strokes.flat();
  if (points.length === 0) return undefined;
  const [left, right] = extent(points.map(({ x }) => x));
  const [top, bottom] = extent(points.map(({ y }) => y));
  // A dot stays a dot: nothing is blown up beyond a quarter of the pad.
  const scale = (BOX - PEN) / Math.max(right - left, bottom - top, 0.25);
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  const first: Placement = { scale, x: SIZE / 2 - middleX * scale, y: SIZE / 2 - middleY * scale };
  const mass = centreOfMass(rasterize(strokes, first));
  return rasterize(strokes, {
    scale,
    x: first.x + SIZE / 2 - mass.x,
    y: first.y + SIZE / 2 - mass.y,
  });
}

function extent(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b));
  return [low, values.reduce((a, b) => Math.max(a, b))];
}

function rasterize(strokes: readonly Stroke[], { scale, x, y }: Placement): Float32Array {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIZE * FINE, SIZE * FINE);
  context.strokeStyle = '#fff';
  trace(context, strokes, { scale: scale * FINE, x: x * FINE, y: y * FINE }, PEN * FINE);
  const { data } = context.getImageData(0, 0, SIZE * FINE, SIZE * FINE);
  const pixels = new Float32Array(SIZE * SIZE);
  for (let row = 0; row < SIZE * FINE; row++)
    for (let column = 0; column < SIZE * FINE; column++) {
      const at = Math.floor(row / FINE) * SIZE + Math.floor(column / FINE);
      pixels[at]! += data[4 * (row * SIZE * FINE + column)]! / (255 * FINE * FINE);
    }
  return pixels;
}

/** Draws strokes with round ends: place on the canvas = point · scale + (x, y). */
export function trace(
  to: CanvasRenderingContext2D,
  strokes: readonly Stroke[],
  at: Placement,
  width: number,
): void {
  to.lineWidth = width;
  to.lineCap = to.lineJoin = 'round';
  to.beginPath();
  for (const stroke of strokes)
    stroke.forEach((point, i) => {
      const [x, y] = [point.x * at.scale + at.x, point.y * at.scale + at.y];
      if (i === 0) to.moveTo(x, y);
      // A single touch is a line of no length, drawn as a dot.
      if (i > 0 || stroke.length === 1) to.lineTo(x, y);
    });
  to.stroke();
}

function centreOfMass(pixels: Float32Array): Point {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((ink, at) => {
    mass += ink;
    x += ink * ((at % SIZE) + 0.5);
    y += ink * (Math.floor(at / SIZE) + 0.5);
  });
  return mass > 0 ? { x: x / mass, y: y / mass } : { x: SIZE / 2, y: SIZE / 2 };
}

/** Pixels in [0, 1] as an image of one colour, for drawImage. */
export function toImage(pixels: Float32Array, colour: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE;
  const to = canvas.getContext('2d', { willReadFrequently: true })!;
  const image = to.createImageData(SIZE, SIZE);
  pixels.forEach((ink, at) => {
    image.data[4 * at + 3] = Math.round(255 * ink);
  });
  to.putImageData(image, 0, 0);
  to.globalCompositeOperation = 'source-in';
  to.fillStyle = colour;
  to.fillRect(0, 0, SIZE, SIZE);
  return canvas;
}
