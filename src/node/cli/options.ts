// The options of the commands: what each means, what it accepts, and the presets that set several at once.
import type { CrossCheck } from '../../engine.js';
import { activations } from '../../ops/activation.js';
import { adam, adamW, type Optimizer, rmsProp, sgd } from '../../optim/index.js';
import { type Architecture, losses } from './model.js';
import { UsageError } from './usage.js';

type Parse<T> = (text: string) => T;
interface Option<T> {
  /** What stands for the value in the help. */
  readonly value: string;
  readonly about: string;
  /** Throws UsageError saying what is wrong with the text. */
  readonly parse: Parse<T>;
  /** The value where none is given. */
  readonly standard: T;
}
export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type Values<Table extends OptionTable> = { readonly [K in keyof Table]: Table[K]['standard'] };

const option = <T>(value: string, about: string, parse: Parse<T>, standard: T): Option<T> => {
  const shown = Array.isArray(standard) ? standard.join() : standard;
  return { value, about: shown === undefined ? about : `${about} (${shown})`, parse, standard };
};

const bare = (name: string): string => name.toLowerCase().replaceAll('-', '');
const namesOf = <T extends object>(record: T) => Object.keys(record) as (keyof T & string)[];
/** One of some names, however it is cased or hyphenated. */
const oneOf =
  <T extends string>(names: readonly T[]): Parse<T> =>
  (text) => {
    const found = names.find((name) => bare(name) === bare(text));
    if (!found) throw new UsageError(`'${text}' is none of ${names.join(', ')}`);
    return found;
  };
const number =
  (what: string, fits: (value: number) => boolean): Parse<number> =>
  (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || !fits(value)) throw new UsageError(`'${text}' is no ${what}`);
    return value;
  };
const whole = (low: number, high = 2 ** 32 - 1): Parse<number> =>
  number(`whole number from ${low} to ${high}`, (value) => Number.isInteger(value) && value >= low && value <= high);
const path: Parse<string> = (text) => {
  if (text === '') throw new UsageError('the name is empty');
  return text;
};
const sizes: Parse<readonly number[]> = (text) => (text === 'none' ? [] : text.split(',').map(whole(1, 2 ** 16)));

/** How each optimizer is made, and its learning rate where none is given. */
export const optimizers: Readonly<
  Record<string, { rate: number; make: (learningRate: number, momentum: number) => Optimizer }>
> = {
  sgd: { rate: 0.1, make: (learningRate, momentum) => sgd({ learningRate, momentum }) },
  adam: { rate: 0.001, make: (learningRate) => adam({ learningRate }) },
  adamW: { rate: 0.001, make: (learningRate) => adamW({ learningRate }) },
  rmsProp: { rate: 0.001, make: (learningRate, momentum) => rmsProp({ learningRate, momentum }) },
};

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
};

/** The options of `nabla eval`, named as in the code; on the command line learningRate is --learning-rate. */
export const evalOptions = {
  data: option<string | undefined>('dir', 'folder of four IDX files, gzipped or not (MNIST)', path, undefined),
  backend: option<'gpu' | 'cpu' | undefined>(
    ...(['name', 'gpu or cpu (gpu if there is one)', oneOf(['gpu', 'cpu']), undefined] as const),
  ),
};

/** The options of `nabla train`. */
export const trainOptions = {
  preset: option<string>('name', 'settings to start from, see below', oneOf(Object.keys(presets)), 'mnist'),
  layers: option('sizes', 'hidden layers, as 128,64 or none', sizes, [128]),
  activation: option('name', namesOf(activations).join(', '), oneOf(namesOf(activations)), 'relu'),
  loss: option('name', namesOf(losses).join(', '), oneOf(namesOf(losses)), 'crossEntropy'),
  optimizer: option<string>('name', namesOf(optimizers).join(', '), oneOf(namesOf(optimizers)), 'adam'),
  learningRate: option<number | undefined>(
    ...(['number', 'step size (0.001; sgd 0.1)', number('number above 0', (value) => value > 0), undefined] as const),
  ),
  momentum: option(
    'number',
    'of sgd and rmsProp',
    number('number in [0, 1)', (value) => value >= 0 && value < 1),
    0,
  ),
  batch: option('n', 'examples a step', whole(1), 64),
  epochs: option('n', 'times through the data', whole(1), 3),
  steps: option<number | undefined>('n', 'stop after this many steps', whole(1), undefined),
  seed: option('n', 'of weights and of the order of examples', whole(0), 1),
  output: option('file', 'model to write', path, 'nabla-model.safetensors'),
  ...evalOptions,
  crossCheck: option<CrossCheck>(
    'mode',
    'check GPU results in float64: off, sampled, every',
    oneOf(['off', 'sampled', 'every']),
    'off',
  ),
};
export type TrainOptions = Values<typeof trainOptions> & { readonly learningRate: number };

/** learningRate → --learning-rate */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options that were given. Throws UsageError naming the option, what it got and what it accepts. */
export function readOptions<T extends OptionTable>(table: T, given: Readonly<Record<string, unknown>>) {
  const read: Record<string, unknown> = {};
  for (const [name, { parse }] of Object.entries(table)) {
    const value = given[name];
    if (value === undefined) continue;
    try {
      if (Array.isArray(value)) throw new UsageError(`it is given ${value.length} times`);
      if (typeof value === 'object' || typeof value === 'boolean') throw new UsageError('it needs one value');
      read[name] = parse(String(value));
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`${flagOf(name)}: ${error.message}`) : error;
    }
  }
  return read as Partial<Values<T>>;
}

/** Settings from the options given, those of the preset, and the standard ones, in this order. */
export function readTrainOptions(given: Readonly<Record<string, unknown>>): TrainOptions {
  const read = readOptions(trainOptions, given);
  const standard = Object.fromEntries(Object.entries(trainOptions).map(([name, each]) => [name, each.standard]));
  const preset = presets[read.preset ?? 'mnist']!.options;
  const options = { ...(standard as Values<typeof trainOptions>), ...preset, ...read };
  if (options.momentum !== 0 && !['sgd', 'rmsProp'].includes(options.optimizer))
    throw new UsageError(`--momentum: ${options.optimizer} has none; leave it out, or take --optimizer sgd`);
  if (options.crossCheck !== 'off' && options.backend === 'cpu')
    throw new UsageError('--cross-check: it compares a GPU with the CPU; leave out --backend cpu');
  return { ...options, learningRate: options.learningRate ?? optimizers[options.optimizer]!.rate };
}
