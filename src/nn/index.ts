export { type Conv2dOptions, conv2d, maxPool2d } from './convolution.js';
export { type Fan, type Initialize, type Initializer, initializers } from './initializers.js';
export type { ApplyOptions, Layer, LayerOptions } from './layer.js';
export { type DenseOptions, dense, dropout, embedding, flatten, layerNorm, reshape } from './layers.js';
export { lstm, type RecurrentOptions, rnn } from './recurrent.js';
export { type SequentialPart, sequential } from './sequential.js';
