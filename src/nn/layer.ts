// What a layer is: named parameters and buffers, seeds, and how it is applied.
import { describe } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { codesOf, fnv1a } from '../core/hash.js';
import { checkChoice, checkOptions, type Listed } from '../core/options.js';
import { printedAs } from '../core/print.js';
import { checkSeed } from '../core/randomBits.js';
import type { Shape } from '../core/shape.js';
import type { Engine } from '../engine/engine.js';
import { checkTensors, type Tensor } from '../graph/tensor.js';
import { parameter } from '../ops/leaf.js';
import { type Fan, type Initializer, initializers } from './initializers.js';
import type { LoadOptions, LoadReport, NamedValues } from './load.js';
import { namedState } from './state.js';

/** A buffer and the value that a step gives it. */
export type BufferUpdate = readonly [buffer: Tensor, next: Tensor];

/** How a layer is applied. */
export interface ApplyOptions {
  /** Dropout draws and batch normalisation takes the batch's statistics only while training; false unless given. */
  training?: boolean | undefined;
  /**
   * Gets a pair [buffer, next] for each buffer that training changes, to be joined to the updates of the step. A layer that
   * is applied again goes on from the pair that is there. Without a list the buffers stay.
   */
  updates?: BufferUpdate[] | undefined;
}

/** A part of a model: trainable values, values that training changes without a gradient, and a function of tensors. */
export interface Layer {
  /** In a fixed order, named by position in the model as in PyTorch's `state_dict`: "0.weight", "0.bias", … */
  readonly parameters: Tensor[];
  /** Tensors that training changes without a gradient, such as running statistics, made with `parameter`; may be left out. */
  readonly buffers?: Tensor[];
  /** The layer's output. One with layers inside passes the options on to them. */
  apply(x: Tensor, options?: ApplyOptions): Tensor;
  /** Takes the place of the layer's number in the names of its parameters. */
  readonly name?: string | undefined;
  /** Called by the layer that holds this one; has no effect once parameters exist. */
  place?(path: string, seed: number): void;
}

/** A layer as `nn` makes them, a whole model too: its values can be listed and set by name. */
export interface Module extends Layer {
  readonly buffers: Tensor[];
  /**
   * Parameters and buffers under PyTorch's names and in PyTorch's order: "0.weight", "0.bias", "1.running_mean", … A layer
   * that stands in two places is listed once, under the name of the first; names that two tensors share get their number.
   */
  state(): Map<string, Tensor>;
  /**
   * Writes values into an engine by their names, such as `safetensors.decode(bytes).tensors`. Throws FormatError naming all
   * that is missing, unexpected or does not fit, and writes nothing then; with `strict: false` it writes what fits and
   * reports the rest. Another dtype is converted as `engine.write` does: to f32 and f16 rounded, to an integer only where
   * every value is one in its range.
   */
  load(engine: Engine, state: NamedValues, options?: LoadOptions): Promise<LoadReport>;
}

/** Where a layer stands in its model: gives each of its parameters a name and a seed of its own. */
export interface Scope {
  parameter(local: string, shape: Shape, initializer: Initializer, fan?: Omit<Fan, 'seed'>): Tensor;
  buffer(local: string, first: Tensor): Tensor;
  seed(local: string): number;
}

/** How a layer is applied, as its function sees it. */
export interface Mode {
  readonly training: boolean;
  /** A buffer's value at this place of the step: where the layer stands in two places, what the first has made of it. */
  valueOf(buffer: Tensor): Tensor;
  /** Gives a buffer its next value. */
  update(buffer: Tensor, next: Tensor): void;
}
type LayerFunction = (x: Tensor, mode: Mode) => Tensor;

/** The options of `apply`, checked. */
export function checkApply(options: ApplyOptions): ApplyOptions {
  const { updates } = checkOptions('nn', options, '', 'training updates');
  if (updates !== undefined && !Array.isArray(updates))
    throw new NablaError(
      `nn: updates are ${describe(updates)}; pass a list, which gets a pair for each buffer`,
    );
  return options;
}

