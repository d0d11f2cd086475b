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
    }
  /** Points of a set; the reply has them. */
  | { readonly type: 'set'; readonly name: SetName; readonly noise: number; readonly seed: number }
  /** Points that the user dropped. */
  | { readonly type: 'points'; readonly points: Points }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  /** Random weights again, of this net. */
  | { readonly type: 'reset'; readonly net: NetSettings }
  | { readonly type: 'palette'; readonly palette: Palette };

/** From the worker. */
export type PlaygroundReply =
  | { readonly type: 'ready' /** How the boundary is drawn. */; readonly drawn: 'gpu' | 'values' }
  | { readonly type: 'points'; readonly points: Points }
  | { readonly type: 'report'; readonly step: number; readonly cost: number; readonly accuracy: number };
