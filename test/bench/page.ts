// The benchmark in a browser: the driver in Node asks for one case at a time.
import { open } from '../../src/index.browser.js';
import type { Facts } from './contenders/contender.js';
import { jax } from './contenders/jax.js';
import { nabla } from './contenders/nabla.js';
import { tfjs } from './contenders/tfjs.js';
import { factsOf, measure, type Result, settings } from './measure.js';
import { caseOf } from './problems.js';

export interface PageBench {
  /** What runs here; undefined where there is no adapter. */
  adapter(): Promise<{ name: string; software: boolean }>;
  facts(name: string): Promise<Facts | undefined>;
  run(name: string, pace: keyof typeof settings): Promise<Result>;
}

const bench: PageBench = {
  async adapter() {
    const engine = await open({ backend: 'gpu' });
    const { vendor, architecture, description, software } = engine.info.adapter;
    engine.dispose();
    return { name: [vendor, architecture, description].filter(Boolean).join(' '), software };
  },
  facts: (name) => factsOf(caseOf(name), nabla(open)),
  async run(name, pace) {
    const reference = await open({ backend: 'cpu' });
    return measure(caseOf(name), [nabla(open), jax, tfjs], reference, settings[pace]);
  },
};
Object.assign(globalThis, { bench });
