// The worker's ends of the parts: each lives from one beginning of its part to the next, or until something breaks it.
import type { Answer, Part, Reply, Request, Service } from './protocol.js';

/** An error whose message is a sentence for people, as it is. */
export class PlainError extends Error {}

export type Makers = { readonly [P in Part]: () => Service<P> };

interface Session {
  readonly service: Service<Part>;
  isOver: boolean;
}

export class Sessions {
  readonly #makers: Makers;
  readonly #post: (reply: Reply) => void;
  /** What to say of an error; undefined where it concerns more than a part, and the page hears of it otherwise. */
  readonly #describe: (error: unknown) => string | undefined;
  readonly #sessions = new Map<Part, Session>();

  constructor(
    makers: Makers,
    post: (reply: Reply) => void,
    describe: (error: unknown) => string | undefined,
  ) {
    this.#makers = makers;
    this.#post = post;
    this.#describe = describe;
  }

  async receive({ part, run, isFirst, message }: Request): Promise<void> {
    if (isFirst) this.#begin(part);
    const session = this.#sessions.get(part);
    // what was on its way when the part broke
    if (!session || session.isOver) return;
    const answer = this.#answer(session, part, run);
    try {
      await session.service.receive(message, answer);
    } catch (error) {
      answer.fail(error);
    }
  }

  #begin(part: Part): void {
    const last = this.#sessions.get(part);
    if (last && !last.isOver) this.#end(last);
    this.#sessions.set(part, { service: this.#makers[part]() as Service<Part>, isOver: false });
  }

  #end(session: Session): void {
    session.isOver = true;
    session.service.close();
  }

  #answer(session: Session, part: Part, run: number): Answer<Part> {
    return {
      post: (message) => {
        if (!session.isOver) this.#post({ part, run, message } as Reply);
      },
      fail: (error) => {
        if (session.isOver) return;
        this.#end(session);
        const failure = this.#describe(error);
        if (failure !== undefined) this.#post({ part, run, failure });
      },
    };
  }
}
