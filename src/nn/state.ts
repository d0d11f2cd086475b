// What a model holds, by name: its parameters and buffers under PyTorch's names.
import { isMap } from '../core/bytes.js';
import type { Tensor } from '../graph/tensor.js';

/** A part of a model, as far as its state goes: `nn` makes them, users may write their own. */
export interface Stateful {
  readonly parameters: readonly Tensor[];
  readonly buffers?: readonly Tensor[];
  state?(): ReadonlyMap<string, Tensor>;
}

/** A distinct name for each tensor: its own where no other has it, else with its number, parameters first. */
export function namesOf(parameters: readonly Tensor[], buffers: readonly Tensor[] = []): string[] {
  const ofParameters = parameters.map((each, i) => each.name ?? `parameter${i}`);
  const ofBuffers = buffers.map((each, i) => each.name ?? `buffer${i}`);
  const names = [...ofParameters, ...ofBuffers];
  return names.map((name, i) => {
    const isUnique = names.indexOf(name) === names.lastIndexOf(name);
    return isUnique ? name : `${name}#${i}`;
  });
}

/** Each tensor once, at its first place. */
export const distinct = (tensors: readonly Tensor[]): Tensor[] => [...new Set(tensors)];

/**
 * What `state()` of a layer returns, if it has one and that returns a Map, as in `nn`. A user's layer may use the name for
 * something else.
 */
function ownState(layer: Stateful): ReadonlyMap<string, Tensor> | undefined {
  const state = typeof layer.state === 'function' ? layer.state() : undefined;
  return isMap(state) ? state : undefined;
}

/** A layer's tensors in the order of PyTorch's `state_dict`: its parameters, then its buffers, then those of its parts. */
function inOrder(layer: Stateful): Tensor[] {
  const own = ownState(layer);
  return own ? [...own.values()] : [...layer.parameters, ...(layer.buffers ?? [])];
}

/**
 * A model's parameters and buffers by name. The order is that of its parts, where it has some, as in PyTorch's `state_dict`:
 * all of the first, then all of the second. A tensor that is listed twice has two names.
 */
export function namedState(
  { parameters, buffers = [] }: Stateful,
  parts: readonly Stateful[] = [],
) {
  const own = [...parameters, ...buffers.filter((each) => !parameters.includes(each))];
  const names = namesOf(parameters, own.slice(parameters.length));
  const ordered = distinct([...parts.flatMap(inOrder), ...own]);
  const place = new Map(ordered.map((each, i) => [each, i]));
  const placeOf = (tensor: Tensor): number => place.get(tensor)!;
  const entries = own.map((each, i) => [names[i]!, each] as const);
  entries.sort(([, a], [, b]) => placeOf(a) - placeOf(b));
  return new Map(entries);
}

/** A model's state: what its `state()` returns, or its parameters and buffers by name where it has none. */
export const stateOf = (model: Stateful): ReadonlyMap<string, Tensor> =>
  ownState(model) ?? namedState(model);
