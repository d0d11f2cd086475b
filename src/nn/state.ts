// What a model holds, by name: its parameters and buffers under PyTorch's names, and values that are put back into them.
import { classOf, describe, isMap } from '../core/bytes.js';
import type { TensorData } from '../core/dtype.js';
import { FormatError, NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { readValue } from '../core/readValue.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { Engine } from '../engine/engine.js';
import { Tensor } from '../graph/tensor.js';

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

/** Says what is wrong with a value for a parameter or buffer, as a phrase after its name; undefined where it fits. */
export function objectionTo(leaf: Tensor, value: unknown, there: string): string | undefined {
  if (value instanceof Tensor)
    return 'is a tensor, which holds no values; pass what engine.read gives for it';
  const { shape, dtype, data }: Partial<TensorData> = Object(value);
  if (!Array.isArray(shape) || dtype === undefined || data === undefined)
    return `is ${describe(value)} ${there}, where { shape, dtype, data } is expected`;
  if (!sameShape(shape, leaf.shape))
    return `is ${formatShape(shape)} ${there} and ${formatShape(leaf.shape)} here`;
  try {
    readValue('value', { shape, dtype, data }, leaf);
    return undefined;
  } catch (error) {
    if (!(error instanceof NablaError)) throw error;
    return `does not fit the ${leaf.dtype} here: ${error.message.replace(/^value: /, '')}`;
  }
}

/** Names and values: a Map, or an object. */
export type NamedValues = ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>>;

/** The names that did not fit, each list in the order of its side. */
export interface LoadReport {
  /** The model has them and the state has not. */
  readonly missing: string[];
  /** The state has them and the model has not. */
  readonly unexpected: string[];
  /** Both have them, with another shape, or with values that the dtype here does not hold. */
  readonly mismatched: string[];
}

/** Options of `load`. */
export interface LoadOptions {
  /** true unless given: throw where anything does not fit. false writes what fits and reports the rest. */
  strict?: boolean;
}

function entriesOf(state: NamedValues): ReadonlyMap<string, TensorData> {
  if (isMap(state)) return state;
  if (classOf(state) === 'Object') return new Map(Object.entries(state));
  throw new FormatError(
    `load: the state is ${describe(state)}; pass a Map or an object of { shape, dtype, data }, such as safetensors.decode(bytes).tensors`,
  );
}

/** A phrase about names as a list of one; an empty list where there are no names. */
function phrase(fact: string, names: readonly string[]): string[] {
  return names.length > 0 ? [`${fact} ${names.join(', ')}`] : [];
}

/** @internal What `model.load` does: checks all values against `places`, and writes none before all are checked. */
export async function loadState(
  engine: Engine,
  places: ReadonlyMap<string, Tensor>,
  state: NamedValues,
  options: LoadOptions = {},
): Promise<LoadReport> {
  const { strict = true } = checkOptions('load', options, '', 'strict');
  const given = entriesOf(state);
  const objections = new Map<string, string>();
  const fitting: [leaf: Tensor, value: TensorData][] = [];
  for (const [name, leaf] of places) {
    if (!given.has(name)) continue;
    const value = given.get(name);
    const objection = objectionTo(leaf, value, 'in the state');
    if (objection !== undefined) objections.set(name, objection);
    else if (value) fitting.push([leaf, value]);
  }
  const missing = [...places.keys()].filter((name) => !given.has(name));
  const unexpected = [...given.keys()].filter((name) => !places.has(name));
  const misfits = Array.from(objections, ([name, objection]) => `'${name}' ${objection}`);
  const faults = [...phrase('missing:', missing), ...phrase('unexpected:', unexpected), ...misfits];
  if (strict && faults.length > 0)
    throw new FormatError(
      `load: ${faults.join('; ')}; build the model of that state, or pass { strict: false } to load what fits`,
    );
  await Promise.all(fitting.map(([leaf, value]) => engine.write(leaf, value)));
  return { missing, unexpected, mismatched: [...objections.keys()] };
}
