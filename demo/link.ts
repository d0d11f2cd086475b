// The page's end of the line to the worker, which may break and be opened again.
import type { Machine, Part, Reply, Request } from './protocol.js';

export interface LinkEvents {
  /** The worker is there, and says on what it computes. */
  readonly opened: (machine: Machine) => void;
  /** Something broke; the worker is gone. */
  readonly broken: (message: string) => void;
}

export class Link {
  readonly #events: LinkEvents;
  readonly #parts = new Map<Part, (message: never) => void>();
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

  send<P extends Part>(
    part: P,
    message: Extract<Request, { part: P }>['message'],
    transfer: Transferable[] = [],
  ): void {
    this.#worker?.postMessage({ part, message }, transfer);
  }

  on<P extends Part>(part: P, receive: (message: Extract<Reply, { part: P }>['message']) => void): void {
    this.#parts.set(part, receive as (message: never) => void);
  }

  #receive(reply: Reply): void {
    if (reply.part !== 'engine') {
      this.#parts.get(reply.part)?.(reply.message as never);
      return;
    }
    const { message } = reply;
    switch (message.type) {
      case 'opened':
        this.machine = message.machine;
        this.#events.opened(message.machine);
        return;
      case 'lost':
        this.#fail(`The GPU device was lost, and with it what was learned (${message.reason.replace(/\.$/, '')}).`);
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

/** What main.ts asks of each part of the page. */
export interface PartPage {
  /** The worker is new: say again what it has to know. */
  reopen(): void;
  /** The worker is gone. */
  broken(): void;
  /** The new worker says what it computes on. */
  opened?(machine: Machine): void;
  /** The part comes into view or leaves it. */
  show?(isVisible: boolean): void;
  /** After a change between light and dark. */
  recolour?(): void;
}
