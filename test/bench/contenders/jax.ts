import {
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import {
  type LayerSpec,
  learningRates,
  type OptimizerName,
  type TrainingProblem,
} from '../problems.js';
import { type Contender, permute, type Runner } from './contender.js';

// jax-js gives the memory of an argument back when a function has used it; `.ref` keeps it for one more use.

type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
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
  async training(problem) {
    await useGpu();
    return trainer(problem);
  },
};

async function useGpu(): Promise<void> {
  const found = await init('webgpu');
  if (!found.includes('webgpu')) throw new Error('jax-js finds no WebGPU adapter');
  defaultDevice('webgpu');
}

/** Weights of matrices lie transposed: x W instead of x Wᵀ, as jax-js' own examples have it. */
const toNative = (
  data: Float32Array<ArrayBuffer>,
  [rows, columns, ...rest]: readonly number[],
): JaxArray =>
  columns === undefined || rest.length > 0
    ? upload(data, columns === undefined ? [rows!] : [rows!, columns, ...rest])
    : upload(permute(data, [rows!, columns], [1, 0]), [columns, rows!]);

function trainer(problem: TrainingProblem): Runner {
  const { initial, inputs, inputShape, labels } = problem;
  let parameters = initial.map(({ data, shape }) => toNative(data, shape));
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
        const { shape } = initial[i]!;
        return shape.length === 2 ? permute(value, shape.toReversed(), [1, 0]) : value;
      });
      return [Float32Array.of(last), ...back];
    },
    dispose: () => tree.dispose([parameters, state]),
  };
}

const zerosLike = ({ initial }: TrainingProblem): JaxArray[] =>
  initial.map(({ shape }) => np.zeros(shape.length === 2 ? shape.toReversed() : [...shape]));

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

function forward(
  layers: readonly LayerSpec[],
  parameters: readonly JaxArray[],
  x: JaxArray,
): JaxArray {
  let next = 0;
  const take = (): JaxArray => parameters[next++]!;
  return layers.reduce((h, layer) => {
    switch (layer.kind) {
      case 'dense': {
        const z = np.matmul(h, take()).add(take());
        return layer.activation ? nn.relu(z) : z;
      }
      case 'conv2d': {
        const { padding: p } = layer;
        const z = lax.convGeneralDilated(
          h,
          take(),
          [1, 1],
          [
            [p, p],
            [p, p],
          ],
        );
        return nn.relu(z.add(take().reshape([1, layer.outputs, 1, 1])));
      }
      case 'maxPool2d':
        return lax.reduceWindow(h, np.max, [2, 2], [2, 2]);
      case 'flatten':
        return h.reshape([h.shape[0]!, -1]);
      case 'lstm':
        return lstm(h, layer.outputs, [take(), take(), take().add(take())]);
      default:
        return layer satisfies never;
    }
  }, x);
}

/** The last hidden state over [batch, time, inputs]. */
function lstm(
  x: JaxArray,
  hidden: number,
  [forInput, forState, bias]: [JaxArray, JaxArray, JaxArray],
): JaxArray {
  const time = x.shape[1]!;
  const given = np.matmul(x, forInput).add(bias);
  let [h, c]: (JaxArray | undefined)[] = [];
  for (let t = 0; t < time; t++) {
    const now = given.ref.slice([], t);
    const z = h ? now.add(np.matmul(h, forState.ref)) : now;
    const gate = (k: number): JaxArray => z.ref.slice([], [k * hidden, (k + 1) * hidden]);
    const fresh = nn.sigmoid(gate(0)).mul(np.tanh(gate(2)));
    c = c ? fresh.add(nn.sigmoid(gate(1)).mul(c)) : fresh;
    h = nn.sigmoid(gate(3)).mul(np.tanh(c.ref));
    z.dispose();
  }
  tree.dispose([given, forState, c]);
  return h!;
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