function modeOf({ training = false, updates = [] }: ApplyOptions): Mode {
  const placeOf = (buffer: Tensor): number => updates.findIndex(([target]) => target === buffer);
  return {
    training,
    valueOf: (buffer) => updates[placeOf(buffer)]?.[1] ?? buffer,
    update(buffer, next) {
      const place = placeOf(buffer);
      updates[place < 0 ? updates.length : place] = [buffer, next];
    },
  };
}

type Stateless = Omit<Module, 'state' | 'load'>;

/** A layer with its state by name; `partsOf` gives the layers inside it, in order. */
export function withState<L extends Stateless>(
  layer: L,
  partsOf?: () => readonly Layer[],
): L & Module {
  const state = () => namedState(layer, partsOf?.());
  const load: Module['load'] = async (engine, values, options) => {
    const { loadState } = await import('./load.js');
    return loadState(engine, state(), values, options);
  };
  return Object.assign(layer, { state, load });
}

/** Options of every layer. */
export interface LayerOptions {
  /** A whole number in [0, 2³²); numbers depend on it and on the layer's place. Defaults to the model's seed, or 0. */
  seed?: number;
  name?: string;
}

/** A layer's options, which are those of every layer and the `known`; throws for others. */
export function layerOptions<O extends LayerOptions, K extends string>(
  layer: string,
  options: O,
  known: K & Listed<O, `${K} seed name`>,
): O {
  const names: string = `${known} seed name`;
  return checkOptions(`nn.${layer}`, options, '', names);
}

/**
 * A seed for what stands at `path`: two places differ (but for a chance of 2⁻³² a pair), so do two seeds, and one place always
 * gives the same.
 */
function seedAt(seed: number, path: string): number {
  return (fnv1a(codesOf(path)) + checkSeed('layer', seed)) % 2 ** 32;
}

/** The path of what is named `local` at a path. */
export const join = (path: string, local: string): string => (path ? `${path}.${local}` : local);

/** Returns the function of a name in a table, or the function that was given. Throws NablaError for other names. */
export function lookUp<K extends string, F extends (...inputs: never[]) => unknown>(
  op: string,
  what: string,
  choice: K | F,
  table: Readonly<Record<K, F>>,
): F {
  if (typeof choice === 'function') return choice;
  return table[checkChoice(op, what, choice, Object.keys(table))];
}

/** Adds a tensor to a list and returns it. */
function added(list: Tensor[], tensor: Tensor): Tensor {
  list.push(tensor);
  return tensor;
}

// A layer outside any model, without a seed or a name, differs from the others by the order of creation.
let created = 0;

/**
 * Makes a layer whose parameters are made when they are first needed, after its place in a model is known. `build` makes
 * them and returns the layer's function; `text` is the call that made it, for messages and consoles.
 */
export function makeLayer(
  text: string,
  options: LayerOptions,
  build: (scope: Scope) => LayerFunction,
): Module {
  let path = options.name ?? '';
  let seed = options.seed ?? (options.name === undefined ? created : 0);
  created++;
  let built: { parameters: Tensor[]; buffers: Tensor[]; apply: LayerFunction } | undefined;
  const parts = () => {
    if (built) return built;
    const parameters: Tensor[] = [];
    const buffers: Tensor[] = [];
    const seedOf = (local: string): number => seedAt(seed, join(path, local));
    const apply = build({
      seed: seedOf,
      parameter(local, shape, initializer, fan = { inputs: 1, outputs: 1 }) {
        const make = lookUp('layer', 'initializer', initializer, initializers);
        const first = make(shape, { ...fan, seed: seedOf(local) });
        return added(parameters, parameter(first, { name: join(path, local) }));
      },
      buffer: (local, first) => added(buffers, parameter(first, { name: join(path, local) })),
    });
    built = { parameters, buffers, apply };
    return built;
  };
  const layer = withState({
    name: options.name,
    get parameters() {
      return parts().parameters;
    },
    get buffers() {
      return parts().buffers;
    },
    apply(x: Tensor, options: ApplyOptions = {}) {
      checkTensors('nn', x);
      return parts().apply(x, modeOf(checkApply(options)));
    },
    place(to: string, modelSeed: number) {
      if (built) return;
      path = to;
      seed = options.seed ?? modelSeed;
    },
  });
  return printedAs(layer, () => text);
}
