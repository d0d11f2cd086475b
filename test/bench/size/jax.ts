// The same from jax-js.
import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';

const costOf = (parameters: np.Array[], x: np.Array, labels: np.Array): np.Array => {
  const [w1, b1, w2, b2] = parameters as [np.Array, np.Array, np.Array, np.Array];
  const logits = np.matmul(nn.relu(np.matmul(x, w1).add(b1)), w2).add(b2);
  return np.mean(np.sum(nn.oneHot(labels, 10).mul(nn.logSoftmax(logits)), -1)).neg();
};

export async function train(parameters: np.Array[], x: np.Array, labels: np.Array): Promise<void> {
  await init('webgpu');
  defaultDevice('webgpu');
  const step = jit((values: np.Array[], x: np.Array, labels: np.Array) => {
    const [cost, gradients] = valueAndGrad(costOf)(
      values.map((each) => each.ref),
      x,
      labels,
    ) as [np.Array, np.Array[]];
    return [cost, ...values.map((each, i) => each.sub(gradients[i]!.mul(0.1)))];
  });
  for (const value of step(parameters, x, labels)) console.log(await value.data());
}
