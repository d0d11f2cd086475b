export type { Fan, Initialize, Initializer } from './layer.js';
export {
  type ApplyOptions,
  initializers,
  type Layer,
  type LayerOptions,
  type SequentialPart,
  sequential,
} from './layer.js';
export type { Conv2dOptions, DenseOptions, EmbeddingOptions } from './layers.js';
export { conv2d, dense, dropout, embedding, flatten, layerNorm, maxPool2d, reshape } from './layers.js';
export { lstm, type RecurrentOptions, rnn } from './recurrent.js';
