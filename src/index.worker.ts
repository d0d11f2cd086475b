// Exported as nabla/worker, for both sides of a worker.
export * from './train/remote.js';
