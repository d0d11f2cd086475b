// The networks that are trained, as plain data that every engine can read: layers, shapes and first values.

/** Layers in Nabla's terms: PyTorch's formulas and parameter layouts; images are [batch, channels, height, width]. */
export type LayerSpec =
  | {
      readonly kind: 'dense';
      readonly inputs: number;
      readonly outputs: number;
      readonly activation?: 'relu';
    }
  | {
      readonly kind: 'conv2d';
      readonly inputs: number;
      readonly outputs: number;
      readonly padding: number;
    }
  | { readonly kind: 'maxPool2d' }
  | { readonly kind: 'flatten' }
  | { readonly kind: 'lstm'; readonly inputs: number; readonly outputs: number }
  /** Rows of a table by token, and rows of another by position: [batch, time] → [batch, time, width]. */
  | {
      readonly kind: 'embedding';
      readonly vocabulary: number;
      readonly time: number;
      readonly width: number;
    }
  /**
   * x + attention(norm(x)), causal, then x + down(gelu(up(norm(x)))), four times as wide: GPT-2's block with
   * the exact gelu, and without biases of queries, keys and values. (A bias of keys has the gradient 0, which Adam would
   * make large.)
   */
  | { readonly kind: 'transformer'; readonly width: number; readonly heads: number }
  | { readonly kind: 'layerNorm'; readonly width: number }
  /** All axes but the last as one. */
  | { readonly kind: 'rows' }
  | Normalized
  /** Two such convolutions, the second without ReLU; the input, or a 1 × 1 convolution of it, is added before the last ReLU. */
  | {
      readonly kind: 'residual';
      readonly inputs: number;
      readonly outputs: number;
      readonly stride: number;
    }
  /** The mean over height and width. */
  | { readonly kind: 'averagePool' };

/** A convolution without bias, its batch norm (the batch's statistics, none kept), and maybe a ReLU. */
export interface Normalized {
  readonly kind: 'normalized';
  readonly inputs: number;
  readonly outputs: number;
  readonly window: number;
  readonly stride: number;
  readonly activation?: 'relu';
}

/** Added to variances by layer norm and batch norm. */
export const EPSILON = 1e-5;

/** Edge of every convolution's window; pooling takes 2 × 2. */
export const KERNEL = 5;

const mlp = (...sizes: number[]): LayerSpec[] =>
  sizes.slice(1).map((outputs, i) => ({
    ...{ kind: 'dense', inputs: sizes[i]!, outputs },
    ...(i + 2 < sizes.length && { activation: 'relu' }),
  }));

const leNet: LayerSpec[] = [
  { kind: 'conv2d', inputs: 1, outputs: 6, padding: 2 },
  { kind: 'maxPool2d' },
  { kind: 'conv2d', inputs: 6, outputs: 16, padding: 0 },
  { kind: 'maxPool2d' },
  { kind: 'flatten' },
  ...mlp(400, 120, 84, 10),
];

/** Bytes. */
const VOCABULARY = 256;

const gpt = (depth: number, width: number, time: number): LayerSpec[] => [
  { kind: 'embedding', vocabulary: VOCABULARY, time, width },
  ...Array.from({ length: depth }, (): LayerSpec => ({ kind: 'transformer', width, heads: 4 })),
  { kind: 'layerNorm', width },
  { kind: 'rows' },
  ...mlp(width, VOCABULARY),
];

/** ResNet-8 for small images (He et al. 2016, option B): one block a stage. */
const resNet: LayerSpec[] = [
  { kind: 'normalized', inputs: 3, outputs: 16, window: 3, stride: 1, activation: 'relu' },
  { kind: 'residual', inputs: 16, outputs: 16, stride: 1 },
  { kind: 'residual', inputs: 16, outputs: 32, stride: 2 },
  { kind: 'residual', inputs: 32, outputs: 64, stride: 2 },
  { kind: 'averagePool' },
  ...mlp(64, 10),
];

