export { csv } from './csv.js';
export { gunzip, idx } from './idx.js';
export { circles, moons, type PointOptions, spiral, xor } from './points.js';
