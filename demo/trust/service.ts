// The checks' end in the worker.
import type { Check, Engine } from '../../src/index.browser.js';
import type { Answer, Service } from '../protocol.js';
import type { Closeness, TrustRequest } from './protocol.js';

/** How close a kernel call came. */
export const closenessOf = (checks: readonly Check[]): Closeness => ({
  name: checks[0]!.kernel.replaceAll('+', ' + '),
  values: checks.reduce((sum, { checked }) => sum + checked, 0),
  ratio: Math.max(...checks.map(({ worst }) => worst.ratio)),
});

/** One run of the test-suite. */
export class TrustService implements Service<'trust'> {
  readonly #engine: Engine;
  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async receive(request: TrustRequest, answer: Answer<'trust'>): Promise<void> {
    switch (request.type) {
      case 'suite': {
        const { runSuite } = await import('./suite.js');
        await runSuite(this.#engine, request.seed, () => !this.#isClosed, answer.post);
        if (!this.#isClosed) answer.post({ type: 'finished' });
        return;
      }
      case 'stop':
        return this.close();
      default:
        request satisfies never;
    }
  }

  close(): void {
    this.#isClosed = true;
  }
}
