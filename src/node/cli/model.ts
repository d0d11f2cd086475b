// The models of the commands: built from an architecture, which is plain data that travels in the model's file.
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Engine } from '../../engine.js';
import { FormatError } from '../../errors.js';
import { load, save } from '../../io/checkpoint.js';
import { decode } from '../../io/safetensors.js';
import { binaryCrossEntropy, crossEntropy, halfSquaredError, squaredError } from '../../loss.js';
import * as nn from '../../nn/index.js';
import { type Activation, activations } from '../../ops/activation.js';
import { loadFile, saveFile } from '../files.js';
import { UsageError, withFile } from './usage.js';

/** The losses that an option may name. */
export const losses = { crossEntropy, binaryCrossEntropy, squaredError, halfSquaredError } as const;

/** Everything but the numbers: enough to build the model again. */
export interface Architecture {
  readonly kind: 'dense' | 'cnn';
  /** Of a cnn: of its convolutions, which stand before the dense layers. */
  readonly channels?: readonly number[];
  /** [inputs, …hidden, classes] of the dense layers; a cnn's inputs are pixels of square images. */
  readonly sizes: readonly number[];
  readonly activation: Activation;
  readonly loss: keyof typeof losses;
  readonly initializer?: nn.Initializer & string;
  readonly biasInitializer?: nn.Initializer & string;
}

/**
 * Dense layers, after convolutions where there are channels. Squared losses compare with targets in [0, 1], so there the
 * last layer is a sigmoid; otherwise it gives logits. Numbered as in PyTorch, where activations, pools and the flattening
 * count too, so `nn.Sequential(Linear, ReLU, Linear)` loads them.
 */
export function buildModel(architecture: Architecture, seed: number): nn.Layer {
  const { sizes, channels = [], activation, loss, kind: _, ...initializers } = architecture;
  const output = loss === 'squaredError' || loss === 'halfSquaredError' ? 'sigmoid' : 'identity';
  const [features, convolutions] = convolve(architecture);
  const first = channels.length && 3 * channels.length + 1;
  const layers = sizes.slice(1).map((outputs, i) =>
    nn.dense(i === 0 ? features : sizes[i]!, outputs, {
      name: String(first + 2 * i),
      activation: i === sizes.length - 2 ? output : activation,
      ...initializers,
    }),
  );
  return nn.sequential([...convolutions, ...layers], { seed });
}

/** LeNet's 5 × 5 convolutions, the first padded to keep the size, each with a 2 × 2 pool; and how many features they give. */
function convolve({ sizes, channels = [], activation }: Architecture): [number, nn.Layer[]] {
  if (channels.length === 0) return [sizes[0]!, []];
  const side = Math.sqrt(sizes[0]!);
  const last = channels.reduce((size, _, i) => Math.floor((i === 0 ? size : size - 4) / 2), side);
  if (!Number.isInteger(side) || last < 1)
    throw new UsageError(`--preset cnn: images of ${sizes[0]} pixels; it takes square ones, 12 × 12 or more`);
  const layers = channels.flatMap((outputs, i) => [
    nn.conv2d(channels[i - 1] ?? 1, outputs, 5, { name: String(3 * i), padding: i === 0 ? 2 : 0, activation }),
    { ...nn.maxPool2d(2), name: `pool${i}` },
  ]);
  const shaped = { ...nn.reshape([1, side, side]), name: 'images' };
  return [channels.at(-1)! * last ** 2, [shaped, ...layers, { ...nn.flatten(), name: 'flatten' }]];
}

/** "784-128-10 relu, crossEntropy", "784-c8-c16-120-84-10 relu, crossEntropy" */
export const describeModel = ({ sizes: [inputs, ...sizes], channels = [], activation, loss }: Architecture): string => {
  const parts = [inputs, ...channels.map((each) => `c${each}`), ...sizes];
  return `${parts.join('-')} ${parts.length > 2 ? activation : 'linear'}, ${loss}`;
};

/** Throws UsageError now where a file could not be written later. */
export const checkWritable = (file: string): Promise<void> =>
  withFile(file, async () => {
    if ((await stat(file).catch(() => undefined))?.isDirectory())
      throw new UsageError(`${file}: it is a folder; name a file in it`);
    await access(dirname(resolve(file)), constants.W_OK);
  });

/** Writes a model with its architecture and how it was trained. Resolves to the size in bytes. */
export async function saveModel(
  file: string,
  engine: Engine,
  model: nn.Layer,
  { architecture, training }: { architecture: Architecture; training: object },
): Promise<number> {
  const metadata = { architecture: JSON.stringify(architecture), training: JSON.stringify(training) };
  const bytes = await save(engine, { model, metadata });
  await withFile(file, () => saveFile(file, bytes));
  return bytes.length;
}

export interface ModelFile {
  readonly architecture: Architecture;
  /** Builds the model and writes the file's values into the engine. Throws FormatError where they do not fit. */
  load(engine: Engine): Promise<nn.Layer>;
}

/** Opens a file that `nabla train` wrote. Throws FormatError naming the file where it is another or damaged. */
export async function openModel(file: string): Promise<ModelFile> {
  const bytes = await withFile(file, () => loadFile(file));
  const naming = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof FormatError ? new FormatError(`${file}: ${error.message}`, { cause: error }) : error;
    }
  };
  const architecture = await naming(() => parseArchitecture(decode(bytes).metadata.get('architecture')));
  return {
    architecture,
    load: (engine) =>
      naming(async () => {
        const model = buildModel(architecture, 0);
        await load(engine, bytes, { model });
        return model;
      }),
  };
}

function parseArchitecture(text: string | undefined): Architecture {
  if (text === undefined) throw new FormatError('its metadata describe no architecture; nabla train writes that');
  try {
    const { kind, sizes, channels, activation, loss } = Object(JSON.parse(text)) as Architecture;
    const whole = (list: unknown, least: number): boolean =>
      Array.isArray(list) && list.length >= least && list.every((size) => Number.isInteger(size) && size > 0);
    const known = Object.hasOwn(activations, activation) && Object.hasOwn(losses, loss) && whole(sizes, 2);
    if (kind === 'dense' && known) return { kind, sizes, activation, loss };
    if (kind === 'cnn' && known && whole(channels, 1)) return { kind, sizes, channels: channels!, activation, loss };
  } catch {
    // no JSON
  }
  throw new FormatError('its metadata describe no architecture that this version knows');
}
