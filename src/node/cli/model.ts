// The models of the commands: built from an architecture, which is plain data that travels in the model's file.
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Engine } from '../../engine.js';
import { FormatError } from '../../errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { load, save } from '../../io/checkpoint.js';
import { decode } from '../../io/safetensors.js';
import { binaryCrossEntropy, crossEntropy, halfSquaredError, type Loss, squaredError } from '../../loss.js';
import * as nn from '../../nn/index.js';
import { type Activation, activations } from '../../ops/activation.js';
import { div } from '../../ops/arithmetic.js';
import { loadFile, saveFile } from '../files.js';
import { UsageError, withFile } from './usage.js';

/** The losses that an option may name. */
export const losses = { crossEntropy, binaryCrossEntropy, squaredError, halfSquaredError } as const;

/** A loss as a mean over an example's labels too. */
export const perLabel =
  (loss: Loss, labels: number): Loss =>
  (output, target) =>
    div(loss(output, target), labels);

/** Everything but the numbers: enough to build the model again. */
export interface Architecture {
  readonly kind: 'dense' | 'cnn' | 'chars';
  /** Of a cnn: of its convolutions, which stand before the dense layers. */
  readonly channels?: readonly number[];
  /** Of a network of characters. */
  readonly alphabet?: string;
  /** [inputs, …hidden, classes] of the dense layers; a cnn's inputs are pixels of square images. */
  readonly sizes: readonly number[];
  readonly activation: Activation;
  readonly loss: keyof typeof losses;
  readonly initializer?: nn.Initializer & string;
  readonly biasInitializer?: nn.Initializer & string;
}

/**
 * Dense layers, after LeNet's where there are channels. Squared losses compare with targets in [0, 1], so there the last
 * layer is a sigmoid; otherwise it gives logits. Numbered as in PyTorch, where activations, pools and the flattening count
 * too, so `nn.Sequential(Linear, ReLU, Linear)` loads them.
 */
export function buildModel(architecture: Architecture, seed: number): nn.Layer {
  const { sizes, channels = [], activation, loss, kind, alphabet: _, ...initializers } = architecture;
  if (kind === 'chars') return buildReader(sizes, seed);
  const side = Math.sqrt(sizes[0]!);
  const last = channels.reduce((size, _, i) => Math.floor((i === 0 ? size : size - 4) / 2), side);
  if (channels.length && (!Number.isInteger(side) || last < 1))
    throw new UsageError(`--preset cnn: images of ${sizes[0]} pixels; it takes square ones, 12 × 12 or more`);
  // 5 × 5, the first padded to keep the size, each with a 2 × 2 pool
  const convolutions = channels.flatMap((outputs, i) => [
    nn.conv2d(channels[i - 1] ?? 1, outputs, 5, { padding: i === 0 ? 2 : 0, activation }),
    ...[inPlaceOfActivation, nn.maxPool2d(2)],
  ]);
  const features = channels.length ? channels.at(-1)! * last ** 2 : sizes[0]!;
  const output = loss === 'squaredError' || loss === 'halfSquaredError' ? 'sigmoid' : 'identity';
  const layers = sizes.slice(1).flatMap((outputs, i) => [
    nn.dense(i === 0 ? features : sizes[i]!, outputs, {
      activation: i === sizes.length - 2 ? output : activation,
      ...initializers,
    }),
    inPlaceOfActivation,
  ]);
  const network = nn.sequential([...convolutions, ...(channels.length ? [nn.flatten()] : []), ...layers], { seed });
  if (!channels.length) return network;
  const images = nn.reshape([1, side, side]);
  return { parameters: network.parameters, apply: (x, options) => network.apply(images.apply(x), options) };
}

/** Characters, each as a vector, through LSTMs to what may follow each: [batch, time] → [batch, time, characters]. */
function buildReader([characters, ...sizes]: readonly number[], seed: number): nn.Layer {
  const hidden = sizes.slice(0, -1);
  const lstms = hidden.map((size, i) => nn.lstm(hidden[i - 1] ?? size, size));
  const [first, last] = [hidden[0]!, hidden.at(-1)!];
  return nn.sequential([nn.embedding(characters!, first), ...lstms, nn.dense(last, characters!)], { seed });
}

const inPlaceOfActivation = (x: Tensor): Tensor => x;

/** "784-128-10 relu, crossEntropy", "784-c8-c16-120-84-10 relu, crossEntropy" */
export const describeModel = ({
  kind,
  sizes: [inputs, ...sizes],
  channels = [],
  activation,
  loss,
}: Architecture): string => {
  if (kind === 'chars') return `${[inputs, ...sizes].join('-')} LSTM, ${loss}`;
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

interface About {
  readonly architecture: Architecture;
  /** How it was trained. */
  readonly training: object;
}

/** Writes a model and what it is. Resolves to the size in bytes. */
export async function saveModel(file: string, engine: Engine, model: nn.Layer, about: About): Promise<number> {
  const metadata = { architecture: JSON.stringify(about.architecture), training: JSON.stringify(about.training) };
  const bytes = await save(engine, { model, metadata });
  await withFile(file, () => saveFile(file, bytes));
  return bytes.length;
}

/** Opens a file that `nabla train` wrote. Throws FormatError naming the file where it is another or damaged. */
export async function openModel(file: string) {
  const bytes = await withFile(file, () => loadFile(file));
  const architecture = await withFile(file, () => parseArchitecture(decode(bytes).metadata.get('architecture')));
  return {
    architecture,
    /** Builds the model and writes the file's values into the engine. Throws FormatError where they do not fit. */
    async load(engine: Engine): Promise<nn.Layer> {
      const model = buildModel(architecture, 0);
      await withFile(file, () => load(engine, bytes, { model }));
      return model;
    },
  };
}

function parseArchitecture(text: string | undefined): Architecture {
  if (text === undefined) throw new FormatError('its metadata describe no architecture; nabla train writes that');
  try {
    const { kind, sizes, channels, alphabet, activation, loss } = Object(JSON.parse(text)) as Architecture;
    const [inner, outer] = [channels ?? [], sizes.slice(1)];
    const known = Object.hasOwn(activations, activation) && Object.hasOwn(losses, loss) && outer.length > 0;
    const whole = [...sizes, ...inner].every((size) => Number.isInteger(size) && size > 0);
    const reads = alphabet !== undefined && [...alphabet].length === sizes[0] && outer.length > 1;
    const fits = { dense: !inner.length, cnn: inner.length > 0, chars: reads }[kind];
    if (known && whole && fits)
      return { kind, sizes, ...(channels && { channels }), ...(alphabet && { alphabet }), activation, loss };
  } catch {
    // no JSON, or no lists
  }
  throw new FormatError('its metadata describe no architecture that this version knows');
}
