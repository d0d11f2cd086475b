// Puts values by name back into a model. Loaded when a model first asks for it.
import { classOf, describe, isMap } from '../core/bytes.js';
import type { TensorData } from '../core/dtype.js';
import { FormatError, NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { readValue } from '../core/readValue.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { Engine } from '../engine/engine.js';
import { Tensor } from '../graph/tensor.js';

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
