export { type Fan, type Initialize, type Initializer, initializers } from './initializers.js';
export type { ApplyOptions, Layer, LayerOptions } from './layer.js';
export type { Conv2dOptions, DenseOptions, EmbeddingOptions } from './layers.js';
export { conv2d, dense, dropout, embedding, flatten, layerNorm, maxPool2d, reshape } from './layers.js';
export { lstm, type RecurrentOptions, rnn } from './recurrent.js';
export { type SequentialPart, sequential } from './sequential.js';
