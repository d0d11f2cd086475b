// The benchmark in a browser: the driver in Node asks for one case at a time.
import { open } from '../../src/index.browser.js';
import { jax } from './contenders/jax.js';
import { nabla } from './contenders/nabla.js';
import { tfjs } from './contenders/tfjs.js';
import { measure, type Result, settings } from './measure.js';
import { cases } from './problems.js';

export interface PageBench {
  /** What runs here; undefined where there is no adapter. */
  adapter(): Promise<{ name: string; software: boolean }>;
  run(name: string, pace: keyof typeof settings): Promise<Result>;
}

const bench: PageBench = {
  async adapter() {
    const engine = await open({ backend: 'gpu' });
    const { vendor, architecture, description, software } = engine.info.adapter;
    engine.dispose();
    return { name: [vendor, architecture, description].filter(Boolean).join(' '), software };
  },
  async run(name, pace) {
    const reference = await open({ backend: 'cpu' });
    const chosen = cases.find((each) => each.name === name)!;
    return measure(chosen, [nabla(open), jax, tfjs], reference, settings[pace]);
  },
};
Object.assign(globalThis, { bench });
