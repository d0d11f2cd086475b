// What the page and the worker say to each other about the digits.

/** From the page. `run` counts resets: replies of an earlier run are dropped. */
export type DigitsRequest =
  | { readonly type: 'open' /** Absolute address of the folder of MNIST's files. */; readonly data: string }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  | { readonly type: 'reset'; readonly run: number }
  /** Classify these 784 pixels in [0, 1], now and again while the network learns; none stops that. */
  | { readonly type: 'classify'; readonly pixels: Float32Array | undefined }
  /** Ask for one of the test digits. */
  | { readonly type: 'sample' };

/** From the worker. */
export type DigitsReply =
  | { readonly type: 'loading' /** Bytes. */; readonly done: number; readonly total: number }
  | { readonly type: 'compiling' }
  | { readonly type: 'ready' }
  | {
      readonly type: 'step';
      readonly run: number;
      readonly step: number;
      readonly epoch: number;
      readonly cost: number;
    }
  /** Test accuracy, measured on so many of the test digits. */
  | { readonly type: 'accuracy'; readonly run: number; readonly accuracy: number; readonly tests: number }
  /** Training stopped: on request, or because all epochs are done. */
  | { readonly type: 'stopped'; readonly run: number; readonly done: boolean }
  | { readonly type: 'probabilities'; readonly run: number; readonly values: Float32Array }
  | { readonly type: 'sample'; readonly pixels: Float32Array; readonly label: number };
