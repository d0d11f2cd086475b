// The `nn` namespace: layers, initializers and sequential.
export type { Fan, Initialize, Initializer, Layer, LayerOptions, SequentialPart } from './layer.js';
export { initializers, sequential } from './layer.js';
export * from './layers.js';
export * from './recurrent.js';
