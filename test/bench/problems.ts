// What is measured, as plain data that every engine can read: shapes, first weights and batches, from one seed.
import { type LayerSpec, type Network, networks, parametersOf } from './networks.js';
import { type Operation, operations } from './operations.js';

export type Orientation = 'NT' | 'NN' | 'TN';
export type OptimizerName = 'sgd' | 'adam';

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
  readonly inputs: Data;
  /** One for each row of logits. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Tokens of a step, in a language model. */
  readonly tokens?: number;
  /** The parameters in the order of the layers. */
  readonly initial: readonly Parameter[];
}
export interface Parameter {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
  /** A table of rows, which no engine transposes. */
  readonly isTable: boolean;
}
export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** One op, or the gradients of one, on values that lie on the device. */
export interface OperationProblem {
  readonly kind: 'operation';
  readonly name: string;
  readonly operation: Operation;
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: Data }[];
  readonly flops?: number | undefined;
}
export type Problem = MatmulProblem | TrainingProblem | OperationProblem;

/** A problem by its name, made when its turn comes. */
export interface Case {
  readonly name: string;
  /** Too large for a software adapter. */
  readonly gpuOnly: boolean;
  /** Left out of a quick run that names no cases. */
  readonly isLong: boolean;
  /** Each seed gives another batch. */
  make(seed?: number): Problem;
}

export const learningRates = { sgd: 0.1, adam: 1e-3 } as const;
/** All cases, in the order in which they run. */
export const cases: readonly Case[] = [
  ...[256, 512, 1024, 4096].flatMap((size) =>
    (['NT', 'NN', 'TN'] as const).map((orientation) => {
      const name = `matmul ${size} ${orientation}`;
      const make = (): Problem => matmulProblem(name, size, orientation);
      return { name, gpuOnly: size > 1024, isLong: false, make };
    }),
  ),
  ...Object.entries(networks).flatMap(([letter, { gpuOnly = false, isLong = false }]) =>
    (['sgd', 'adam'] as const).map((optimizer) => {
      const name = `${letter} ${optimizer}`;
      const make = (seed?: number): Problem => trainingProblem(letter, optimizer, seed);
      return { name, gpuOnly, isLong, make };
    }),
  ),
  ...Object.keys(operations).map((name) => ({
    ...{ name, gpuOnly: false, isLong: false, make: () => operationProblem(name) },
  })),
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

/** A training step of a network, one of `networks` unless it is given. */
export function trainingProblem(
  name: string,
  optimizer: OptimizerName,
  seed = 0,
  { layers, inputShape, tokens }: Network = networks[name]!,
): TrainingProblem {
  const last = layers.at(-1)!;
  const classes = last.kind === 'dense' ? last.outputs : 0;
  const initial = layers.flatMap(parametersOf).map((spec, i): Parameter => {
    const { shape, bound, around = 0, isTable = false } = spec;
    const data = uniform(product(shape), bound, 10 + i).map((each) => around + each);
    return { shape, data, isTable };
  });
  const size = product(inputShape);
  const inputs = tokens ? integers(size, tokens, 100 + seed) : uniform(size, 1, 100 + seed);
  const rows = tokens ? size : inputShape[0]!;
  return {
    ...{ kind: 'training', name: `${name} ${optimizer}`, layers, optimizer },
    ...{ inputShape, classes, initial, inputs },
    labels: Int32Array.from({ length: rows }, (_, i) => (i * 7919) % classes),
    ...(tokens && { tokens: size }),
  };
}

/** One of `operations`, maybe in small. */
export function operationProblem(
  name: string,
  size: 'shape' | 'small' = 'shape',
): OperationProblem {
  const { operation, inputs, flops } = operations[name]!;
  const given = inputs.map(({ below, ...sizes }, i) => {
    const shape = sizes[size];
    const length = product(shape);
    return { shape, data: below ? integers(length, below, 1 + i) : uniform(length, 1, 1 + i) };
  });
  return { kind: 'operation', name, operation, inputs: given, flops };
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

/** Whole numbers in [0, below). */
const integers = (length: number, below: number, seed: number): Int32Array<ArrayBuffer> =>
  Int32Array.from(uniform(length, 0.5, seed), (each) => Math.floor((each + 0.5) * below));
