// What is measured, as plain data that every engine can read: shapes, first weights and batches, from one seed.

export type Orientation = 'NT' | 'NN' | 'TN';
export type OptimizerName = 'sgd' | 'adam';

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
  | { readonly kind: 'lstm'; readonly inputs: number; readonly outputs: number };

/** C = A·Bᵀ (NT: W·a of a batch), A·B (NN: Wᵀδ) or Aᵀ·B (TN: δ·aᵀ), all n × n. */
export interface MatmulProblem {
  readonly kind: 'matmul';
  readonly name: string;
  readonly size: number;
  readonly orientation: Orientation;
  readonly a: Float32Array<ArrayBuffer>;
  readonly b: Float32Array<ArrayBuffer>;
}

/** Steps on one batch, fed anew each time; the cost is the cross-entropy of the last layer's logits. */
export interface TrainingProblem {
  readonly kind: 'training';
  readonly name: string;
  readonly layers: readonly LayerSpec[];
  readonly optimizer: OptimizerName;
  readonly inputShape: readonly number[];
  readonly classes: number;
  readonly inputs: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array<ArrayBuffer>;
  /** The parameters in the order of the layers. */
  readonly initial: readonly Parameter[];
}
export interface Parameter {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}
export type Problem = MatmulProblem | TrainingProblem;

/** A problem by its name, made when its turn comes. */
export interface Case {
  readonly name: string;
  /** Too large for a software adapter. */
  readonly gpuOnly: boolean;
  /** Each seed gives another batch. */
  make(seed?: number): Problem;
}

export const learningRates = { sgd: 0.1, adam: 1e-3 } as const;
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

type Network = Pick<TrainingProblem, 'layers' | 'inputShape'> & { gpuOnly?: boolean };
const networks: Record<string, Network> = {
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
};

/** All cases, in the order in which they run. */
export const cases: readonly Case[] = [
  ...[256, 512, 1024, 4096].flatMap((size) =>
    (['NT', 'NN', 'TN'] as const).map((orientation) => {
      const name = `matmul ${size} ${orientation}`;
      return { name, gpuOnly: size > 1024, make: () => matmulProblem(name, size, orientation) };
    }),
  ),
  ...Object.entries(networks).flatMap(([letter, { gpuOnly = false }]) =>
    (['sgd', 'adam'] as const).map((optimizer) => {
      const name = `${letter} ${optimizer}`;
      return { name, gpuOnly, make: (seed?: number) => trainingProblem(letter, optimizer, seed) };
    }),
  ),
];

export const caseOf = (name: string): Case => cases.find((each) => each.name === name)!;

/** A case is chosen when one of the filters' words are all among its own: `A`, `512`, `"matmul NT"`. */
export function isChosen(name: string, filters: readonly string[]): boolean {
  const words = name.split(' ');
  return (
    filters.length === 0 ||
    filters.some((filter) => filter.split(' ').every((word) => words.includes(word)))
  );
}

function matmulProblem(name: string, size: number, orientation: Orientation): MatmulProblem {
  const [a, b] = [uniform(size * size, 1, 1), uniform(size * size, 1, 2)];
  return { kind: 'matmul', name, size, orientation, a, b };
}

/** Case A to F with an optimizer. */
export function trainingProblem(
  letter: string,
  optimizer: OptimizerName,
  seed = 0,
): TrainingProblem {
  const { layers, inputShape } = networks[letter]!;
  const last = layers.at(-1)!;
  const classes = last.kind === 'dense' ? last.outputs : 0;
  const initial = layers.flatMap(parameterShapes).map(({ shape, bound }, i) => {
    return { shape, data: uniform(product(shape), bound, 10 + i) };
  });
  return {
    ...{
      kind: 'training',
      name: `${letter} ${optimizer}`,
      layers,
      optimizer,
      inputShape,
      classes,
      initial,
    },
    inputs: uniform(product(inputShape), 1, 100 + seed),
    labels: Int32Array.from({ length: inputShape[0]! }, (_, i) => (i * 7919) % classes),
  };
}

/** PyTorch's shapes; ±1/√inputs, ±√(6/inputs) before a ReLU. For an LSTM the inputs of a gate are its hidden state. */
function parameterShapes(layer: LayerSpec): { shape: number[]; bound: number }[] {
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
    default:
      return [];
  }
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers in ±bound, by the mulberry32 generator. */
function uniform(length: number, bound: number, seed: number): Float32Array<ArrayBuffer> {
  let state = (seed * 0x9e3779b9) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return bound * (2 ** -31 * ((t ^ (t >>> 14)) >>> 0) - 1);
  });
}
