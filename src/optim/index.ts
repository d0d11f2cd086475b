export { clipByGlobalNorm, type Optimizer, type OptimizerOptions } from './optimizer.js';
export { type AdamOptions, adam, adamW, rmsProp, sgd } from './optimizers.js';
export type { Schedule } from './schedules.js';
export * as schedules from './schedules.js';
