import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-backend-webgpu';
import { learningRates, type Parameter, type TrainingProblem } from '../problems.js';
import { type Contender, permute, type Runner } from './contender.js';
import { forward } from './tfjs.models.js';
import { operations } from './tfjs.operations.js';

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
  async operation({ operation, inputs }) {
    await useGpu();
    const { compute, toNative, back } = operations[operation];
    const given = inputs.map(({ data, shape }, i) => {
      const axes = toNative?.[i];
      const type = data instanceof Int32Array ? 'int32' : 'float32';
      if (!axes || data instanceof Int32Array) return tf.tensor(data, [...shape], type);
      return tf.tensor(
        permute(data, shape, axes),
        axes.map((axis) => shape[axis]!),
      );
    });
    const call = (): tf.Tensor[] => tf.tidy(() => compute(given));
    return {
      async run(steps) {
        for (let i = 1; i < steps; i++) tf.dispose(call());
        const results = call();
        const corner = tf.tidy(() => tf.slice(tf.reshape(results[0]!, [-1]), [0], [1]));
        await corner.data();
        tf.dispose([corner, ...results]);
      },
      async results() {
        const results = call();
        const values = await Promise.all(
          results.map(async (each) => (await each.data()) as Float32Array),
        );
        const native = results.map(({ shape }) => shape);
        tf.dispose(results);
        return values.map((value, i) => (back?.[i] ? permute(value, native[i]!, back[i]) : value));
      },
      dispose: () => tf.dispose(given),
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
const axesOf = ({ shape, isTable }: Parameter): number[] =>
  isTable ? [0, 1] : [[], [0], [1, 0], [], [2, 3, 1, 0]][shape.length]!;
const axesBack = ({ shape, isTable }: Parameter): number[] =>
  isTable ? [0, 1] : [[], [0], [1, 0], [], [3, 2, 0, 1]][shape.length]!;

function trainer({
  initial,
  inputs,
  inputShape,
  labels,
  layers,
  classes,
  optimizer,
}: TrainingProblem): Runner {
  const shapes = initial.map((each) => axesOf(each).map((axis) => each.shape[axis]!));
  const variables = initial.map((each, i) =>
    tf.variable(tf.tensor(permute(each.data, each.shape, axesOf(each)), shapes[i])),
  );
  const isInteger = inputs instanceof Int32Array;
  const rate = learningRates[optimizer];
  const rule = optimizer === 'sgd' ? tf.train.sgd(rate) : tf.train.adam(rate, 0.9, 0.999, 1e-8);
  const step = (): tf.Scalar => {
    const x = tf.tensor(inputs, [...inputShape], isInteger ? 'int32' : 'float32');
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
        ...values.map((value, i) => permute(value, shapes[i]!, axesBack(initial[i]!))),
      ];
    },
    dispose() {
      rule.dispose();
      tf.dispose(variables);
    },
  };
}
