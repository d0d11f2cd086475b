// What the page and the worker say to each other about the digits.
import type { CrossCheck } from '../../src/index.browser.js';

export interface DigitSettings {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly activation: 'relu' | 'tanh' | 'sigmoid' | 'silu';
  readonly optimizer: 'adam' | 'rmsProp' | 'sgd' | 'momentum';
  readonly learningRate: number;
  readonly batchSize: number;
  /** Whether the GPU time of each kernel is measured, which makes steps slower. */
  readonly timed: boolean;
}

/** What the network looks like inside. */
export interface Insight {
  /** Of neurons of the first layer, 784 each. */
  readonly weights: Float32Array;
  /** δ of each layer, [digits, width]. */
  readonly deltas: readonly { readonly width: number; readonly values: Float32Array }[];
}

export interface HardDigit {
  readonly pixels: Float32Array;
  readonly label: number;
  readonly guess: number;
  /** Probability that the network gives to the label. */
  readonly share: number;
}

/** A kernel of a training step. */
export interface Kernel {
  readonly name: string;
  readonly workgroups: string;
}

/** GPU time of a call, in the mean. */
export interface KernelTime {
  readonly name: string;
  readonly microseconds: number;
  /** Of the time of all kernels. */
  readonly share: number;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** From the page. */
export type DigitsRequest =
  | {
      readonly type: 'open';
      /** Absolute address of the folder of MNIST's files. */
      readonly data: string;
      readonly settings: DigitSettings;
    }
  /** Another network, with random weights. */
  | { readonly type: 'configure'; readonly settings: DigitSettings }
  /** Pictures are made while they are in view. */
  | { readonly type: 'show'; readonly isVisible: boolean }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  | { readonly type: 'reset' }
  /** Classify these 784 pixels in [0, 1], now and again while the network learns; none stops that. */
  | { readonly type: 'classify'; readonly pixels: Float32Array | undefined }
  /** Ask for one of the test digits. */
  | { readonly type: 'sample' }
  | { readonly type: 'crossCheck'; readonly mode: CrossCheck };

/** From the worker. */
export type DigitsReply =
  | { readonly type: 'loading' /** Bytes. */; readonly done: number; readonly total: number }
  | { readonly type: 'compiling' }
  | { readonly type: 'ready'; readonly kernels: readonly Kernel[]; readonly unfused: number }
  | { readonly type: 'times'; readonly kernels: readonly KernelTime[] }
  | { readonly type: 'insight'; readonly insight: Insight }
  | { readonly type: 'hardest'; readonly digits: readonly HardDigit[] }
  | { readonly type: 'step'; readonly step: number; readonly epoch: number; readonly cost: number }
  /** Test accuracy, measured on so many of the test digits. */
  | { readonly type: 'accuracy'; readonly accuracy: number; readonly tests: number }
  /** Training stopped: on request, or because all epochs are done. */
  | { readonly type: 'stopped'; readonly done: boolean }
  | { readonly type: 'probabilities'; readonly values: Float32Array }
  | { readonly type: 'sample'; readonly pixels: Float32Array; readonly label: number };
