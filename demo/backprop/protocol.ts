// What the page and the worker say to each other about backpropagation.
import type { Explanation, NestedArray } from '../../src/index.browser.js';

/** A graph as `nabla explain` reads it from a file. */
export interface Description {
  readonly title?: string;
  readonly inputs: Readonly<Record<string, number | NestedArray>>;
  /** Named steps on the way, each over inputs and steps before it. */
  readonly let?: Readonly<Record<string, string>>;
  readonly f: string;
  /** Inputs or steps to differentiate by; all inputs unless given. */
  readonly wrt?: readonly string[];
}

export interface BackpropRequest {
  readonly type: 'explain';
  readonly description: Description;
}

/** The same graph on both engines: ids agree. `gpu` is missing where there is none. */
export type BackpropReply =
  | { readonly type: 'explained'; readonly exact: Explanation; readonly gpu?: Explanation }
  | { readonly type: 'refused'; readonly message: string };
