// Entry nabla/worker: training in a worker, for both sides of its port.
export * from './train/remote.js';
