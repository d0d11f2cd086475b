/// <reference types="vite/client" />
// The digits' end in the worker: requests in their order, once the digits are there.
import { type Dataset, data, type Engine } from '../../src/index.browser.js';
import type { Answer, Service } from '../protocol.js';
import { PlainError } from '../sessions.js';
import type { DigitSettings, DigitsRequest } from './protocol.js';
import { Trainer } from './trainer.js';

export class DigitsService implements Service<'digits'> {
  readonly #engineFor: (settings: DigitSettings) => Promise<Engine>;
  #opening: Promise<Trainer> | undefined;
  /** Of the last request: the digits come for whichever run is the present one. */
  #newest: Answer<'digits'> | undefined;
  #isClosed = false;

  /** `openTimed`: an engine that measures the time of kernels. */
  constructor(engine: Engine, openTimed: () => Promise<Engine>) {
    this.#engineFor = async ({ timed }) => (timed ? openTimed() : engine);
  }

  async receive(request: DigitsRequest, answer: Answer<'digits'>): Promise<void> {
    this.#newest = answer;
    if (request.type === 'open') this.#opening = this.#open(request.data, answer);
    const trainer = await this.#opening;
    if (!trainer || this.#isClosed) return;
    switch (request.type) {
      case 'open':
      case 'configure':
        return trainer.configure(request.settings, answer);
      case 'start':
        return trainer.start(answer);
      case 'pause':
        return trainer.pause();
      case 'reset':
        return trainer.reset(answer);
      case 'show':
        return trainer.show(request.isVisible);
      case 'classify':
        return trainer.classify(request.pixels);
      case 'sample':
        return trainer.sample(answer);
      case 'crossCheck':
        return trainer.crossCheck(request.mode);
      default:
        request satisfies never;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#opening?.then(
      (trainer) => trainer.close(),
      () => {},
    );
  }

  async #open(folder: string, answer: Answer<'digits'>): Promise<Trainer> {
    const digits = await this.#fetch(folder);
    return new Trainer(this.#engineFor, digits, answer);
  }

  async #fetch(folder: string): Promise<{ train: Dataset; test: Dataset }> {
    const onProgress = (done: number, total: number): void =>
      this.#newest?.post({ type: 'loading', done, total });
    try {
      return await data.mnist(folder, { onProgress, suffix: import.meta.env.PROD ? '.gz' : '' });
    } catch (error) {
      // a browser says no more of a failed fetch than that it failed
      const { message } = error as Error;
      const reason =
        error instanceof TypeError ? 'the server does not answer' : message.split('; ')[0]!;
      const short = reason.replace(`${folder}/`, '').replace(/^mnist: /, '');
      throw new PlainError(
        `The digits could not be fetched: ${short}. The other parts work without them.`,
      );
    }
  }
}
