// The page's end of the line to the worker, which may break and be opened again.
import type { EngineReply, Machine, Part, Reply, ReplyOf, RequestOf } from './protocol.js';

export interface LinkEvents {
  /** The worker is there, and says on what it computes. */
  readonly opened: (machine: Machine) => void;
  /** A kernel call was cross-checked. */
  readonly checked: (closeness: Extract<EngineReply, { type: 'checked' }>['closeness']) => void;
  /** Something broke; the worker is gone. */
  readonly broken: (message: string) => void;
}

/** What a part hears from the worker: answers to its present run, and that something broke. */
export interface Listener<P extends Part> {
  readonly receive: (message: ReplyOf<P>) => void;
  /** What the part has in the worker is gone; it can `open` again. */
  readonly failed: (message: string) => void;
}

/**
 * A part's end of the line. Runs are counted here, and here alone: whatever the user asks for that makes earlier answers
 * wrong begins a new run, and answers of older runs are dropped, however late they come.
 */
export class Channel<P extends Part> {
  readonly #post: (
    run: number,
    isFirst: boolean,
    message: RequestOf<P>,
    transfer: Transferable[],
  ) => void;
  readonly #listener: Listener<P>;
  #run = 0;
  /** The run in which the part began anew last. */
  #first = 0;

  constructor(
    post: (run: number, isFirst: boolean, message: RequestOf<P>, transfer: Transferable[]) => void,
    listener: Listener<P>,
  ) {
    this.#post = post;
    this.#listener = listener;
  }

  /** Begins a run in which the part begins anew in the worker. */
  open(message: RequestOf<P>, transfer: Transferable[] = []): void {
    this.#first = ++this.#run;
    this.#post(this.#run, true, message, transfer);
  }

  /** Begins a run, if only to have done with the answers to the one before. */
  begin(message?: RequestOf<P>, transfer: Transferable[] = []): void {
    this.#run++;
    if (message) this.send(message, transfer);
  }

  /** Asks for something within the present run. */
  send(message: RequestOf<P>, transfer: Transferable[] = []): void {
    this.#post(this.#run, false, message, transfer);
  }

  /** For the link: a message from the worker. */
  receive(run: number, message: ReplyOf<P>): void {
    if (run === this.#run) this.#listener.receive(message);
  }

  /**
   * For the link: the part's end in the worker broke, in this run or in one before it. That concerns all runs since the part
   * began, and none if it began anew meanwhile.
   */
  fail(run: number, message: string): void {
    if (run < this.#first) return;
    this.#run++;
    this.#listener.failed(message);
  }
}

export class Link {
  readonly #events: LinkEvents;
  readonly #channels = new Map<Part, Channel<Part>>();
  #worker: Worker | undefined;
  /** What the present worker computes on, once it has said so. */
  machine: Machine | undefined;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  /** Whether there is a worker to talk to. */
  get isOpen(): boolean {
    return this.#worker !== undefined;
  }

  open(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if (worker === this.#worker) this.#receive(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker)
        this.#fail(`The worker stopped: ${event.message || 'its script could not be loaded'}.`);
    };
  }

  /** The line of a part; what is sent while there is no worker is lost. */
  channel<P extends Part>(part: P, listener: Listener<P>): Channel<P> {
    const channel = new Channel<P>((run, isFirst, message, transfer) => {
      this.#worker?.postMessage({ part, run, isFirst, message }, transfer);
    }, listener);
    this.#channels.set(part, channel as unknown as Channel<Part>);
    return channel;
  }

  #receive(reply: Reply): void {
    if (reply.part === 'engine') this.#receiveEngine(reply.message);
    else if ('failure' in reply) this.#channels.get(reply.part)?.fail(reply.run, reply.failure);
    else this.#channels.get(reply.part)?.receive(reply.run, reply.message);
  }

  #receiveEngine(message: EngineReply): void {
    switch (message.type) {
      case 'opened':
        this.machine = message.machine;
        this.#events.opened(message.machine);
        return;
      case 'checked':
        this.#events.checked(message.closeness);
        return;
      case 'lost':
        this.#fail(
          `The GPU device was lost, and with it what was learned (${message.reason.replace(/\.$/, '')}).`,
        );
        return;
      case 'mismatch':
        this.#fail(`A kernel is wrong here, and so is what was learned. ${message.message}.`);
        return;
      case 'failed':
        this.#fail(`Something went wrong: ${message.message}`);
        return;
      default:
        message satisfies never;
    }
  }

  #fail(message: string): void {
    this.#worker?.terminate();
    this.#worker = this.machine = undefined;
    this.#events.broken(message);
  }
}
