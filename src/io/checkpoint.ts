import type { TensorData } from '../dtype.js';
import type { Engine } from '../engine.js';
import { FormatError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { runCount } from '../ops/random.js';
import { namesOf, type Optimizer } from '../optim/optimizer.js';
import { formatShape, type Shape, sameShape } from '../shape.js';
import type { Progress } from '../train/fit.js';
import { decode, encode } from './safetensors.js';

/** What a checkpoint is of. */
export interface Subject {
  readonly model: { readonly parameters: readonly Tensor[] };
  /** Its state is saved and loaded too. */
  readonly optimizer?: Optimizer;
}

/** What `save` writes: the subject, where its run stands, and what else to say of it. */
export interface Saved extends Subject {
  readonly progress?: Progress;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Each saved tensor's place: the model's parameters under their own names, as in PyTorch's `state_dict`. */
function placesOf({ model, optimizer }: Subject): Map<string, Tensor> {
  const names = namesOf(model.parameters);
  const places = new Map(model.parameters.map((each, i) => [names[i]!, each]));
  if (!optimizer) return places;
  for (const [name, leaf] of optimizer.state(model.parameters)) places.set(`optimizer.${name}`, leaf);
  return places.set('random.runs', runCount);
}

/** SHA-256 of the values, in hexadecimal; undefined where the platform has no WebCrypto (a page without https). */
async function digest(file: Uint8Array): Promise<string | undefined> {
  const start = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const hash = await globalThis.crypto?.subtle?.digest('SHA-256', file.slice(start));
  return hash && Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The model's parameters as a safetensors file, in their own dtypes. With the optimizer also its state, its step count and
 * the random counter, all as the engine holds them (the CPU engine in float64); with a run's progress also epoch, position
 * and seed: enough to go on bit for bit on the same adapter. Call it while no step is under way: between reports, or when
 * a run has stopped.
 */
export async function save(engine: Engine, subject: Saved): Promise<Uint8Array> {
  const places = [...placesOf(subject)];
  const values = await Promise.all(places.map(([, leaf]) => engine.read(leaf)));
  const own = ({ dtype }: Tensor, value: TensorData) => (subject.optimizer ? value : { ...value, dtype });
  const tensors = new Map(places.map(([name, leaf], i) => [name, own(leaf, values[i]!)]));
  const sha256 = await digest(encode(tensors));
  return encode(tensors, {
    ...subject.metadata,
    format: 'pt',
    'nabla.adapter': engine.info.adapter.description,
    ...(sha256 && { 'nabla.sha256': sha256 }),
    ...(subject.progress && { 'nabla.progress': JSON.stringify(subject.progress) }),
  });
}

export interface Loaded {
  /** For `fit`'s `resume`, where the file has it. */
  readonly progress?: Progress;
  readonly metadata: ReadonlyMap<string, string>;
  /** Set where going on will not be bit for bit: the file comes from another adapter. */
  readonly warning?: string;
}

/**
 * Writes a checkpoint's values into the engine: those of the model and, where it is given, of the optimizer. Nothing is
 * written unless everything is there and fits; throws FormatError otherwise. A plain file of weights loads as well.
 */
export async function load(engine: Engine, bytes: Uint8Array, subject: Subject): Promise<Loaded> {
  const { tensors, metadata } = decode(bytes);
  const expected = metadata.get('nabla.sha256');
  const found = expected === undefined ? undefined : await digest(bytes);
  if (found !== undefined && found !== expected)
    throw new FormatError('checkpoint: its values do not match their SHA-256; the file is damaged');
  const places = placesOf(subject);
  const values = new Map<Tensor, TensorData>();
  for (const [name, leaf] of places) {
    const value = tensors.get(name);
    if (!value)
      throw new FormatError(`checkpoint: it holds no '${name}'; it has ${[...tensors.keys()].slice(0, 8).join(', ')}`);
    if (!sameShape(value.shape, leaf.shape))
      throw new FormatError(`checkpoint: '${name}' is ${said(value)} in the file and ${said(leaf)} in the model`);
    values.set(leaf, value);
  }
  const ours = subject.optimizer ? /^/ : /^(?!optimizer\.|random\.)/;
  const extra = [...tensors.keys()].find((name) => !places.has(name) && ours.test(name));
  if (extra !== undefined)
    throw new FormatError(`checkpoint: nothing here is named '${extra}'; build the model and optimizer of the file`);
  const progress = readProgress(metadata.get('nabla.progress'));
  await Promise.all([...values].map(([leaf, value]) => engine.write(leaf, value)));
  const [here, there = here] = [engine.info.adapter.description, metadata.get('nabla.adapter')];
  const warning = `saved on ${there}, loaded on ${here}: sums may round differently from here on`;
  return { metadata, ...(progress && { progress }), ...(there !== here && { warning }) };
}

const said = ({ shape }: { readonly shape: Shape }): string => formatShape(shape);

function readProgress(text: string | undefined): Progress | undefined {
  if (text === undefined) return undefined;
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(text));
  } catch (cause) {
    throw new FormatError('checkpoint: nabla.progress is no JSON', { cause });
  }
  // A cost that is not a number becomes null in JSON.
  const cost = value.cost === null ? Number.NaN : value.cost;
  for (const key of ['seed', 'batchSize', 'examples', 'epoch', 'position', 'step', 'correct'])
    if (!Number.isSafeInteger(value[key]) || (value[key] as number) < 0)
      throw new FormatError(`checkpoint: nabla.progress has ${key} ${JSON.stringify(value[key])}`);
  if (typeof cost !== 'number') throw new FormatError(`checkpoint: nabla.progress has cost ${JSON.stringify(cost)}`);
  const { seed, batchSize, examples, epoch, position, step, correct } = value as unknown as Progress;
  return { seed, batchSize, examples, epoch, position, step, cost, correct };
}
