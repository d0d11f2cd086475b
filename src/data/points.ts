// Generated two-dimensional classification problems: spiral, moons, circles and xor.
import { checkOptions, type Listed } from '../core/options.js';
import { checkWhole } from '../core/shape.js';
import { type Dataset, dataset } from './dataset.js';
import { normals } from './random.js';

/** Options of generated point sets. */
export interface PointOptions {
  /** Number of points, alternating between classes; 200 by default. */
  examples?: number;
  /** Standard deviation of the normal noise on both coordinates. */
  noise?: number;
  seed?: number;
}

type SpiralOptions = PointOptions & { classes?: number };
type Place = (label: number, t: number, i: number) => readonly number[];

/** Points [examples, 2] around their places; t runs over [0, 1) within each class. */
function points<O extends PointOptions, K extends string>(
  known: K & Listed<O, `examples noise seed ${K}`>,
  noise: number,
  options: O,
  place: Place,
): Dataset {
  const names: string = `examples noise seed ${known}`;
  const given: SpiralOptions = checkOptions('data', options, '', names);
  const { examples = 200, classes = 2, noise: spread = noise, seed = 0 } = given;
  checkWhole('data', { examples, classes });
  const normal = normals(seed);
  const labels = Int32Array.from({ length: examples }, (_, i) => i % classes);
  const each = Math.ceil(examples / classes);
  const inputs = Array.from(labels, (label, i) => {
    const centre = place(label, Math.floor(i / classes) / each, i);
    return centre.map((coordinate) => coordinate + spread * normal());
  });
  return dataset(inputs, labels);
}

/** The point at a distance from the origin, at an angle in turns from the first axis. */
function polar(radius: number, turns: number): [number, number] {
  const angle = 2 * Math.PI * turns;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** Spiral arms, one per class (2 by default), each 1¾ turns from the centre to radius 1; noise 0.02. */
export const spiral = (options: SpiralOptions = {}): Dataset =>
  points('classes', 0.02, options, (label, t) =>
    polar(t, 1.75 * t + label / (options.classes ?? 2)),
  );

/** Two interleaved half circles of radius 1; noise 0.1. */
export const moons = (options: PointOptions = {}): Dataset =>
  points('', 0.1, options, (label, t) => {
    const [x, y] = polar(1, t / 2);
    return label === 0 ? [x, y] : [1 - x, 0.5 - y];
  });

/** A circle of radius 1 and one of radius ½ inside it; noise 0.05. */
export const circles = (options: PointOptions = {}): Dataset =>
  points('', 0.05, options, (label, t) => polar(label === 0 ? 1 : 0.5, t));

/**
 * The corners of the unit square, class 1 where exactly one coordinate is 1; noise 0.1. Four without noise are the
 * truth table.
 */
export const xor = (options: PointOptions = {}): Dataset =>
  points('', 0.1, options, (label, _, i) => {
    const first = (i >> 1) & 1;
    return [first, first ^ label];
  });