export interface Network {
  readonly layers: readonly LayerSpec[];
  readonly inputShape: readonly number[];
  /** Inputs are numbers below this, and so are the labels, one for each. */
  readonly tokens?: number;
  readonly gpuOnly?: boolean;
  /** Takes minutes on a software adapter, to compile and to check: left out of a quick run that names no cases. */
  readonly isLong?: boolean;
}
export const networks: Readonly<Record<string, Network>> = {
  A: { layers: mlp(784, 128, 10), inputShape: [64, 784] },
  B: { layers: mlp(784, 512, 512, 10), inputShape: [128, 784] },
  C: { layers: mlp(...Array<number>(10).fill(64), 64), inputShape: [32, 64] },
  // 32 sequences of 32 steps; logits from the last hidden state
  D: {
    layers: [{ kind: 'lstm', inputs: 64, outputs: 128 }, ...mlp(128, 10)],
    inputShape: [32, 32, 64],
  },
  E: { layers: leNet, inputShape: [64, 1, 28, 28] },
  F: { layers: mlp(4096, 4096, 4096), inputShape: [4096, 4096], gpuOnly: true },
  GPT: { layers: gpt(4, 128, 128), inputShape: [8, 128], tokens: VOCABULARY, isLong: true },
  'GPT small': { layers: gpt(2, 64, 64), inputShape: [4, 64], tokens: VOCABULARY },
  ResNet: { layers: resNet, inputShape: [32, 3, 32, 32], isLong: true },
};

/** A parameter's shape, and its first values: those in ±bound, around 0 unless given. */
interface ParameterSpec {
  readonly shape: readonly number[];
  readonly bound: number;
  readonly around?: number;
  /** A table of rows, which no engine transposes. */
  readonly isTable?: boolean;
}

/** Gain and bias of a normalisation. */
const affine = (width: number): ParameterSpec[] => [
  { shape: [width], bound: 0, around: 1 },
  { shape: [width], bound: 0 },
];

/** The convolutions of a residual block, in the order of their parameters. */
export function convolutionsOf({
  inputs,
  outputs,
  stride,
}: Extract<LayerSpec, { kind: 'residual' }>): Normalized[] {
  const first = { kind: 'normalized', inputs, outputs, window: 3, stride } as const;
  const second = { ...first, inputs: outputs, stride: 1 };
  const shortcut = { ...first, window: 1 };
  const isSame = stride === 1 && inputs === outputs;
  return [{ ...first, activation: 'relu' }, second, ...(isSame ? [] : [shortcut])];
}

/** PyTorch's shapes; ±1/√inputs, ±√(6/inputs) before a ReLU. For an LSTM the inputs of a gate are its hidden state. */
export function parametersOf(layer: LayerSpec): ParameterSpec[] {
  switch (layer.kind) {
    case 'dense':
      return [[layer.outputs, layer.inputs], [layer.outputs]].map((shape) => ({
        ...{ shape, bound: Math.sqrt((layer.activation ? 6 : 1) / layer.inputs) },
      }));
    case 'conv2d':
      return [[layer.outputs, layer.inputs, KERNEL, KERNEL], [layer.outputs]].map((shape) => ({
        ...{ shape, bound: Math.sqrt(6 / (layer.inputs * KERNEL ** 2)) },
      }));
    case 'lstm': {
      const gates = 4 * layer.outputs;
      return [[gates, layer.inputs], [gates, layer.outputs], [gates], [gates]].map((shape) => ({
        ...{ shape, bound: 1 / Math.sqrt(layer.outputs) },
      }));
    }
    case 'embedding':
      return [layer.vocabulary, layer.time].map((count) => ({
        ...{ shape: [count, layer.width], bound: 0.1, isTable: true },
      }));
    case 'layerNorm':
      return affine(layer.width);
    case 'transformer': {
      const { width } = layer;
      const affineOf = (inputs: number, outputs: number): ParameterSpec[] =>
        parametersOf({ kind: 'dense', inputs, outputs });
      return [
        ...[...affine(width), ...affineOf(width, 3 * width).slice(0, 1), ...affineOf(width, width)],
        ...[...affine(width), ...affineOf(width, 4 * width), ...affineOf(4 * width, width)],
      ];
    }
    case 'normalized': {
      const { inputs, outputs, window } = layer;
      const bound = Math.sqrt(6 / (inputs * window ** 2));
      return [{ shape: [outputs, inputs, window, window], bound }, ...affine(outputs)];
    }
    case 'residual':
      return convolutionsOf(layer).flatMap(parametersOf);
    default:
      return [];
  }
}
