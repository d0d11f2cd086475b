// The same from TensorFlow.js.
import {
  fused,
  losses,
  oneHot,
  ready,
  setBackend,
  type Tensor2D,
  train as trainers,
  type Variable,
} from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-backend-webgpu';

export async function train(variables: Variable[], x: Tensor2D, labels: Tensor2D): Promise<void> {
  await setBackend('webgpu');
  await ready();
  const [w1, b1, w2, b2] = variables as [Variable, Variable, Variable, Variable];
  const cost = trainers.adam().minimize(() => {
    const h = fused.matMul({ a: x, b: w1, bias: b1, activation: 'relu' });
    return losses.softmaxCrossEntropy(oneHot(labels, 10), fused.matMul({ a: h, b: w2, bias: b2 }));
  }, true);
  console.log(await cost!.data());
}
