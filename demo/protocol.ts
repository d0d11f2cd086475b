// What the page and its worker say to each other. Each message belongs to a part of the page and to a run of that part.
import type { BackpropReply, BackpropRequest } from './backprop/protocol.js';
import type { DigitsReply, DigitsRequest } from './digits/protocol.js';
import type { PlaygroundReply, PlaygroundRequest } from './playground/protocol.js';
import type { Closeness, TrustReply, TrustRequest } from './trust/protocol.js';

interface Messages {
  digits: { request: DigitsRequest; reply: DigitsReply };
  playground: { request: PlaygroundRequest; reply: PlaygroundReply };
  backprop: { request: BackpropRequest; reply: BackpropReply };
  trust: { request: TrustRequest; reply: TrustReply };
}
export type Part = keyof Messages;
export type RequestOf<P extends Part> = Messages[P]['request'];
export type ReplyOf<P extends Part> = Messages[P]['reply'];

/** From the page. */
export type Request = {
  [P in Part]: {
    readonly part: P;
    /** Which run of the part asks; see `Channel` in link.ts. All that follows from the request is answered under it. */
    readonly run: number;
    /** The part begins anew: what it has in the worker is closed. */
    readonly isFirst: boolean;
    readonly message: RequestOf<P>;
  };
}[Part];

/** From the worker. */
export type Reply =
  | { readonly part: 'engine'; readonly message: EngineReply }
  /** Something broke what the part has in the worker; nothing else comes before the part begins anew. */
  | { readonly part: Part; readonly run: number; readonly failure: string }
  | { [P in Part]: { readonly part: P; readonly run: number; readonly message: ReplyOf<P> } }[Part];

/** How the worker answers a request, and tells whatever follows from it, under the run of the request. */
export interface Answer<P extends Part> {
  post(message: ReplyOf<P>): void;
  /** Something broke: the part is closed. */
  fail(error: unknown): void;
}

/** The worker's end of a part, from one beginning of the part to the next. */
export interface Service<P extends Part> {
  receive(request: RequestOf<P>, answer: Answer<P>): void | Promise<void>;
  /** Stops what is under way, and lets go of what it holds. */
  close(): void;
}

export type EngineReply =
  | { readonly type: 'opened'; readonly machine: Machine }
  | { readonly type: 'lost'; readonly reason: string }
  /** A kernel call was cross-checked. */
  | { readonly type: 'checked'; readonly closeness: Closeness }
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
