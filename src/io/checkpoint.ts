import { scalingOf } from '../autodiff/precision.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Engine } from '../engine.js';
import { FormatError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import { runCount, runSeed } from '../ops/random.js';
import { namesOf, type Optimizer } from '../optim/optimizers.js';
import { formatShape, sameShape } from '../shape.js';
import type { Progress } from '../train/fit.js';
import { decode, encode } from './safetensors.js';

/** What a checkpoint is of. */
export interface Subject {
  readonly model: { readonly parameters: readonly Tensor[] };
  /** Its state is saved and loaded too. */
  readonly optimizer?: Optimizer;
  /** Saved: where its run stands. */
  readonly progress?: Progress;
  /** Saved: what else to say of it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Where the seed of fresh random numbers lies; files of before have none. */
const RUN_SEED = 'random.seed';

const fail = (fact: string): never => {
  throw new FormatError(`checkpoint: ${fact}`);
};

/** Each saved tensor's place: the model's parameters under their own names, as in PyTorch's `state_dict`. */
function placesOf({ model, optimizer }: Subject, isScaled: boolean): Map<string, Tensor> {
  const names = namesOf(model.parameters);
  const places = new Map(model.parameters.map((each, i) => [names[i]!, each]));
  if (!optimizer) return places;
  for (const [name, leaf] of optimizer.state(model.parameters)) places.set(`optimizer.${name}`, leaf);
  for (const [name, leaf] of Object.entries(scalingOf(model.parameters, isScaled)))
    places.set(`precision.${name}`, leaf);
  return places.set('random.runs', runCount).set(RUN_SEED, runSeed);
}

/**
 * The model's parameters as a safetensors file, in their own dtypes. With the optimizer also its state, its step count, the
 * loss scale of f16, the run count and the run's seed of random numbers, all as the engine holds them (the CPU engine in float64); with a run's progress also epoch, position
 * and seed: enough to go on bit for bit on the same adapter. Call it while no step is under way: between reports, or when
 * a run has stopped.
 */
export async function save(engine: Engine, subject: Subject): Promise<Uint8Array> {
  const tensors = [...placesOf(subject, false)].map(async ([name, leaf]) => {
    const value = await engine.read(leaf);
    return [name, subject.optimizer ? value : { ...value, dtype: leaf.dtype }] as const;
  });
  return encode(new Map(await Promise.all(tensors)), {
    ...subject.metadata,
    format: 'pt',
    ...(subject.progress && { 'nabla.progress': JSON.stringify(subject.progress) }),
  });
}

/**
 * Writes a checkpoint's values into the engine: those of the model and, where it is given, of the optimizer. Nothing is
 * written unless everything is there and fits; throws FormatError otherwise. A plain file of weights loads as well. Gives
 * the file's metadata and, for `fit`'s `resume`, its progress where it has one. Files of 0.1.0 and
 * before, which have no 'random.seed', load too, but random numbers were others then: dropout and the order of the examples,
 * also of the rest of an epoch that had begun, are not those with which the run would have gone on.
 */
export async function load(engine: Engine, bytes: Uint8Array, subject: Subject) {
  const { tensors, metadata } = decode(bytes);
  const places = placesOf(subject, tensors.has('precision.scale'));
  const values = [...places].map(([name, leaf]) => {
    const found = tensors.get(name) ?? (name === RUN_SEED ? ownValue(leaf) : undefined);
    const value = found ?? fail(`it holds no '${name}'; it has ${[...tensors.keys()].slice(0, 8)}`);
    if (!sameShape(value.shape, leaf.shape))
      fail(`'${name}' is ${formatShape(value.shape)} in the file and ${formatShape(leaf.shape)} here`);
    return [leaf, value] as const;
  });
  const ours = subject.optimizer ? /^/ : /^(?!optimizer\.|precision\.|random\.)/;
  const extra = [...tensors.keys()].find((name) => !places.has(name) && ours.test(name));
  if (extra !== undefined) fail(`nothing here is named '${extra}'; build the model and optimizer of the file`);
  const text = metadata.get('nabla.progress');
  const progress = text !== undefined && { progress: readProgress(text) };
  await Promise.all(values.map(([leaf, value]) => engine.write(leaf, value)));
  return { metadata, ...progress };
}

const COUNTS = ['seed', 'batchSize', 'examples', 'epoch', 'position', 'step'];

function readProgress(text: string): Progress {
  try {
    const value = Object(JSON.parse(text));
    const whole = COUNTS.every((key) => Number.isSafeInteger(value[key]) && value[key] >= 0);
    // a cost that is not a number becomes null in JSON
    if (whole && value.correct >= 0 && 'cost' in value) return { ...value, cost: value.cost ?? Number.NaN };
  } catch {} // no JSON
  return fail(`its progress is '${text.slice(0, 80)}'; it needs ${COUNTS.join(', ')} and cost`);
}
