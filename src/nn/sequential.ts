import { NablaError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { join, type Layer, type LayerOptions, layerOptions } from './layer.js';

/** A layer, or a function of a tensor such as `relu`. */
export type SequentialPart = Layer | ((x: Tensor) => Tensor);

/**
 * Layers one after another. Parameters are named by the layers' numbers, counted from 0, or by the layers' names:
 * "0.weight", "2.1.bias". A layer that stands in two places shares its parameters.
 * `sequential(layers, { seed })` gives the whole model one seed; each layer draws different numbers from it. Throws
 * NablaError for what is no layer and for two layers of one name.
 */
export function sequential(...layers: SequentialPart[]): Layer;
/** The same from a list, with a seed for the whole model or a name for it. */
export function sequential(layers: readonly SequentialPart[], options?: LayerOptions): Layer;
export function sequential(...args: readonly unknown[]): Layer {
  const [first, second] = args as [readonly SequentialPart[], LayerOptions | undefined];
  const [parts, options] = Array.isArray(first)
    ? [first, layerOptions('sequential', second ?? {})]
    : [args as readonly SequentialPart[], {}];
  const layers = parts.map(asLayer);
  const names = layers.map((layer, i) => layer.name ?? String(i));
  const twice = names.find((name, i) => layers.some((layer, j) => j < i && names[j] === name && layer !== layers[i]));
  if (twice !== undefined) throw new NablaError(`sequential: two layers are named '${twice}'; rename one`);
  const place = (path: string, modelSeed: number): void => {
    for (const [i, layer] of layers.entries())
      if (layers.indexOf(layer) === i) layer.place?.(join(path, names[i]!), options.seed ?? modelSeed);
  };
  place(options.name ?? '', 0);
  return {
    name: options.name,
    place,
    get parameters() {
      return [...new Set(layers.flatMap((layer) => layer.parameters))];
    },
    apply: (x, settings) => layers.reduce((value, layer) => layer.apply(value, settings), x),
  };
}

function asLayer(part: SequentialPart, i: number): Layer {
  if (typeof part === 'function') return { parameters: [], apply: (x) => part(x) };
  // Asking for the parameters themselves would make them before they have their names.
  if (!part || typeof part.apply !== 'function' || !('parameters' in part))
    throw new NablaError(`sequential: part ${i} is no layer; pass { parameters, apply } or a function of a tensor`);
  return part;
}
