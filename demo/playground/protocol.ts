// What the page and the worker say to each other about the playground.

export interface NetSettings {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly activation: 'tanh' | 'relu' | 'sigmoid' | 'silu';
  readonly optimizer: 'adam' | 'sgd' | 'momentum';
  readonly learningRate: number;
}

export type SetName = 'spiral' | 'moons' | 'xor' | 'circles';

/** Points of two classes, 0 and 1; places lie in [−1, 1]². */
export interface Points {
  readonly places: Float32Array;
  readonly labels: Int32Array;
}

/** Colours of class 0, of the middle and of class 1: red, green and blue in [0, 1]. */
export type Palette = readonly (readonly [number, number, number])[];

/** From the page. */
export type PlaygroundRequest =
  | {
      readonly type: 'open';
      readonly canvas: OffscreenCanvas;
      /** Whether what WebGPU draws on a canvas is to be seen in this browser. */
      readonly canShow: boolean;
      readonly palette: Palette;
      readonly net: NetSettings;
      readonly points: Points;
    }
  /** The points are these now; training goes on with them. */
  | { readonly type: 'points'; readonly points: Points }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  /** Random weights again, of this net, on these points; training goes on if it is under way. */
  | { readonly type: 'reset'; readonly net: NetSettings; readonly points: Points }
  | { readonly type: 'palette'; readonly palette: Palette };

/** From the worker. */
export type PlaygroundReply =
  /** So many of the kernels are compiled. */
  | { readonly type: 'compiling'; readonly done: number; readonly total: number }
  | { readonly type: 'ready' /** How the boundary is drawn. */; readonly drawn: 'gpu' | 'values' }
  | {
      readonly type: 'report';
      readonly step: number;
      readonly cost: number;
      readonly accuracy: number;
    };
