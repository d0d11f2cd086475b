// The `nn` namespace: layers, initializers and sequential.
export * from './batchNorm.js';
export { type Fan, type Initialize, type Initializer, initializers } from './initializers.js';
export type { ApplyOptions, BufferUpdate, Layer, LayerOptions, Module } from './layer.js';
export * from './layers.js';
export type { LoadOptions, LoadReport, NamedValues } from './load.js';
export * from './recurrent.js';
export { type SequentialPart, sequential } from './sequential.js';
