import { NablaError } from '../errors.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { parameter } from '../ops/leaf.js';
import { pcg } from '../ops/random.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import { type Fan, type Initializer, initialize } from './initializers.js';

export interface ApplyOptions {
  /** Dropout acts only while training. */
  training?: boolean;
}

/** A part of a model: trainable values and a function of tensors. */
export interface Layer {
  /** In a fixed order; named by their place in the model, as in PyTorch's `state_dict`: "0.weight", "0.bias", … */
  readonly parameters: Tensor[];
  apply(x: Tensor, options?: ApplyOptions): Tensor;
  /** Takes the place of the layer's number in the names of its parameters. */
  readonly name?: string | undefined;
  /** Called by the layer that holds this one; has no effect once parameters exist. */
  place?(path: string, seed: number): void;
}

/** Where a layer stands in its model: gives each of its parameters a name and a seed of its own. */
export interface Scope {
  parameter(local: string, shape: Shape, initializer: Initializer, fan?: Omit<Fan, 'seed'>): Tensor;
  seed(local: string): number;
}
type LayerFunction = (x: Tensor, training: boolean) => Tensor;

export interface LayerOptions {
  /** A whole number in [0, 2³²); numbers depend on it and on the layer's place. Defaults to the model's seed, or 0. */
  seed?: number;
  name?: string;
}

/** A layer's options, which are those of every layer and the `known`; throws for others. */
export const layerOptions = <O extends LayerOptions>(layer: string, options: O, known = ''): O =>
  checkOptions(`nn.${layer}`, options, '', `${known} seed name`);

/** A seed for what stands at `path`: two places differ, one place always gives the same. */
export function seedAt(seed: number, path: string): number {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new NablaError(`seed: ${seed} is not a whole number in [0, 2³²)`);
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
  return pcg((hash ^ pcg(seed)) >>> 0);
}

export const join = (path: string, local: string | number): string => (path ? `${path}.${local}` : `${local}`);

// A layer outside any model, without a seed or a name, differs from the others by the order of creation.
let created = 0;

/**
 * Makes a layer whose parameters come to be when they are first needed, after its place in a model is known. `build` makes
 * them and gives the layer's function.
 */
export function makeLayer(options: LayerOptions, build: (scope: Scope) => LayerFunction): Layer {
  let path = options.name ?? '';
  let seed = options.seed ?? (options.name === undefined ? created : 0);
  created++;
  const make = (): { parameters: Tensor[]; apply: LayerFunction } => {
    const [where, base, parameters] = [path, seed, [] as Tensor[]];
    const seedOf = (local: string): number => seedAt(base, join(where, local));
    const apply = build({
      seed: seedOf,
      parameter(local, shape, initializer, fan = { inputs: 1, outputs: 1 }) {
        const value = initialize(initializer, shape, { ...fan, seed: seedOf(local) });
        parameters.push(parameter(value, { name: join(where, local) }));
        return parameters.at(-1)!;
      },
    });
    return { parameters, apply };
  };
  let built: ReturnType<typeof make> | undefined;
  const parts = (): ReturnType<typeof make> => {
    built ??= make();
    return built;
  };
  return {
    name: options.name,
    get parameters() {
      return parts().parameters;
    },
    apply(x, options = {}) {
      checkTensors('nn', x);
      return parts().apply(x, checkOptions('nn', options, '', 'training').training ?? false);
    },
    place(to, modelSeed) {
      path = to;
      seed = options.seed ?? modelSeed;
    },
  };
}
