// Options of the commands: meaning, accepted values, defaults, and presets that set several at once.
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { NablaError } from '../../core/errors.js';
import { activations } from '../../ops/activation.js';
import { adam, adamW, rmsProp, sgd } from '../../optim/index.js';
import { type Architecture, losses } from './model.js';

/** Parses a number; throws for others, which the command line reports with `what` was expected. */
const number = (what: string, fits: (value: number) => boolean) => (text: string) => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || !fits(value)) throw new InvalidArgumentError(`It is no ${what}.`);
  return value;
};
const whole = (low: number, high = 2 ** 32 - 1) =>
  number(
    `whole number from ${low} to ${high}`,
    (n) => Number.isInteger(n) && n >= low && n <= high,
  );
const positive = number(
  'number above 0 in the f32 range',
  (value) => value > 0 && Math.fround(value) < Infinity,
);
const fraction = number('number in [0, 1)', (value) => value >= 0 && value < 1);
const layerSize = whole(1, 2 ** 16);
const sizes = (text: string): readonly number[] =>
  text === 'none' ? [] : text.split(',').map(layerSize);

const keysOf = <Key extends string>(record: Readonly<Record<Key, unknown>>) =>
  Object.keys(record) as Key[];

export const optimizers = { sgd, adam, adamW, rmsProp } as const;

interface Preset {
  readonly about: string;
  /** Options as on the command line, where others override them. */
  readonly options?: string;
  /** Settings of the model that no option sets. */
  readonly architecture?: Partial<Architecture>;
}
/** Settings to start from. */
export const presets: Readonly<Record<'mnist' | 'nielsen' | 'cnn' | 'chars', Preset>> = {
  mnist: { about: '784-128-10 ReLU, cross-entropy, Adam' },
  nielsen: {
    about: '784-30-10 sigmoid, quadratic cost, SGD at 3.0, batch 10, 30 epochs',
    options:
      '--layers 30 --activation sigmoid --loss halfSquaredError --optimizer sgd --learning-rate 3 --batch 10 --epochs 30',
    architecture: { start: { initializer: 'lecunNormal', biasInitializer: 'standardNormal' } },
  },
  cnn: {
    about: 'LeNet: 5×5 convolutions of 8 and 16 channels, pools, then 120-84-10',
    options: '--layers 120,84',
    architecture: { kind: 'cnn' },
  },
  chars: {
    about: 'LSTM over sequences of 64 characters of --text',
    options: '--batch 32 --epochs 20 --learning-rate 0.005 --clip-norm 1',
    architecture: { kind: 'chars' },
  },
};
const aboutPresets = Object.entries(presets).map(
  ([name, { about }]) => `  ${name.padEnd(9)}${about}`,
);

export const dataOption = new Option(
  '--data <dir>',
  'folder with the four IDX files of a data set, gzipped or not (default: MNIST)',
);
export const textOption = new Option(
  '--text <file>',
  'text file to learn from, for the preset chars',
);
export const backendOption = new Option(
  '--backend <name>',
  'engine to compute on (default: gpu, if there is one)',
).choices(['gpu', 'cpu']);

/** Errors are thrown, for the caller to print. */
export const program = new Command('nabla')
  .exitOverride()
  .configureOutput({ outputError: () => {} });

