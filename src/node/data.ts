// The `data` namespace in Node: data sets of all platforms, and MNIST from files.
export * from '../data/index.js';
export { mnist } from './mnist.js';
