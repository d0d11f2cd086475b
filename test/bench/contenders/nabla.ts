import {
  add,
  type Engine,
  grad,
  loss,
  matmul as multiply,
  type OpenOptions,
  optim,
  parameter,
  type Step,
  input as symbol,
  type Tensor,
  type Updates,
  type Value,
} from '../../../src/index.common.js';
import {
  learningRates,
  type MatmulProblem,
  type Problem,
  product,
  type TrainingProblem,
} from '../problems.js';
import type { Contender, Facts, Runner } from './contender.js';
import { modelOf } from './nabla.models.js';
import { operationOf } from './nabla.operations.js';

type Open = (options?: OpenOptions) => Promise<Engine>;

/** Nabla, with an engine of its own for each problem. */
export function nabla(open: Open): Contender {
  return {
    name: 'Nabla',
    async matmul(problem) {
      const engine = await open({ backend: 'gpu' });
      const { factors, c } = productOf(problem);
      return resident(engine, { c }, factors);
    },
    async operation(problem) {
      const engine = await open({ backend: 'gpu' });
      const { inputs, outputs } = operationOf(problem);
      return resident(engine, outputs, inputs);
    },
    async training(problem) {
      return trainer(await open({ backend: 'gpu' }), problem);
    },
  };
}

/** A step without updates, whose inputs lie on the device. */
function resident(
  engine: Engine,
  outputs: Readonly<Record<string, Tensor>>,
  inputs: readonly Tensor[],
): Runner {
  const step = engine.compile({ outputs });
  const run = async (steps: number): Promise<void> => {
    for (let i = 0; i < steps; i++) await step.enqueue();
    await engine.finish();
  };
  return {
    ...observed(engine, step, run, inputs, () => step),
    results: async () => Object.values(await step()).map(({ data }) => Float32Array.from(data)),
  };
}

/** A product as a graph; its factors lie on the device. */
function productOf({ a, b, size, orientation }: MatmulProblem) {
  const factors = [a, b].map((data) => parameter({ shape: [size, size], dtype: 'f32', data }));
  const transposes = { transposeA: orientation === 'TN', transposeB: orientation === 'NT' };
  return { factors, c: multiply(factors[0]!, factors[1]!, transposes) };
}

/** What one step of a problem computes, for a planner. */
export function programOf(problem: Problem): { outputs: Tensor[]; updates: Updates } {
  if (problem.kind === 'matmul') return { outputs: [productOf(problem).c], updates: [] };
  if (problem.kind === 'operation')
    return { outputs: Object.values(operationOf(problem).outputs), updates: [] };
  const { inputs, define } = trainingStep(problem);
  const { outputs, updates } = define(inputs);
  return { outputs: [outputs.cost], updates };
}

/** A training step as a graph: a model of its own, and what it is fed. */
export function trainingStep(problem: TrainingProblem) {
  const { layers, initial, optimizer: kind, inputShape, labels } = problem;
  const model = modelOf(layers, initial);
  const { parameters } = model;
  const shapes = { x: inputShape, labels: [labels.length] };
  const inputs = {
    x: symbol(shapes.x, { dtype: dtypeOf(problem.inputs) }),
    labels: symbol(shapes.labels, { dtype: 'i32' }),
  };
  const optimizer = optim[kind]({ learningRate: learningRates[kind] });
  const define = ({ x, labels: classes }: typeof inputs) => {
    const cost = loss.crossEntropy(model.apply(x), classes);
    return { outputs: { cost }, updates: optimizer.updates(cost, parameters) };
  };
  const kept = [...parameters, ...(kind === 'sgd' ? [] : optimizer.state(parameters).values())];
  return { parameters, shapes, inputs, define, kept };
}

const dtypeOf = (data: Float32Array | Int32Array) => (data instanceof Int32Array ? 'i32' : 'f32');

/** A compiled training step on an engine, the CPU's too. */
export function trainer(engine: Engine, problem: TrainingProblem): Runner {
  const { parameters, shapes, inputs, define, kept } = trainingStep(problem);
  const fed = define(inputs);
  const { cost } = fed.outputs;
  const step = engine.compile({ inputs, ...fed });
  const feeds = { x: problem.inputs, labels: problem.labels };
  const resident = () =>
    engine.compile(
      define({
        x: parameter({ shape: shapes.x, dtype: dtypeOf(feeds.x), data: feeds.x }),
        labels: parameter({ shape: shapes.labels, dtype: 'i32', data: feeds.labels }),
      }),
    );
  let last = 0;
  const run = async (steps: number): Promise<void> => {
    for (let i = 1; i < steps; i++) await step.enqueue(feeds);
    last = Number((await step(feeds)).cost.data[0]);
  };
  return {
    ...observed(engine, step, run, kept, resident, feeds),
    async verify() {
      const values = new Map<Tensor, Value>([
        [inputs.x, feeds.x],
        [inputs.labels, feeds.labels],
      ]);
      const { checks } = await engine.verify([cost, ...grad(cost, parameters)], values);
      const failed = checks.find(({ worst }) => !(worst.ratio <= 1));
      return failed && `${failed.kernel} is off by ${failed.worst.ratio} times its bound`;
    },
    async results() {
      const values = await Promise.all(parameters.map((each) => engine.read(each)));
      return [Float32Array.of(last), ...values.map(({ data }) => Float32Array.from(data))];
    },
  };
}

type Feeds = Record<string, Float32Array | Int32Array>;

/** A runner that tells of itself. The peak is that of the first run: reading large results back takes more. */
function observed(
  engine: Engine,
  { enqueue, plan }: Pick<Step<never>, 'enqueue' | 'plan'>,
  run: Runner['run'],
  kept: readonly Tensor[],
  resident: () => Pick<Step<never>, 'enqueue'>,
  feeds: Feeds = {},
) {
  let peakBytes = 0;
  return {
    async run(steps: number) {
      await run(steps);
      peakBytes ||= engine.stats().peakBytes;
    },
    dispose: () => engine.dispose(),
    async facts(): Promise<Facts> {
      const { dispatches, dispatchesUnfused, liveBytes } = plan;
      const replay = resident();
      return {
        ...{ dispatches: dispatches.length, dispatchesUnfused, peakBytes },
        hostMicroseconds: await hostTimes(engine, () => replay.enqueue()),
        fedMicroseconds: await hostTimes(engine, () => enqueue(feeds)),
        liveBytes: liveBytes + kept.reduce((total, { shape }) => total + 4 * product(shape), 0),
      };
    },
  };
}

/**
 * Microseconds of the host's a step, from the call until what it shares a submit with is submitted, the device idle
 * before: lower quartile and median of 41.
 */
async function hostTimes(engine: Engine, enqueue: () => Promise<void>): Promise<[number, number]> {
  const times: number[] = [];
  await enqueue(); // makes its kernels
  await compileByJit(engine);
  for (let i = 0; i < 41; i++) {
    await engine.finish();
    const { submits } = engine.stats();
    const begin = performance.now();
    let steps = 0;
    for (; engine.stats().submits === submits; steps++) await enqueue();
    times.push((1000 * (performance.now() - begin)) / steps);
  }
  await engine.finish();
  times.sort((a, b) => a - b);
  return [times[10]!, times[20]!];
}

/** Has the JIT compile what replays steps, as it does early in a training run: 2,000 steps of next to no work. */
async function compileByJit(engine: Engine): Promise<void> {
  const step = engine.compile({ outputs: { sum: add(parameter([1]), 1) } });
  for (let i = 0; i < 2000; i++) await step.enqueue();
  await engine.finish();
  step.release();
}
