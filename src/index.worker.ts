// Entry nabla/worker: training in a worker, for both sides of its port.
export type { Port, RemoteListeners } from './train/port.js';
export { type RemoteTrainer, remoteTrainer } from './train/remote.js';
export { type ServedTrainer, serveTrainer } from './train/serve.js';
