// Models of the commands: the architecture saved in a model's file, and how a model is built from it.

import { NablaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { Engine } from '../../engine/engine.js';
import type { Tensor } from '../../graph/tensor.js';
import { load } from '../../io/checkpoint.js';
import { decode } from '../../io/safetensors.js';
import {
  binaryCrossEntropy,
  crossEntropy,
  halfSquaredError,
  type Loss,
  squaredError,
} from '../../loss.js';
import * as nn from '../../nn/index.js';
import type { Activation } from '../../ops/activation.js';
import { div } from '../../ops/arithmetic.js';
import { loadFile, withFile } from '../files.js';

/** The losses that an option may name. */
export const losses = { crossEntropy, binaryCrossEntropy, squaredError, halfSquaredError } as const;

/** A model's loss, as a mean over an example's labels too: a text has one for each character. */
export function lossOf({ loss }: Architecture): Loss {
  return (output, target) => {
    const labels = sizeOf(target.shape.slice(1));
    return div(losses[loss](output, target), labels);
  };
}

/** Everything but the numbers: enough to build the model again. */
export interface Architecture {
  readonly kind: 'dense' | 'cnn' | 'chars';
  /** Of a network of characters. */
  readonly alphabet?: string | undefined;
  /** [inputs, …hidden, classes] of the dense layers; a cnn's inputs are pixels of square images. */
  readonly sizes: readonly [inputs: number, ...following: number[]];
  readonly activation: Activation;
  readonly loss: keyof typeof losses;
  /** How the dense layers begin. */
  readonly start?: Pick<nn.DenseOptions, 'initializer' | 'biasInitializer'>;
}

/**
 * Dense layers, after LeNet's convolutions in a cnn. Squared losses compare with targets in [0, 1], so there the last
 * layer is a sigmoid; otherwise it gives logits. Numbered as in PyTorch, where activations, pools and the flattening count
 * too, so `nn.Sequential(Linear, ReLU, Linear)` loads them.
 */
export function buildModel(architecture: Architecture, seed: number): nn.Layer {
  const { sizes, activation, loss, kind, start } = architecture;
  if (kind === 'chars') return buildReader(sizes, seed);
  const [pixels, ...following] = sizes;
  const side = Math.sqrt(pixels);
  const last = Math.floor((Math.floor(side / 2) - 4) / 2);
  if (kind === 'cnn' && (!Number.isInteger(side) || last < 1))
    throw new NablaError(
      `--preset cnn: images of ${pixels} pixels; it takes square ones, 12 × 12 or more`,
    );
  const output = loss === 'squaredError' || loss === 'halfSquaredError' ? 'sigmoid' : 'identity';
  let inputs = kind === 'cnn' ? 16 * last ** 2 : pixels;
  const layers: nn.SequentialPart[] = [];
  for (const [i, outputs] of following.entries()) {
    const isLast = i === following.length - 1;
    const settings = { activation: isLast ? output : activation, ...start };
    layers.push(nn.dense(inputs, outputs, settings), inPlaceOfActivation);
    inputs = outputs;
  }
  if (kind === 'dense') return nn.sequential(layers, { seed });
  const toEight = nn.conv2d(1, 8, 5, { padding: 2, activation });
  const toSixteen = nn.conv2d(8, 16, 5, { activation });
  const first = [toEight, inPlaceOfActivation, nn.maxPool2d(2)];
  const second = [toSixteen, inPlaceOfActivation, nn.maxPool2d(2)];
  const network = nn.sequential([...first, ...second, nn.flatten(), ...layers], { seed });
  const images = nn.reshape([1, side, side]);
  const { parameters, buffers } = network;
  return { parameters, buffers, apply: (x, options) => network.apply(images.apply(x), options) };
}

/** Characters, each as a vector, through LSTMs to what may follow each: [batch, time] → [batch, time, characters]. */
function buildReader([characters, ...sizes]: Architecture['sizes'], seed: number): nn.Layer {
  const hidden = sizes.slice(0, -1);
  const lstms = hidden.map((size, i) => nn.lstm(hidden[i - 1] ?? size, size));
  const first = hidden[0];
  const last = hidden.at(-1);
  if (!first || !last)
    throw new NablaError('--layers none: a network of characters has at least one layer');
  const output = nn.dense(last, characters);
  return nn.sequential([nn.embedding(characters, first), ...lstms, output], { seed });
}

const inPlaceOfActivation = (x: Tensor): Tensor => x;

/** "784-128-10 relu, crossEntropy", "784-c8-c16-120-84-10 relu, crossEntropy" */
export function describeModel({ kind, sizes, activation, loss }: Architecture): string {
  const [inputs, ...following] = sizes;
  const convolutions = kind === 'cnn' ? ['c8', 'c16'] : [];
  const parts = [inputs, ...convolutions, ...following];
  const layers = kind === 'chars' ? 'LSTM' : parts.length > 2 ? activation : 'linear';
  return `${parts.join('-')} ${layers}, ${loss}`;
}

/** Opens a file that `nabla train` wrote. Throws NablaError naming the file where it is another or damaged. */
export const openModel = (file: string) =>
  withFile(file, async () => {
    const bytes = await loadFile(file);
    const text = decode(bytes).metadata.get('architecture') ?? '';
    try {
      const architecture: Architecture = JSON.parse(text);
      const model = buildModel(architecture, 0);
      // writes the file's values into an engine; throws NablaError where they do not fit
      const loadInto = (engine: Engine) => withFile(file, () => load(engine, bytes, { model }));
      if (model.parameters.length && Object.hasOwn(losses, architecture.loss))
        return { architecture, model, loadInto };
    } catch {
      // no JSON, or nothing to build from
    }
    throw new NablaError(
      'its metadata describe no architecture that this version of nabla train writes',
    );
  });
