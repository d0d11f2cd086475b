import { expect, it } from 'vitest';
import { ShapeError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { gradCheck, input, nn, square, sum, tensor, zeros } from '../../src/index.common.js';

const engine = new Engine(new CpuBackend());
const wave = (length: number, step = 1.7): Float64Array =>
  Float64Array.from({ length }, (_, i) => Math.fround(Math.sin(step * (i + 1))));
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
const [batch, time, inputs, hidden] = [2, 3, 4, 5];

/** One example at a time, one number at a time. */
function byHand(
  x: Float64Array,
  values: Float64Array[],
  gates: number,
  cell: (z: number[][], c: number[]) => number[],
) {
  const [ih, hh, bih, bhh] = values as [Float64Array, Float64Array, Float64Array, Float64Array];
  const out: number[] = [];
  for (let n = 0; n < batch; n++) {
    let h = new Array<number>(hidden).fill(0);
    const c = new Array<number>(hidden).fill(0);
    for (let t = 0; t < time; t++) {
      const z = Array.from({ length: gates * hidden }, (_, r) => {
        let total = bih[r]! + bhh[r]!;
        for (let i = 0; i < inputs; i++)
          total += ih[r * inputs + i]! * x[(n * time + t) * inputs + i]!;
        return h.reduce((sum, value, i) => sum + hh[r * hidden + i]! * value, total);
      });
      const gate = Array.from({ length: gates }, (_, k) => z.slice(k * hidden, (k + 1) * hidden));
      h = cell(gate, c);
      out.push(...h);
    }
  }
  return out;
}
const lstmCell = ([i, f, g, o]: number[][], c: number[]): number[] =>
  c.map((before, k) => {
    c[k] = sigmoid(f![k]!) * before + sigmoid(i![k]!) * Math.tanh(g![k]!);
    return sigmoid(o![k]!) * Math.tanh(c[k]!);
  });

it.each([
  ['rnn', nn.rnn, 1, ([z]: number[][]) => z!.map(Math.tanh)],
  ['lstm', nn.lstm, 4, lstmCell],
] as const)("%s computes PyTorch's formula with PyTorch's names", async (_, make, gates, cell) => {
  const layer = make(inputs, hidden);
  expect(layer.parameters.map(({ name }) => name)).toEqual([
    'weight_ih_l0',
    'weight_hh_l0',
    'bias_ih_l0',
    'bias_hh_l0',
  ]);
  const rows = gates * hidden;
  expect(layer.parameters.map(({ shape }) => shape)).toEqual([
    [rows, inputs],
    [rows, hidden],
    [rows],
    [rows],
  ]);
  const values = layer.parameters.map(({ shape }, k) =>
    wave(
      shape.reduce((a, b) => a * b),
      k + 1.3,
    ),
  );
  await Promise.all(
    layer.parameters.map((each, k) =>
      engine.write(each, { shape: each.shape, dtype: 'f64', data: values[k]! }),
    ),
  );
  const x = wave(batch * time * inputs);
  const out = await engine.run(layer.apply(tensor(x, [batch, time, inputs])));
  expect(out.shape).toEqual([batch, time, hidden]);
  byHand(x, values, gates, cell).forEach((value, i) => {
    expect(out.data[i]).toBeCloseTo(value, 12);
  });
});

it.each([
  ['rnn', nn.rnn],
  ['lstm', nn.lstm],
] as const)('%s backpropagates through time', async (_, make) => {
  const layer = make(3, 4, { seed: 2, outputs: 'last' });
  const x = input([2, 6, 3]);
  const feeds = new Map([[x, Float32Array.from(wave(36))]]);
  const report = await gradCheck(sum(square(layer.apply(x))), [x, ...layer.parameters], { feeds });
  expect(report.ok).toBe(true);
});

it('goes without biases, and gives the last state alone', () => {
  const layer = nn.rnn(3, 4, { bias: false, outputs: 'last', nonlinearity: 'relu' });
  expect(layer.parameters).toHaveLength(2);
  expect(layer.apply(zeros([2, 7, 3])).shape).toEqual([2, 4]);
});

it('says what shape it takes', () => {
  expect(() => nn.lstm(3, 4).apply(zeros([2, 3]))).toThrow(ShapeError);
  expect(() => nn.lstm(3, 4).apply(zeros([2, 5, 2]))).toThrow(
    /lstm: input \[2, 5, 2\] where \[batch, time ≥ 1, 3\]/,
  );
  expect(() => nn.rnn(3, 0)).toThrow(/rnn: hidden is 0/);
});
