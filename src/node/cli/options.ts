// The options of the commands: what each means, what it accepts, and the presets that set several at once.
import type { CrossCheck } from '../../engine.js';
import { activations } from '../../ops/activation.js';
import { adam, adamW, rmsProp, sgd } from '../../optim/index.js';
import { type Architecture, losses } from './model.js';
import { UsageError } from './usage.js';

/** What the command line gives, by name. */
type Given = Readonly<Record<string, unknown>>;
/** A kind of value. */
interface Kind<T> {
  /** What stands for it in the help. */
  readonly value: string;
  /** What the help says of it. */
  readonly about: string;
  /** Throws UsageError saying what is wrong with the text that the flag is given. */
  readonly parse: (text: string, flag: string) => T;
}
interface Option<T> extends Kind<T> {
  /** The value where none is given. */
  readonly standard: T;
}
export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type Values<Table extends OptionTable> = { readonly [K in keyof Table]: Table[K]['standard'] };

/** A kind whose texts `read` understands; of others it gives undefined, and they are `fault`. */
const kind = <T>(value: string, fault: string, read: (text: string) => T | undefined, about = ''): Kind<T> => ({
  value,
  about,
  parse(text, flag) {
    const found = read(text);
    if (found === undefined) throw new UsageError(`${flag}: '${text}' is ${fault}`);
    return found;
  },
});
const bare = (name: string): string => name.toLowerCase().replaceAll('-', '');
/** One of some names, however it is cased or hyphenated. */
function oneOf<T extends string>(names: readonly T[]): Kind<T> {
  const list = names.join(', ');
  return kind('name', `none of ${list}`, (text) => names.find((name) => bare(name) === bare(text)), list);
}
const keyOf = <T extends object>(record: T) => oneOf(Object.keys(record) as (keyof T & string)[]);
function number(value: string, what: string, fits: (value: number) => boolean): Kind<number> {
  const reads = (text: string, read: number): boolean => text.trim() !== '' && Number.isFinite(read) && fits(read);
  return kind(value, `no ${what}`, (text) => (reads(text, Number(text)) ? Number(text) : undefined));
}
const positive = number(
  'number',
  'number above 0 in the f32 range',
  (value) => value > 0 && Math.fround(value) < Infinity,
);
const fraction = number('number', 'number in [0, 1)', (value) => value >= 0 && value < 1);
const whole = (low: number, high = 2 ** 32 - 1): Kind<number> =>
  number(
    'n',
    low === 1 ? `whole number above 0, at most ${high}` : `whole number from ${low} to ${high}`,
    (n) => Number.isInteger(n) && n >= low && n <= high,
  );
const path = (value: string): Kind<string> => kind(value, 'no name', (text) => text || undefined);
const sizes: Kind<readonly number[]> = {
  ...path('sizes'),
  parse: (text, flag) => (text === 'none' ? [] : text.split(',').map((size) => whole(1, 2 ** 16).parse(size, flag))),
};

const option = <T, S extends T | undefined>(about: string, kind: Kind<T>, standard: S): Option<T | S> => {
  const text = [about, kind.about].filter(Boolean).join(': ');
  return { ...kind, about: standard === undefined ? text : `${text} (${standard})`, standard };
};

export const optimizers = { sgd, adam, adamW, rmsProp } as const;

/** Settings to start from: one record each. What is given on the command line goes over them. */
interface Preset {
  readonly about: string;
  readonly options: Partial<Values<typeof trainOptions>>;
  /** Of the model, beyond what options say. */
  readonly architecture?: Partial<Architecture>;
}
export const presets: Readonly<Record<string, Preset>> = {
  mnist: { about: '784-128-10 ReLU, cross-entropy, Adam', options: {} },
  nielsen: {
    about: '784-30-10 sigmoid, quadratic cost, SGD at 3.0, batch 10, 30 epochs',
    options: {
      ...{ layers: [30], activation: 'sigmoid', loss: 'halfSquaredError' },
      ...{ optimizer: 'sgd', learningRate: 3, batch: 10, epochs: 30 },
    },
    architecture: { initializer: 'lecunNormal', biasInitializer: 'standardNormal' },
  },
  cnn: {
    about: 'LeNet: two 5×5 convolutions of 8 and 16 channels with pools, then 120-84-10',
    options: { layers: [120, 84] },
    architecture: { kind: 'cnn', channels: [8, 16] },
  },
  chars: {
    about: 'LSTM over the characters of --text, 64 at a time',
    options: { batch: 32, epochs: 20, learningRate: 0.005, clipNorm: 1 },
    architecture: { kind: 'chars' },
  },
};

