// `data` in Node.
export * from '../data/index.js';
export { mnist } from './mnist.js';
