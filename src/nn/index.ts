export type { ApplyOptions, Fan, Initialize, Initializer, Layer, LayerOptions, SequentialPart } from './layer.js';
export { initializers, sequential } from './layer.js';
export type { Conv2dOptions, DenseOptions } from './layers.js';
export { conv2d, dense, dropout, embedding, flatten, layerNorm, maxPool2d, reshape } from './layers.js';
export { lstm, type RecurrentOptions, rnn } from './recurrent.js';
