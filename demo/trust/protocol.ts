// What the page and the worker say to each other about checks.

export type TrustRequest =
  /** Run the kernel test-suite. */
  { readonly type: 'suite'; readonly seed: number } | { readonly type: 'stop' };

/** How close one kernel came to float64: its worst error over the bound that holds for it. */
export interface Closeness {
  readonly name: string;
  readonly values: number;
  readonly ratio: number;
}

export type TrustReply =
  /** One op of the suite; `kernels` were run for it. */
  | ({
      readonly type: 'op';
      readonly kernels: number;
      readonly done: number;
      readonly of: number;
    } & Closeness)
  | { readonly type: 'finished' };