const presetList = Object.entries(presets).map(([name, { about }]) => `${name} (${about})`);

/** The options of `nabla eval`, named as in the code; on the command line learningRate is --learning-rate. */
export const evalOptions = {
  data: option('folder of four IDX files, gzipped or not (MNIST)', path('dir'), undefined),
  text: option('text that a network of characters reads', path('file'), undefined),
  backend: option('where it runs, the GPU if there is one', oneOf<'gpu' | 'cpu'>(['gpu', 'cpu']), undefined),
};

export type EvalOptions = Values<typeof evalOptions>;

/** The options of `nabla train`. */
export const trainOptions = {
  preset: option<string, string>(
    'settings to start from',
    { ...keyOf(presets), about: presetList.join(', ') },
    'mnist',
  ),
  layers: option('hidden layers, as 128,64 or none', sizes, [128]),
  activation: option('of the hidden layers', keyOf(activations), 'relu'),
  loss: option('', keyOf(losses), 'crossEntropy'),
  optimizer: option('', keyOf(optimizers), 'adam'),
  learningRate: option('step size (0.001; sgd 0.1)', positive, undefined),
  momentum: option('of sgd and rmsProp', fraction, 0),
  clipNorm: option('scales gradients of a larger norm down to it', positive, undefined),
  batch: option('examples a step', whole(1), 64),
  epochs: option('times through the data', whole(1), 3),
  steps: option('stop after this many steps', whole(1), undefined),
  seed: option('of weights and of the order of examples', whole(0), 1),
  output: option('model to write', path('file'), 'nabla-model.safetensors'),
  ...evalOptions,
  crossCheck: option('check GPU results in float64', oneOf<CrossCheck>(['off', 'sampled', 'every']), 'off'),
};
export type TrainOptions = Values<typeof trainOptions> & { readonly learningRate: number };

/** learningRate → --learning-rate */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * The value of every option: what was given, else what `preset` says, else the standard. Throws UsageError naming the
 * option, what it got and what it accepts.
 */
export function readOptions<T extends OptionTable>(table: T, given: Given, preset: Partial<Values<T>> = {}): Values<T> {
  const read = Object.entries(table).map(([name, { parse, standard }]) => {
    const [value, flag] = [given[name], flagOf(name)];
    if (value === undefined) return [name, preset[name] ?? standard];
    if (Array.isArray(value)) throw new UsageError(`${flag}: it is given ${value.length} times`);
    if (typeof value === 'object' || typeof value === 'boolean') throw new UsageError(`${flag}: it needs one value`);
    return [name, parse(String(value), flag)];
  });
  return Object.fromEntries(read);
}

export function readTrainOptions(given: Given): TrainOptions {
  const { preset } = readOptions({ preset: trainOptions.preset }, given);
  const options = readOptions(trainOptions, given, presets[preset]!.options);
  if (options.momentum !== 0 && !['sgd', 'rmsProp'].includes(options.optimizer))
    throw new UsageError(`--momentum: ${options.optimizer} has none; leave it out, or take --optimizer sgd`);
  if (options.text !== undefined && preset !== 'chars')
    throw new UsageError('--text: digits have none; add --preset chars');
  if (options.crossCheck !== 'off' && options.backend === 'cpu')
    throw new UsageError('--cross-check: it compares a GPU with the CPU; leave out --backend cpu');
  return { ...options, learningRate: options.learningRate ?? (options.optimizer === 'sgd' ? 0.1 : 0.001) };
}
