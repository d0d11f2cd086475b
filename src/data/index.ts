// The part of the `data` namespace that is the same on all platforms.
export { csv } from './csv.js';
export { gunzip, idx } from './idx.js';
export { circles, moons, type PointOptions, spiral, xor } from './points.js';
