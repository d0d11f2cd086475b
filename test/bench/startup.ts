// In a process of its own: the time from nothing to the end of the first step of case A, then again in the same process.
import type { Contender } from './contenders/contender.js';
import { trainingProblem } from './problems.js';

const load: Record<string, () => Promise<Contender>> = {
  Nabla: async () => {
    const [{ nabla }, { open }] = await Promise.all([
      import('./contenders/nabla.js'),
      import('../../src/index.node.js'),
    ]);
    const engine = open({ backend: 'gpu' }); // kept, as the others keep their device
    return nabla(async () => Object.assign(await engine, { dispose() {} }));
  },
  'jax-js': async () => {
    await (await import('./node.js')).installNavigator();
    return (await import('./contenders/jax.js')).jax;
  },
  'TensorFlow.js': async () => {
    await (await import('./node.js')).installNavigator();
    return (await import('./contenders/tfjs.js')).tfjs;
  },
};

const problem = trainingProblem('A', 'sgd');
const begin = performance.now();
const contender = await load[process.argv[2]!]!();
const firstStep = async (): Promise<void> => {
  const runner = await contender.training(problem);
  await runner.run(1);
  runner.dispose();
};
await firstStep();
const middle = performance.now();
await firstStep();
process.stdout.write(
  `${JSON.stringify({ cold: middle - begin, warm: performance.now() - middle })}\n`,
  () => process.exit(0),
);
