// Every contender computes what Nabla's float64 CPU engine computes, in cases that are small enough for it.
import { beforeAll, describe, expect, it } from 'vitest';
import { type Engine, open } from '../../src/index.node.js';
import type { Contender } from './contenders/contender.js';
import { nabla } from './contenders/nabla.js';
import type { Network } from './networks.js';
import { installNavigator } from './node.js';
import { operations } from './operations.js';
import { operationProblem, type Problem, trainingProblem } from './problems.js';
import { checkOf, STEPS } from './verify.js';

let reference: Engine;
let contenders: readonly Contender[];

beforeAll(async () => {
  await installNavigator();
  const [{ jax }, { tfjs }] = await Promise.all([
    import('./contenders/jax.js'),
    import('./contenders/tfjs.js'),
  ]);
  contenders = [nabla(open), jax, tfjs];
  reference = await open({ backend: 'cpu' });
});

/** What is wrong with each contender's results, or why it has none. */
async function faultsOf(problem: Problem): Promise<Record<string, string | undefined>> {
  const check = await checkOf(problem, reference);
  const faults: Record<string, string | undefined> = {};
  for (const contender of contenders) {
    const run = async (): Promise<string | undefined> => {
      const runner =
        problem.kind === 'operation'
          ? await contender.operation(problem)
          : await contender.training(problem as Extract<Problem, { kind: 'training' }>);
      try {
        await runner.run(STEPS);
        return await check(await runner.results(), runner);
      } finally {
        runner.dispose();
      }
    };
    faults[contender.name] = await run().catch((error) => String(error));
  }
  return faults;
}
const right = { Nabla: undefined, 'jax-js': undefined, 'TensorFlow.js': undefined };

describe('operations', () => {
  it.each(Object.keys(operations))('%s', async (name) => {
    expect(await faultsOf(operationProblem(name, 'small'))).toEqual(right);
  });
});

/** One layer of each kind, small. */
const small: Readonly<Record<string, Network>> = {
  GPT: {
    layers: [
      { kind: 'embedding', vocabulary: 40, time: 6, width: 8 },
      { kind: 'transformer', width: 8, heads: 2 },
      { kind: 'layerNorm', width: 8 },
      { kind: 'rows' },
      { kind: 'dense', inputs: 8, outputs: 40 },
    ],
    ...{ inputShape: [3, 6], tokens: 40 },
  },
  ResNet: {
    layers: [
      { kind: 'normalized', inputs: 3, outputs: 4, window: 3, stride: 1, activation: 'relu' },
      { kind: 'residual', inputs: 4, outputs: 8, stride: 2 },
      { kind: 'averagePool' },
      { kind: 'dense', inputs: 8, outputs: 10 },
    ],
    inputShape: [4, 3, 8, 8],
  },
};

describe('networks', () => {
  it.each([
    ['GPT', 'adam'],
    ['ResNet', 'sgd'],
  ] as const)('%s with %s', async (name, optimizer) => {
    expect(await faultsOf(trainingProblem(name, optimizer, 0, small[name]))).toEqual(right);
  });
});
