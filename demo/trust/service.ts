// The checks' end in the worker.
import type { Check, CheckReport, Engine } from '../../src/index.browser.js';
import type { Closeness, TrustReply, TrustRequest } from './protocol.js';

/** Milliseconds between two looks at the kernels that train, and the part of the time that they may take. */
const EVERY = 700;
const SHARE = 0.35;

/** The worst of each kernel. */
function closenessOf(checks: readonly Check[]): Closeness[] {
  const found = new Map<string, Closeness>();
  for (const { kernel, checked, worst } of checks) {
    const name = kernel.replaceAll('+', ' + ');
    const { values, ratio } = found.get(name) ?? { values: 0, ratio: 0 };
    found.set(name, { name, values: values + checked, ratio: Math.max(ratio, worst.ratio) });
  }
  return [...found.values()];
}

export class TrustService {
  readonly #engine: Engine;
  readonly #post: (reply: TrustReply) => void;
  /** Checks a training step, once there is something to train. */
  readonly #check: () => Promise<CheckReport | undefined>;
  /** Count what was asked for: only the last goes on. */
  #watch = 0;
  #suite = 0;

  constructor(engine: Engine, post: (reply: TrustReply) => void, check: () => Promise<CheckReport | undefined>) {
    this.#engine = engine;
    this.#post = post;
    this.#check = check;
  }

  async receive(request: TrustRequest): Promise<void> {
    switch (request.type) {
      case 'watch':
        this.#watch++;
        if (request.isOn) await this.#look(this.#watch);
        return;
      case 'suite':
        return this.#run(request.seed, ++this.#suite);
      case 'stop':
        this.#suite++;
        return;
      default:
        request satisfies never;
    }
  }

  async #look(watch: number): Promise<void> {
    while (watch === this.#watch) {
      const began = performance.now();
      const report = await this.#check();
      if (report && watch === this.#watch) this.#post({ type: 'watched', kernels: closenessOf(report.checks) });
      const wait = Math.max(EVERY, (performance.now() - began) / SHARE);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async #run(seed: number, turn: number): Promise<void> {
    const { runSuite } = await import('./suite.js');
    const isWanted = (): boolean => turn === this.#suite;
    await runSuite(this.#engine, seed, isWanted, (reply) => isWanted() && this.#post(reply));
    this.#post({ type: 'finished', isWhole: isWanted() });
  }
}
