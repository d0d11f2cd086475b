// The `nn` namespace: layers, initializers and sequential.
export * from './batchNorm.js';
export type {
  ApplyOptions,
  BufferUpdate,
  Fan,
  Initialize,
  Initializer,
  Layer,
  LayerOptions,
  Module,
  SequentialPart,
} from './layer.js';
export { initializers, sequential } from './layer.js';
export * from './layers.js';
export * from './recurrent.js';
export type { LoadOptions, LoadReport, NamedValues } from './state.js';
