// Explains a graph on the GPU and in float64.
import {
  type Engine,
  explain,
  NablaError,
  open,
  parameter,
  Tensor,
} from '../../src/index.browser.js';
import { parseExpression } from '../../src/node/cli/expression.js';
import type { Answer, Service } from '../protocol.js';
import type { BackpropRequest, Description } from './protocol.js';

/** The nodes of a description by name. Inputs are parameters, which the CPU keeps as they are written. */
function build({ inputs, let: steps = {}, f }: Description): Map<string, Tensor> {
  const names = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(inputs)) names.set(name, parameter(value, { name }));
  for (const [name, text] of [...Object.entries(steps), ['f', f] as const]) {
    if (names.has(name)) throw new NablaError(`'${name}' is there twice; rename one`);
    const node = parseExpression(text, names);
    const isNew = node.name === undefined && node.inputs.length > 0;
    names.set(
      name,
      isNew ? new Tensor(node.op, node.inputs, node.options, node.shape, node.dtype, name) : node,
    );
  }
  return names;
}

type Numbers = number | boolean | readonly Numbers[];
const numbersOf = (value: Numbers): number[] =>
  typeof value === 'object' ? value.flatMap(numbersOf) : [Number(value)];

/** Of all sessions: it holds nothing that could go wrong. */
let exactEngine: Promise<Engine> | undefined;

export class BackpropService implements Service<'backprop'> {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async receive({ description }: BackpropRequest, answer: Answer<'backprop'>): Promise<void> {
    try {
      answer.post({ type: 'explained', ...(await this.#explain(description)) });
    } catch (error) {
      // what is wrong with an expression is for the user to mend
      if (!(error instanceof NablaError) || error.name === 'DeviceLostError') throw error;
      answer.post({ type: 'refused', message: error.message });
    }
  }

  /** Nothing goes on by itself. */
  close(): void {}

  async #explain(description: Description) {
    const names = build(description);
    const f = names.get('f')!;
    if (f.inputs.length === 0)
      throw new NablaError('f is a single number or input; name an input in an operation');
    const wrt = (description.wrt ?? Object.keys(description.inputs)).map(
      (name) => names.get(name)!,
    );
    exactEngine ??= open({ backend: 'cpu' });
    const cpu = await exactEngine;
    // numbers that f32 would round keep all their digits
    for (const [name, value] of Object.entries(description.inputs))
      await cpu.write(names.get(name)!, {
        ...{ shape: names.get(name)!.shape, dtype: 'f64' },
        data: Float64Array.from(numbersOf(value)),
      });
    const exact = await explain(cpu, f, wrt);
    return this.#engine.info.backend === 'gpu'
      ? { exact, gpu: await explain(this.#engine, f, wrt) }
      : { exact };
  }
}