export const training = program
  .command('train')
  .description('Train a network and save it to a file')
  .addHelpText('after', `\nPresets:\n${aboutPresets.join('\n')}`)
  .addOption(
    new Option('--preset <name>', 'named set of default options, listed below')
      .choices(keysOf(presets))
      .default('mnist'),
  )
  .option('--layers <sizes>', 'sizes of the hidden layers, such as 128,64 or none', sizes, [128])
  .addOption(
    new Option('--activation <name>', 'activation function of the hidden layers')
      .choices(keysOf(activations))
      .default('relu'),
  )
  .addOption(
    new Option('--loss <name>', 'loss function to minimise')
      .choices(keysOf(losses))
      .default('crossEntropy'),
  )
  .addOption(
    new Option('--optimizer <name>', 'optimization method')
      .choices(keysOf(optimizers))
      .default('adam'),
  )
  .option('--learning-rate <number>', 'learning rate (default: 0.001; 0.1 for sgd)', positive)
  .option('--momentum <number>', 'momentum of sgd and rmsProp', fraction, 0)
  .option(
    '--clip-norm <number>',
    'largest norm of all gradients together; longer ones are scaled down',
    positive,
  )
  .option('--batch <n>', 'examples per step', whole(1), 64)
  .option('--epochs <n>', 'passes over the training data', whole(1), 3)
  .option('--steps <n>', 'stop after this many steps', whole(1))
  .option('--seed <n>', 'seed of the initial weights and the shuffling', whole(0), 1)
  .option('--checkpoint <dir>', 'folder that the run saves itself to, after each epoch at least')
  .option('--every <n>', 'save after every so many steps too', whole(1))
  .option('--keep <n>', 'checkpoints to keep, the newest (default: 3)', whole(1))
  .option('--resume', 'go on from the newest checkpoint, if there is one')
  .option('--output <file>', 'model file to write', 'nabla-model.safetensors')
  .option('--report <file>', 'HTML report to write (default: beside the model)')
  .option('--no-report', 'write no report')
  .option('--tensorboard <dir>', 'folder for a TensorBoard event file')
  .addOption(
    new Option('--precision <name>', 'precision of matrix product operands')
      .choices(['f32', 'f16'])
      .default('f32'),
  )
  .option(
    '--tune',
    'time several kernels for each matrix product, and use the fastest (default on GPUs)',
  )
  .option('--no-tune', 'use the built-in table of kernels (default on software adapters)')
  .option('--subgroup-matrix', 'use matrix units (tensor cores) if the adapter has them')
  .option('--profile', 'measure the GPU time of each kernel (slower)')
  .addOption(dataOption)
  .addOption(textOption)
  .addOption(backendOption)
  .addOption(
    new Option('--cross-check <name>', 'which kernel calls to compare with float64 on the CPU')
      .choices(['off', 'sampled', 'every'])
      .default('off'),
  );

/** Reads the options of `nabla train`: those given, else those of the preset, else defaults. */
export function readTrainOptions() {
  const { options: before = '' } = presets[training.opts().preset];
  training.parseOptions([...before.split(' '), ...program.args.slice(1)]);
  const options = training.opts();
  if (options.momentum !== 0 && !['sgd', 'rmsProp'].includes(options.optimizer))
    throw new NablaError(
      `--momentum: ${options.optimizer} has none; leave it out, or take --optimizer sgd`,
    );
  if (options.text !== undefined && options.preset !== 'chars')
    throw new NablaError('--text: digits have none; add --preset chars');
  const lonely = (['every', 'keep', 'resume'] as const).find((name) => options[name] !== undefined);
  if (lonely && options.checkpoint === undefined)
    throw new NablaError(`--${lonely}: there is no folder for it; add --checkpoint <dir>`);
  const { crossCheck, profile, tune, subgroupMatrix } = options;
  const checks = { 'cross-check': crossCheck !== 'off', profile };
  const ofGpu = { ...checks, tune, 'subgroup-matrix': subgroupMatrix };
  const asked = Object.entries(ofGpu).find(([, given]) => given)?.[0];
  if (asked && options.backend === 'cpu')
    throw new NablaError(`--${asked}: it needs a GPU; leave out --backend cpu`);
  const base = options.output.replace(/\.safetensors$/, '');
  const report = typeof options.report === 'string' ? options.report : `${base}.report.html`;
  const standardRate = options.optimizer === 'sgd' ? 0.1 : 0.001;
  return {
    ...options,
    learningRate: options.learningRate ?? standardRate,
    report: options.report === false ? undefined : report,
    trace: profile ? `${base}.trace.json` : undefined,
  };
}
export type TrainOptions = ReturnType<typeof readTrainOptions>;
export type EvalOptions = Pick<TrainOptions, 'data' | 'text' | 'backend'>;
