import {
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import {
  type Data,
  learningRates,
  type OptimizerName,
  type Parameter,
  type TrainingProblem,
} from '../problems.js';
import { type Contender, permute, type Runner } from './contender.js';
import { forward } from './jax.models.js';
import { operations } from './jax.operations.js';

// jax-js gives the memory of an argument back when a function has used it; `.ref` keeps it for one more use.

const upload = (data: Data, shape: readonly number[]): JaxArray =>
  np.array(data, { shape: [...shape] });

/** Sends what an array waits for to the device, without waiting. */
const submit = async (array: JaxArray): Promise<unknown> => array.ref.gpuBuffer();

export const jax: Contender = {
  name: 'jax-js',
  async matmul({ a, b, size, orientation }) {
    await useGpu();
    const [left, right] = [a, b].map((data) => upload(data, [size, size])) as [JaxArray, JaxArray];
    const multiply = jit((x: JaxArray, y: JaxArray) =>
      np.matmul(orientation === 'TN' ? x.transpose() : x, orientation === 'NT' ? y.transpose() : y),
    );
    return {
      async run(steps) {
        let last: JaxArray | undefined;
        for (let i = 0; i < steps; i++) {
          last?.dispose();
          last = multiply(left.ref, right.ref);
          await submit(last);
        }
        await last?.blockUntilReady();
        last?.dispose();
      },
      results: async () => [(await multiply(left.ref, right.ref).data()) as Float32Array],
      dispose: () => tree.dispose([left, right]),
    };
  },
  async operation({ operation, inputs }) {
    await useGpu();
    const given = inputs.map(({ data, shape }) => upload(data, shape));
    const compute = jit((values: JaxArray[]) => operations[operation](values));
    const call = (): JaxArray[] => compute(given.map((each) => each.ref));
    return {
      async run(steps) {
        let last: JaxArray[] = [];
        for (let i = 0; i < steps; i++) {
          tree.dispose(last);
          last = call();
          await submit(last[0]!);
        }
        await last[0]?.ref.blockUntilReady();
        tree.dispose(last);
      },
      results: () => Promise.all(call().map(async (each) => (await each.data()) as Float32Array)),
      dispose: () => tree.dispose(given),
    };
  },
  async training(problem) {
    await useGpu();
    return trainer(problem);
  },
};

// jax-js' einsum maps over an iterator, which Node can from version 22 on
const iterator = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object;
if (!('map' in iterator))
  Object.defineProperty(iterator, 'map', {
    value<T, U>(this: Iterable<T>, change: (value: T) => U) {
      return Array.from(this, change);
    },
    configurable: true,
  });

async function useGpu(): Promise<void> {
  const found = await init('webgpu');
  if (!found.includes('webgpu')) throw new Error('jax-js finds no WebGPU adapter');
  defaultDevice('webgpu');
}

/** Whether a parameter lies transposed: x W instead of x Wᵀ, as jax-js' own examples have it. */
const isTransposed = ({ shape, isTable }: Parameter): boolean => shape.length === 2 && !isTable;

const toNative = (parameter: Parameter): JaxArray => {
  const { data, shape } = parameter;
  if (!isTransposed(parameter)) return upload(data, shape);
  return upload(permute(data, shape, [1, 0]), shape.toReversed());
};

function trainer(problem: TrainingProblem): Runner {
  const { initial, inputs, inputShape, labels } = problem;
  let parameters = initial.map(toNative);
  let state =
    problem.optimizer === 'adam'
      ? [np.zeros([]), ...zerosLike(problem), ...zerosLike(problem)]
      : [];
  const step = jit(stepOf(problem));
  let last = 0;
  return {
    async run(steps) {
      for (let i = 0; i < steps; i++) {
        const [cost, ...next] = step(
          [...parameters, ...state],
          upload(inputs, inputShape),
          upload(labels, [labels.length]),
        );
        parameters = next.slice(0, initial.length);
        state = next.slice(initial.length);
        await submit(cost!);
        if (i === steps - 1) last = (await cost!.data())[0]!;
        else cost!.dispose();
      }
    },
    async results() {
      const values = await Promise.all(
        parameters.map(async (each) => (await each.ref.data()) as Float32Array),
      );
      const back = values.map((value, i) => {
        const parameter = initial[i]!;
        const { shape } = parameter;
        return isTransposed(parameter) ? permute(value, shape.toReversed(), [1, 0]) : value;
      });
      return [Float32Array.of(last), ...back];
    },
    dispose: () => tree.dispose([parameters, state]),
  };
}

const zerosLike = ({ initial }: TrainingProblem): JaxArray[] =>
  initial.map((each) => np.zeros(isTransposed(each) ? each.shape.toReversed() : [...each.shape]));

/** [parameters, state], x, labels → [cost, parameters, state]. */
function stepOf({ layers, classes, initial, optimizer }: TrainingProblem) {
  const costOf = (parameters: JaxArray[], x: JaxArray, labels: JaxArray): JaxArray => {
    const logits = forward(layers, parameters, x);
    return np.mean(np.sum(nn.oneHot(labels, classes).mul(nn.logSoftmax(logits)), -1)).neg();
  };
  return (values: JaxArray[], x: JaxArray, labels: JaxArray): JaxArray[] => {
    const parameters = values.slice(0, initial.length);
    const [cost, gradients] = valueAndGrad(costOf)(
      parameters.map((each) => each.ref),
      x,
      labels,
    ) as [JaxArray, JaxArray[]];
    return [cost, ...update(optimizer, parameters, gradients, values.slice(initial.length))];
  };
}

/** The next parameters and the next state. */
function update(
  kind: OptimizerName,
  parameters: JaxArray[],
  gradients: JaxArray[],
  state: JaxArray[],
): JaxArray[] {
  const rate = learningRates[kind];
  if (kind === 'sgd') return parameters.map((p, i) => p.sub(gradients[i]!.mul(rate)));
  const n = parameters.length;
  const count = state[0]!.add(1);
  const bias = (beta: number): JaxArray =>
    np
      .exp(count.ref.mul(Math.log(beta)))
      .neg()
      .add(1);
  const [bias1, bias2] = [bias(0.9), bias(0.999)];
  const first = gradients.map((g, i) => state[1 + i]!.mul(0.9).add(g.ref.mul(0.1)));
  const second = gradients.map((g, i) => state[1 + n + i]!.mul(0.999).add(np.square(g).mul(0.001)));
  const next = parameters.map((p, i) => {
    const root = np.sqrt(second[i]!.ref.div(bias2.ref)).add(1e-8);
    return p.sub(first[i]!.ref.div(bias1.ref).div(root).mul(rate));
  });
  tree.dispose([bias1, bias2]);
  return [...next, count, ...first, ...second];
}
