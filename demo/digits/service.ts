// The digits' end in the worker: requests in their order, once the digits are there.
import type { CheckReport, Engine } from '../../src/index.browser.js';
import type { DigitsReply, DigitsRequest } from './protocol.js';
import { Trainer } from './trainer.js';

export class DigitsService {
  readonly #create: (folder: string) => Promise<Trainer>;
  #opening: Promise<Trainer> | undefined;

  constructor(engine: Engine, post: (reply: DigitsReply) => void, fail: (error: unknown) => void) {
    this.#create = async (folder) => {
      const trainer = await Trainer.create(engine, folder, post, fail);
      post({ type: 'ready' });
      return trainer;
    };
  }

  /** Compares the kernels of a training step with float64, once there is a network. */
  async check(): Promise<CheckReport | undefined> {
    return (await this.#opening)?.check();
  }

  async receive(request: DigitsRequest): Promise<void> {
    if (request.type === 'open') {
      this.#opening = this.#create(request.data);
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
      case 'classify':
        return trainer.classify(request.pixels);
      case 'sample':
        return trainer.sample();
      default:
        request satisfies never;
    }
  }
}
