// The digits' end in the worker: requests in their order, once the digits are there.
import type { Engine } from '../../src/index.browser.js';
import type { DigitSettings, DigitsReply, DigitsRequest } from './protocol.js';
import { Trainer } from './trainer.js';

export class DigitsService {
  readonly #create: (folder: string, settings: DigitSettings) => Promise<Trainer>;
  #opening: Promise<Trainer> | undefined;

  /** `openTimed`: an engine that measures the time of kernels. */
  constructor(
    engine: Engine,
    openTimed: () => Promise<Engine>,
    post: (reply: DigitsReply) => void,
    fail: (error: unknown) => void,
  ) {
    let timed: Promise<Engine> | undefined;
    const engineFor = async (settings: DigitSettings): Promise<Engine> => {
      if (!settings.timed) return engine;
      timed ??= openTimed();
      return timed;
    };
    this.#create = (folder, settings) => Trainer.create(engineFor, folder, settings, post, fail);
  }

  async receive(request: DigitsRequest): Promise<void> {
    if (request.type === 'open') {
      this.#opening = this.#create(request.data, request.settings);
      await this.#opening;
      return;
    }
    const trainer = await this.#opening;
    if (!trainer) return;
    switch (request.type) {
      case 'start':
        return trainer.start();
      case 'pause':
        return trainer.pause();
      case 'reset':
        return trainer.reset(request.run);
      case 'configure':
        return trainer.configure(request.run, request.settings);
      case 'show':
        return trainer.show(request.isVisible);
      case 'classify':
        return trainer.classify(request.pixels);
      case 'sample':
        return trainer.sample();
      case 'crossCheck':
        return trainer.crossCheck(request.mode);
      default:
        request satisfies never;
    }
  }
}
