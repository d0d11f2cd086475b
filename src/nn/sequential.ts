// Composition of layers in sequence.
import { NablaError } from '../core/errors.js';
import { printed, printedAs } from '../core/print.js';
import type { Tensor } from '../graph/tensor.js';
import {
  type ApplyOptions,
  checkApply,
  join,
  type Layer,
  type LayerOptions,
  layerOptions,
  type Module,
  withState,
} from './layer.js';
import { distinct } from './state.js';

/** A layer, or a function of a tensor such as `relu`. */
export type SequentialPart = Layer | ((x: Tensor) => Tensor);

/** What `sequential` takes: layers one by one, or a list of them and options. */
type Arguments = readonly SequentialPart[] | [readonly SequentialPart[], LayerOptions?];

const isListed = (args: Arguments): args is [readonly SequentialPart[], LayerOptions?] =>
  Array.isArray(args[0]);

const listed = (args: Arguments): [readonly SequentialPart[], LayerOptions?] =>
  isListed(args) ? args : [args];

/**
 * Composes layers in sequence. Parameters are named by the layers' numbers, counted from 0, or by the layers' names:
 * "0.weight", "2.1.bias". A layer that occurs twice shares its parameters. `sequential(layers, { seed, name })` sets a
 * seed for the whole model, from which each layer derives different numbers, and a name. Throws NablaError for
 * arguments that are not layers and for two layers with the same name.
 */
export function sequential(
  ...args: readonly SequentialPart[] | [readonly SequentialPart[], LayerOptions?]
): Module {
  const [parts, given = {}] = listed(args);
  const options = layerOptions('sequential', given, '');
  const layers = parts.map(asLayer);
  // A layer that stands in two places is named by the first.
  const nameOf = (layer: Layer): string => layer.name ?? String(layers.indexOf(layer));
  const names = new Map(layers.map((layer) => [layer, nameOf(layer)]));
  const twice = [...names.values()].find((name, i, all) => all.indexOf(name) < i);
  if (twice !== undefined)
    throw new NablaError(`sequential: two layers are named '${twice}'; rename one`);
  const place = (path: string, modelSeed: number): void => {
    for (const [layer, name] of names) layer.place?.(join(path, name), options.seed ?? modelSeed);
  };
  place(options.name ?? '', 0);
  const model = withState(
    {
      name: options.name,
      place,
      get parameters() {
        return distinct(layers.flatMap((layer) => layer.parameters));
      },
      get buffers() {
        return distinct(layers.flatMap((layer) => layer.buffers ?? []));
      },
      apply(x: Tensor, settings: ApplyOptions = {}) {
        checkApply(settings);
        return layers.reduce((value, layer) => layer.apply(value, settings), x);
      },
    },
    () => layers,
  );
  const partText = (layer: Layer): string => {
    const text = printed(layer, 'layer');
    return layer.name === undefined ? text : `${layer.name}: ${text}`;
  };
  return printedAs(model, () => `sequential(${layers.map(partText).join(', ')})`);
}

function asLayer(part: SequentialPart, i: number): Layer {
  if (typeof part === 'function') {
    const layer = { parameters: [], apply: (x: Tensor) => part(x) };
    return printedAs(layer, () => part.name || 'function');
  }
  // Asking for the parameters themselves would make them before they have their names.
  if (!part || typeof part.apply !== 'function' || !('parameters' in part))
    throw new NablaError(
      `sequential: part ${i} is no layer; pass { parameters, apply } or a function of a tensor`,
    );
  return part;
}
