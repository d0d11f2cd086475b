import { checkOptions } from '../options.js';
import { checkWhole } from '../shape.js';
import { type Dataset, dataset } from './dataset.js';
import { normals } from './random.js';

/** What sets of points in the plane take. */
export interface PointOptions {
  /** How many points, classes taking turns; 200. */
  examples?: number;
  /** Standard deviation of the normal noise on both coordinates. */
  noise?: number;
  seed?: number;
}

type SpiralOptions = PointOptions & { classes?: number };
type Place = (label: number, t: number, i: number) => readonly [number, number];

/** Points [examples, 2] around where `place` puts the i-th of a class, t running over [0, 1) within the class. */
function points(options: SpiralOptions, noise: number, place: Place, known = ''): Dataset {
  const { examples = 200, classes = 2 } = checkOptions('data', options, '', `examples noise seed ${known}`);
  checkWhole('data', { examples, classes });
  const normal = normals(options.seed ?? 0);
  const inputs = new Float32Array(2 * examples);
  const labels = Int32Array.from({ length: examples }, (_, i) => i % classes);
  const each = Math.ceil(examples / classes);
  labels.forEach((label, i) => {
    const [x, y] = place(label, Math.floor(i / classes) / each, i);
    const spread = options.noise ?? noise;
    inputs.set([x + spread * normal(), y + spread * normal()], 2 * i);
  });
  return dataset(inputs, labels);
}

/** Arms of a spiral, one a class (2), each one turn and three quarters from the middle to radius 1; noise 0.02. */
export const spiral = (options: SpiralOptions = {}): Dataset =>
  points(
    options,
    0.02,
    (label, t) => {
      const angle = 2 * Math.PI * (1.75 * t + label / (options.classes ?? 2));
      return [t * Math.cos(angle), t * Math.sin(angle)];
    },
    'classes',
  );

/** Two half circles of radius 1 that reach into each other; noise 0.1. */
export const moons = (options: PointOptions = {}): Dataset =>
  points(options, 0.1, (label, t) => {
    const [x, y] = [Math.cos(Math.PI * t), Math.sin(Math.PI * t)];
    return label === 0 ? [x, y] : [1 - x, 0.5 - y];
  });

/** A circle of radius 1 and one of radius ½ inside it; noise 0.05. */
export const circles = (options: PointOptions = {}): Dataset =>
  points(options, 0.05, (label, t) => {
    const radius = label === 0 ? 1 : 0.5;
    return [radius * Math.cos(2 * Math.PI * t), radius * Math.sin(2 * Math.PI * t)];
  });

/** The corners of the unit square; class 1 where exactly one coordinate is 1; noise 0.1. Four without noise are its table. */
export const xor = (options: PointOptions = {}): Dataset =>
  points(options, 0.1, (label, _, i) => {
    const first = (i >> 1) & 1;
    return [first, first ^ label];
  });
