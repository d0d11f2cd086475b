// The `optim` namespace: optimizers, gradient clipping and learning rate schedules.
export type { AdamOptions, Optimizer, OptimizerOptions } from './optimizers.js';
export { adam, adamW, clipByGlobalNorm, rmsProp, sgd } from './optimizers.js';
export type { Schedule } from './schedules.js';
export * as schedules from './schedules.js';
