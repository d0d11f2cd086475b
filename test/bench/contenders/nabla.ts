import {
  add,
  type Engine,
  grad,
  loss,
  matmul as multiply,
  nn,
  type OpenOptions,
  optim,
  parameter,
  relu,
  type Step,
  input as symbol,
  type Tensor,
  type Value,
} from '../../../src/index.common.js';
import {
  KERNEL,
  type LayerSpec,
  learningRates,
  type Parameter,
  product,
  type TrainingProblem,
} from '../problems.js';
import type { Contender, Facts, Runner } from './contender.js';

type Open = (options?: OpenOptions) => Promise<Engine>;

/** Nabla, with an engine of its own for each problem. */
export function nabla(open: Open): Contender {
  return {
    name: 'Nabla',
    async matmul({ a, b, size, orientation }) {
      const engine = await open({ backend: 'gpu' });
      const factors = [a, b].map((data) => parameter({ shape: [size, size], dtype: 'f32', data }));
      const transposes = { transposeA: orientation === 'TN', transposeB: orientation === 'NT' };
      const step = engine.compile({
        outputs: { c: multiply(factors[0]!, factors[1]!, transposes) },
      });
      const run = async (steps: number): Promise<void> => {
        for (let i = 0; i < steps; i++) await step.enqueue();
        await engine.finish();
      };
      return {
        ...observed(engine, step, run, factors, () => step),
        results: async () => [Float32Array.from((await step()).c.data)],
      };
    },
    async training(problem) {
      return trainer(await open({ backend: 'gpu' }), problem);
    },
  };
}

/** A compiled training step on an engine, the CPU's too. */
export function trainer(engine: Engine, problem: TrainingProblem): Runner {
  const model = modelOf(problem.layers, problem.initial);
  const { parameters } = model;
  const shape = problem.inputShape;
  const inputs = { x: symbol(shape), labels: symbol(shape.slice(0, 1), { dtype: 'i32' }) };
  const optimizer = optim[problem.optimizer]({ learningRate: learningRates[problem.optimizer] });
  const define = ({ x, labels }: typeof inputs) => {
    const cost = loss.crossEntropy(model.apply(x), labels);
    return { outputs: { cost }, updates: optimizer.updates(cost, parameters) };
  };
  const fed = define(inputs);
  const { cost } = fed.outputs;
  const step = engine.compile({ inputs, ...fed });
  const feeds = { x: problem.inputs, labels: problem.labels };
  const resident = () =>
    engine.compile(
      define({
        x: parameter({ shape, dtype: 'f32', data: problem.inputs }),
        labels: parameter({ shape: shape.slice(0, 1), dtype: 'i32', data: problem.labels }),
      }),
    );
  let last = 0;
  const run = async (steps: number): Promise<void> => {
    for (let i = 1; i < steps; i++) await step.enqueue(feeds);
    last = Number((await step(feeds)).cost.data[0]);
  };
  const kept = [
    ...parameters,
    ...(problem.optimizer === 'sgd' ? [] : optimizer.state(parameters).values()),
  ];
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

function modelOf(specs: readonly LayerSpec[], initial: readonly Parameter[]): nn.Layer {
  let next = 0;
  const initializer = () => ({ ...initial[next++]!, dtype: 'f32' as const });
  const given = { initializer, biasInitializer: initializer };
  const layers = specs.map((spec): nn.SequentialPart => {
    switch (spec.kind) {
      case 'dense':
        return nn.dense(spec.inputs, spec.outputs, {
          ...given,
          activation: spec.activation ?? 'identity',
        });
      case 'conv2d':
        return nn.conv2d(spec.inputs, spec.outputs, KERNEL, {
          ...given,
          padding: spec.padding,
          activation: relu,
        });
      case 'maxPool2d':
        return nn.maxPool2d(2);
      case 'flatten':
        return nn.flatten();
      case 'lstm':
        return nn.lstm(spec.inputs, spec.outputs, { initializer, outputs: 'last' });
      default:
        return spec satisfies never;
    }
  });
  const model = nn.sequential(...layers);
  void model.parameters; // made here, in the order of the layers
  return model;
}
