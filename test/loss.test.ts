import { describe, expect, it } from 'vitest';
import { CpuBackend } from '../src/cpu/backend.js';
import { Engine } from '../src/engine/engine.js';
import { grad, loss, ShapeError, tensor } from '../src/index.common.js';

const engine = new Engine(new CpuBackend());
const value = async (cost: ReturnType<typeof tensor>): Promise<number[]> =>
  Array.from((await engine.run(cost)).data);
const output = tensor([
  [1, 2, 3],
  [0, -1, 4],
]);
const classes = tensor(new Int32Array([2, 0]));
const oneHot = tensor([
  [0, 0, 1],
  [1, 0, 0],
]);

describe('squared losses', () => {
  it('sum over an example and take the mean over the batch', async () => {
    // (1 + 4 + 4) and (1 + 1 + 16)
    expect(await value(loss.squaredError(output, oneHot))).toEqual([13.5]);
    expect(await value(loss.halfSquaredError(output, oneHot))).toEqual([6.75]);
  });

  it.each([
    ['i32', classes],
    ['u32', tensor(new Uint32Array([2, 0]))],
    ['u8', tensor(new Uint8Array([2, 0]))],
  ])('make class numbers of %s one-hot', async (_, labels) => {
    expect(await value(loss.squaredError(output, labels))).toEqual([13.5]);
  });

  it('take numbers as they are where there is one output', async () => {
    const single = tensor([[3], [5]]);
    expect(await value(loss.squaredError(single, tensor(new Int32Array([1, 5]))))).toEqual([2]);
    expect(await value(loss.squaredError(single, tensor([1, 5])))).toEqual([2]);
    expect(await value(loss.squaredError(tensor([3, 5]), tensor([1, 5])))).toEqual([2]);
  });
});

describe('crossEntropy', () => {
  const logSumExp = (row: number[]): number =>
    Math.log(row.reduce((total, z) => total + Math.exp(z), 0));
  const each = [logSumExp([1, 2, 3]) - 3, logSumExp([0, -1, 4]) - 0];

  it('takes class numbers or probabilities', async () => {
    const wanted = (each[0]! + each[1]!) / 2;
    expect((await value(loss.crossEntropy(output, classes)))[0]).toBeCloseTo(wanted, 12);
    expect((await value(loss.crossEntropy(output, oneHot)))[0]).toBeCloseTo(wanted, 12);
    const soft = tensor([
      [0, 0.5, 0.5],
      [1, 0, 0],
    ]);
    const softer = logSumExp([1, 2, 3]) - 2.5;
    expect((await value(loss.crossEntropy(output, soft)))[0]).toBeCloseTo(
      (softer + each[1]!) / 2,
      12,
    );
  });

  it('has the gradient (softmax − one-hot) / batch', async () => {
    const row = [0, -1, 4].map((z) => Math.exp(z - logSumExp([0, -1, 4])));
    const gradient = await value(grad(loss.crossEntropy(output, classes), output));
    expect(gradient[3]).toBeCloseTo((row[0]! - 1) / 2, 12);
    expect(gradient[5]).toBeCloseTo(row[2]! / 2, 12);
  });

  it('sums over the positions of an example', async () => {
    const sequence = tensor({
      shape: [1, 2, 3],
      dtype: 'f32',
      data: new Float32Array([1, 2, 3, 0, -1, 4]),
    });
    const cost = loss.crossEntropy(sequence, tensor(new Int32Array([2, 0]), [1, 2]));
    expect((await value(cost))[0]).toBeCloseTo(each[0]! + each[1]!, 12);
  });

  it('stays finite for extreme logits', async () => {
    expect(
      await value(loss.crossEntropy(tensor([[1000, 0]]), tensor(new Int32Array([1])))),
    ).toEqual([1000]);
  });
});

describe('binaryCrossEntropy', () => {
  it('is −t ln σ(z) − (1 − t) ln(1 − σ(z))', async () => {
    const [z, t] = [
      [0.5, -2],
      [1, 0.25],
    ] as const;
    const sigma = z.map((x) => 1 / (1 + Math.exp(-x)));
    const wanted = sigma.map((s, i) => -t[i]! * Math.log(s) - (1 - t[i]!) * Math.log(1 - s));
    const cost = loss.binaryCrossEntropy(tensor([[0.5, -2]]), tensor([[1, 0.25]]));
    expect((await value(cost))[0]).toBeCloseTo(wanted[0]! + wanted[1]!, 12);
  });

  it('takes class numbers for one logit and for several', async () => {
    const one = loss.binaryCrossEntropy(tensor([[800], [-800]]), tensor(new Int32Array([1, 1])));
    expect(await value(one)).toEqual([400]);
    const several = loss.binaryCrossEntropy(output, classes);
    expect(await value(several)).toEqual(await value(loss.binaryCrossEntropy(output, oneHot)));
  });
});

it('refuses shapes and dtypes that do not belong together', () => {
  for (const each of [loss.squaredError, loss.crossEntropy, loss.binaryCrossEntropy])
    expect(() => each(output, tensor([[1, 2]]))).toThrow(ShapeError);
  expect(() => loss.squaredError(output, tensor([1, 0]))).toThrow(ShapeError);
  expect(() => loss.crossEntropy(output, tensor([1, 0]))).toThrow(
    /or pass class numbers \(i32\) of shape \[2\]/,
  );
  expect(() =>
    loss.squaredError(tensor(new Float32Array(0), [0, 3]), tensor(new Float32Array(0), [0, 3])),
  ).toThrow(/no batch/);
});

it('class numbers go with outputs of f16', async () => {
  const half = tensor([1, 2, 3, 4], [2, 2], { dtype: 'f16' });
  const labels = tensor(new Int32Array([1, 0]));
  const [cost] = await value(loss.crossEntropy(half, labels));
  const [slope] = await value(grad(loss.crossEntropy(half, labels), half));
  // (ln(1 + e⁻¹) + ln(1 + e)) / 2 and σ(−1) / 2, of f16
  expect([cost, slope]).toEqual([0.8134765625, 0.134521484375]);
  expect(await value(loss.squaredError(half, labels))).toEqual([11]);
});
