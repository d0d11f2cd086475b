// The checks' end in the worker.
import type { Check, Engine } from '../../src/index.browser.js';
import type { Closeness, TrustReply, TrustRequest } from './protocol.js';

/** How close a kernel call came. */
export const closenessOf = (checks: readonly Check[]): Closeness => ({
  name: checks[0]!.kernel.replaceAll('+', ' + '),
  values: checks.reduce((sum, { checked }) => sum + checked, 0),
  ratio: Math.max(...checks.map(({ worst }) => worst.ratio)),
});

export class TrustService {
  readonly #engine: Engine;
  readonly #post: (reply: TrustReply) => void;
  /** Counts what was asked for: only the last goes on. */
  #suite = 0;

  constructor(engine: Engine, post: (reply: TrustReply) => void) {
    this.#engine = engine;
    this.#post = post;
  }

  async receive(request: TrustRequest): Promise<void> {
    switch (request.type) {
      case 'suite':
        return this.#run(request.seed, ++this.#suite);
      case 'stop':
        this.#suite++;
        return;
      default:
        request satisfies never;
    }
  }

  async #run(seed: number, turn: number): Promise<void> {
    const { runSuite } = await import('./suite.js');
    const isWanted = (): boolean => turn === this.#suite;
    await runSuite(this.#engine, seed, isWanted, (reply) => isWanted() && this.#post(reply));
    this.#post({ type: 'finished', isWhole: isWanted() });
  }
}
