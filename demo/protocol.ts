// What the page and its worker say to each other: each message belongs to a part of the page.
import type { BackpropReply, BackpropRequest } from './backprop/protocol.js';
import type { DigitsReply, DigitsRequest } from './digits/protocol.js';
import type { PlaygroundReply, PlaygroundRequest } from './playground/protocol.js';
import type { TrustReply, TrustRequest } from './trust/protocol.js';

/** From the page. */
export type Request =
  | { readonly part: 'digits'; readonly message: DigitsRequest }
  | { readonly part: 'playground'; readonly message: PlaygroundRequest }
  | { readonly part: 'backprop'; readonly message: BackpropRequest }
  | { readonly part: 'trust'; readonly message: TrustRequest };
export type Part = Request['part'];

/** From the worker. */
export type Reply =
  | { readonly part: 'engine'; readonly message: EngineReply }
  | { readonly part: 'digits'; readonly message: DigitsReply }
  | { readonly part: 'playground'; readonly message: PlaygroundReply }
  | { readonly part: 'backprop'; readonly message: BackpropReply }
  | { readonly part: 'trust'; readonly message: TrustReply };

export type EngineReply =
  | { readonly type: 'opened'; readonly machine: Machine }
  | { readonly type: 'lost'; readonly reason: string }
  /** A kernel's result is outside its bound. */
  | { readonly type: 'mismatch'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

/** What computes here; `missing` says why that is not a GPU. */
export interface Machine {
  readonly backend: 'gpu' | 'cpu';
  readonly adapter: string;
  readonly software: boolean;
  readonly missing: Missing | undefined;
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}
export type Missing = 'insecure' | 'unsupported' | 'no adapter';
