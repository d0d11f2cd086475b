import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-backend-webgpu';
import { type LayerSpec, learningRates, type TrainingProblem } from '../problems.js';
import { type Contender, permute, type Runner } from './contender.js';

export const tfjs: Contender = {
  name: 'TensorFlow.js',
  async matmul({ a, b, size, orientation }) {
    await useGpu();
    const [left, right] = [a, b].map((data) => tf.tensor2d(data, [size, size])) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const multiply = (): tf.Tensor =>
      tf.matMul(left, right, orientation === 'TN', orientation === 'NT');
    return {
      async run(steps) {
        for (let i = 1; i < steps; i++) multiply().dispose();
        const corner = tf.tidy(() => tf.slice(multiply(), [0, 0], [1, 1]));
        await corner.data();
        corner.dispose();
      },
      async results() {
        const product = multiply();
        const data = (await product.data()) as Float32Array;
        product.dispose();
        return [data];
      },
      dispose: () => tf.dispose([left, right]),
    };
  },
  async training(problem) {
    await useGpu();
    return trainer(problem);
  },
};

async function useGpu(): Promise<void> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js finds no WebGPU adapter');
  await tf.ready();
}

/** Axes that bring PyTorch's layout of a parameter to TensorFlow's: [inputs, outputs], and HWIO for windows. */
const axesOf = (rank: number): number[] => [[], [0], [1, 0], [], [2, 3, 1, 0]][rank]!;
const axesBack = (rank: number): number[] => [[], [0], [1, 0], [], [3, 2, 0, 1]][rank]!;

function trainer({
  initial,
  inputs,
  inputShape,
  labels,
  layers,
  classes,
  optimizer,
}: TrainingProblem): Runner {
  const shapes = initial.map(({ shape }) => axesOf(shape.length).map((axis) => shape[axis]!));
  const variables = initial.map(({ data, shape }, i) =>
    tf.variable(tf.tensor(permute(data, shape, axesOf(shape.length)), shapes[i])),
  );
  const rate = learningRates[optimizer];
  const rule = optimizer === 'sgd' ? tf.train.sgd(rate) : tf.train.adam(rate, 0.9, 0.999, 1e-8);
  const step = (): tf.Scalar => {
    const x = tf.tensor(inputs, [...inputShape]);
    const y = tf.tensor1d(labels, 'int32');
    const cost = rule.minimize(
      () => tf.losses.softmaxCrossEntropy(tf.oneHot(y, classes), forward(layers, variables, x)),
      true,
      variables,
    );
    tf.dispose([x, y]);
    return cost!;
  };
  let last = 0;
  return {
    async run(steps) {
      for (let i = 1; i < steps; i++) step().dispose();
      const cost = step();
      last = (await cost.data())[0]!;
      cost.dispose();
    },
    async results() {
      const values = await Promise.all(
        variables.map(async (each) => (await each.data()) as Float32Array),
      );
      return [
        Float32Array.of(last),
        ...values.map((value, i) => permute(value, shapes[i]!, axesBack(shapes[i]!.length))),
      ];
    },
    dispose() {
      rule.dispose();
      tf.dispose(variables);
    },
  };
}

function forward(
  layers: readonly LayerSpec[],
  parameters: readonly tf.Tensor[],
  x: tf.Tensor,
): tf.Tensor2D {
  let next = 0;
  const take = <T extends tf.Tensor>(): T => parameters[next++] as T;
  const images = x.rank === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x;
  return layers.reduce<tf.Tensor>((h, layer) => {
    switch (layer.kind) {
      case 'dense':
        return tf.fused.matMul({
          a: h,
          b: take(),
          bias: take(),
          activation: layer.activation ?? 'linear',
        });
      case 'conv2d':
        return tf.relu(
          tf.add(tf.conv2d(h as tf.Tensor4D, take<tf.Tensor4D>(), 1, layer.padding), take()),
        );
      case 'maxPool2d':
        return tf.maxPool(h as tf.Tensor4D, 2, 2, 'valid');
      case 'flatten':
        return tf.reshape(tf.transpose(h, [0, 3, 1, 2]), [h.shape[0]!, -1]);
      case 'lstm':
        return lstm(h as tf.Tensor3D, layer.outputs, [take(), take(), tf.add(take(), take())]);
      default:
        return layer satisfies never;
    }
  }, images) as tf.Tensor2D;
}

/** The last hidden state over [batch, time, inputs]. */
function lstm(
  x: tf.Tensor3D,
  hidden: number,
  [forInput, forState, bias]: [tf.Tensor, tf.Tensor, tf.Tensor],
): tf.Tensor {
  const [batch, time, inputs] = x.shape;
  const given = tf.add(tf.matMul(tf.reshape(x, [batch * time, inputs]), forInput), bias);
  const steps = tf.unstack(tf.reshape(given, [batch, time, 4 * hidden]), 1);
  let [h, c]: (tf.Tensor | undefined)[] = [];
  for (const now of steps) {
    const z = h ? tf.add(now, tf.matMul(h, forState)) : now;
    const [input, forget, candidate, output] = tf.split(z, 4, 1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const fresh = tf.mul(tf.sigmoid(input), tf.tanh(candidate));
    c = c ? tf.add(fresh, tf.mul(tf.sigmoid(forget), c)) : fresh;
    h = tf.mul(tf.sigmoid(output), tf.tanh(c));
  }
  return h!;
}
