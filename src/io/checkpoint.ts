// Checkpoints: a model, its optimizer's state and the progress of training as one safetensors file.
import { scalingOf } from '../autodiff/precision.js';
import type { Bytes } from '../core/bytes.js';
import { isFloat, type TensorData } from '../core/dtype.js';
import { FormatError } from '../core/errors.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Engine } from '../engine/engine.js';
import type { Tensor } from '../graph/tensor.js';
import { objectionTo } from '../nn/load.js';
import { type Stateful, stateOf } from '../nn/state.js';
import { runCount, runSeed } from '../ops/draws.js';
import type { Optimizer } from '../optim/optimizers.js';
import { checkProgress, type Progress } from '../train/progress.js';
import { checkBesideFit } from '../train/settings.js';
import { metadataOf, type Named } from './safetensors.header.js';
import { type Decoded, decode, encode } from './safetensors.js';

/** Contents of a checkpoint. Settings of `fit` are allowed too and ignored, so one object serves both. */
export interface Subject {
  /** Its parameters and, where it has some, its buffers are saved and loaded, under the names of `model.state()`. */
  readonly model: Stateful;
  /** Optimizer whose state is saved and loaded too. */
  readonly optimizer?: Optimizer;
  /** Progress of the run, to save. */
  readonly progress?: Progress;
  /** Additional texts by name, to save. */
  readonly metadata?: Named<string>;
}

/** The subject; throws NablaError for names that neither it nor `fit` has. */
const checkSubject = (subject: Subject): Subject =>
  checkBesideFit('checkpoint', subject, 'model', 'optimizer progress metadata');

/** Where the seed of fresh random numbers lies; files of before have none. */
const RUN_SEED = 'random.seed';

/** The first number of a value that the dtype of its place cannot hold: f64 beyond f32 would become infinite. */
function beyond({ data }: TensorData, { dtype }: Tensor): number | undefined {
  const isHeld = (value: number): boolean =>
    !Number.isFinite(value) || Number.isFinite(Math.fround(value));
  return isFloat(dtype) && data instanceof Float64Array
    ? data.find((value) => !isHeld(value))
    : undefined;
}

/** Whether a value holds neither NaN nor infinities, as that of a model that has diverged does. */
const hasNumbers = (value: TensorData | undefined): boolean =>
  value?.data.every((each: number) => Number.isFinite(each)) ?? true;

const fail = (fact: string): never => {
  throw new FormatError(`checkpoint: ${fact}`);
};

/** Each saved tensor's place: the model's parameters and buffers under their own names, as in PyTorch's `state_dict`. */
function placesOf({ model, optimizer }: Subject, isScaled: boolean): Map<string, Tensor> {
  const places = new Map(stateOf(model));
  if (!optimizer) return places;
  for (const [name, leaf] of optimizer.state(model.parameters))
    places.set(`optimizer.${name}`, leaf);
  for (const [name, leaf] of Object.entries(scalingOf(model.parameters, isScaled)))
    places.set(`precision.${name}`, leaf);
  return places.set('random.runs', runCount).set(RUN_SEED, runSeed);
}

/**
 * The model's parameters and buffers as a safetensors file, in their own dtypes. With the optimizer also its state, its step count, the
 * loss scale of f16, the run count and the run's seed of random numbers, all as the engine holds them (the CPU engine in float64); with a run's progress also epoch, position
 * and seed: enough to go on bit for bit on the same adapter. Call it while no step is under way: between reports, or when
 * a run has stopped.
 */
export async function save(engine: Engine, subject: Subject): Promise<Uint8Array> {
  const tensors = [...placesOf(checkSubject(subject), false)].map(async ([name, leaf]) => {
    const value = await engine.read(leaf);
    return [name, subject.optimizer ? value : { ...value, dtype: leaf.dtype }] as const;
  });
  const metadata = new Map(metadataOf(subject.metadata ?? {})).set('format', 'pt');
  if (subject.progress) metadata.set('nabla.progress', JSON.stringify(subject.progress));
  return encode(new Map(await Promise.all(tensors)), metadata);
}

/** Names in a checkpoint of a run that are none of its model's. */
const OF_A_RUN = /^(optimizer|precision|random)\./;

/**
 * Names in a file that have no place here. Where only a model is loaded, what a run left beside it is passed over, and so is
 * what cannot be weights here: tensors of whole numbers, such as PyTorch's `num_batches_tracked` and `position_ids`, and those
 * that `decode` skips.
 */
function extras(
  { tensors, skipped }: Decoded,
  places: ReadonlyMap<string, Tensor>,
  { optimizer }: Subject,
) {
  const isWeight = (name: string): boolean => {
    const value = tensors.get(name);
    return value !== undefined && isFloat(value.dtype);
  };
  const extra = [...tensors.keys(), ...skipped.keys()].filter((name) => !places.has(name));
  const others = optimizer ? extra : extra.filter((name) => !OF_A_RUN.test(name));
  return { strange: others.find((name) => optimizer || isWeight(name)), ignored: others };
}

/**
 * Writes a checkpoint's values into the engine: those of the model and, where it is given, of the optimizer. Nothing is
 * written unless everything is there and fits; throws FormatError otherwise. A plain file of weights loads as well, of PyTorch
 * too: without an optimizer its further tensors of whole numbers (`num_batches_tracked`), and those that
 * `safetensors.decode` skips, are left out and named in `ignored`; a further tensor of floats is an error. Tensors of the model that
 * hold NaN or infinities are written and named in `notFinite`. Gives also the
 * file's metadata and, for `fit`'s `resume`, its progress where it has one. Files of 0.1.0 and before, which have no
 * 'random.seed', load too, but random numbers were others then: dropout and the order of the examples, also of the rest of an
 * epoch that had begun, are not those with which the run would have gone on.
 */
export async function load(engine: Engine, bytes: Bytes, subject: Subject) {
  const file = decode(bytes);
  const { tensors, metadata, skipped } = file;
  const places = placesOf(checkSubject(subject), tensors.has('precision.scale'));
  const values = [...places].map(([name, leaf]) => {
    if (skipped.has(name)) fail(`'${name}' is ${skipped.get(name)}`);
    const found = tensors.get(name) ?? (name === RUN_SEED ? ownValue(leaf) : undefined);
    const value = found ?? fail(`it holds no '${name}'; it has ${[...tensors.keys()].slice(0, 8)}`);
    const objection = objectionTo(leaf, value, 'in the file');
    if (objection !== undefined) fail(`'${name}' ${objection}`);
    const large = beyond(value, leaf);
    if (large !== undefined) fail(`'${name}' holds ${large}, beyond the ${leaf.dtype} here`);
    return [leaf, value] as const;
  });
  const { strange, ignored } = extras(file, places, subject);
  if (strange !== undefined)
    fail(`nothing here is named '${strange}'; build the model and optimizer of the file`);
  const text = metadata.get('nabla.progress');
  const progress = text !== undefined && { progress: readProgress(text) };
  await Promise.all(values.map(([leaf, value]) => engine.write(leaf, value)));
  const ofModel = [...stateOf(subject.model).keys()];
  return {
    metadata,
    ignored,
    notFinite: ofModel.filter((name) => !hasNumbers(tensors.get(name))),
    ...progress,
  };
}

/** @internal Reads a run's progress from metadata. */
function readProgress(text: string): Progress {
  const wrong = (fact: string): FormatError => new FormatError(`checkpoint: its progress: ${fact}`);
  try {
    return checkProgress(JSON.parse(text), wrong);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw wrong(`'${text.slice(0, 80)}' is no JSON`);
  }
}
