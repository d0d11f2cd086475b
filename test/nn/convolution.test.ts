import { expect, it } from 'vitest';
import { NablaError, ShapeError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { gradCheck, input, nn, square, sum, tensor, zeros } from '../../src/index.common.js';

const engine = new Engine(new CpuBackend());

it("has PyTorch's names, layouts and first weights", async () => {
  const model = nn.sequential(
    nn.conv2d(3, 8, [5, 2]),
    nn.maxPool2d(2),
    nn.conv2d(8, 4, 1, { bias: false }),
  );
  expect(model.parameters.map(({ name }) => name)).toEqual(['0.weight', '0.bias', '2.weight']);
  expect(model.parameters.map(({ shape }) => shape)).toEqual([[8, 3, 5, 2], [8], [4, 8, 1, 1]]);
  const bounds = await Promise.all(
    model.parameters.map(async (each) => Math.max(...(await engine.read(each)).data.map(Math.abs))),
  );
  expect(bounds[0]).toBeLessThanOrEqual(1 / Math.sqrt(30));
  expect(bounds[0]).toBeGreaterThan(0.95 / Math.sqrt(30));
  expect(bounds[1]).toBeLessThanOrEqual(1 / Math.sqrt(30));
});

it("has PyTorch's layout and first weights in groups: fan-in is that of one", async () => {
  const { parameters } = nn.conv2d(8, 16, 3, { groups: 4 });
  expect(parameters.map(({ shape }) => shape)).toEqual([[16, 2, 3, 3], [16]]);
  const [weight, bias] = await Promise.all(parameters.map((each) => engine.read(each)));
  const most = 1 / Math.sqrt(2 * 9);
  const largest = Math.max(...weight!.data.map(Math.abs));
  expect(largest).toBeLessThanOrEqual(most);
  expect(largest).toBeGreaterThan(0.95 * most);
  expect(Math.max(...bias!.data.map(Math.abs))).toBeLessThanOrEqual(most);
});

it('correlates, adds a bias for each channel and activates', async () => {
  const layer = nn.conv2d(1, 2, 2, { activation: 'relu' });
  await engine.write(layer.parameters[0]!, [
    [
      [
        [1, 0],
        [0, 1],
      ],
    ],
    [
      [
        [0, -1],
        [0, 0],
      ],
    ],
  ]);
  await engine.write(layer.parameters[1]!, [10, 4]);
  const out = await engine.run(
    layer.apply(
      tensor(
        Float32Array.from({ length: 9 }, (_, i) => i),
        [1, 1, 3, 3],
      ),
    ),
  );
  expect(out.shape).toEqual([1, 2, 2, 2]);
  expect(Array.from(out.data)).toEqual([14, 16, 20, 22, 3, 2, 0, 0]);
});

it.each([
  [{ stride: 2, padding: 1 }, [2, 4, 4, 3]],
  [{ dilation: [2, 1] as const }, [2, 4, 4, 4]],
  [{ stride: 2, padding: 1, groups: 2 }, [2, 4, 4, 3]],
  [{ padding: [2, 0] as const, stride: [1, 2] as const }, [2, 4, 10, 2]],
])('takes %o', (options, shape) => {
  expect(nn.conv2d(6, 4, 3, options).apply(zeros([2, 6, 8, 6])).shape).toEqual(shape);
});

it('pools by windows that may overlap and be padded', () => {
  const x = zeros([2, 3, 9, 9]);
  expect(nn.maxPool2d(2).apply(x).shape).toEqual([2, 3, 4, 4]);
  expect(nn.maxPool2d([3, 2], { stride: 2, padding: [1, 0] }).apply(x).shape).toEqual([2, 3, 5, 4]);
});

it('has right gradients through two convolutions and a pool', async () => {
  const model = nn.sequential(
    [nn.conv2d(2, 3, 3, { padding: 1, activation: 'tanh' }), nn.maxPool2d(2), nn.conv2d(3, 2, 2)],
    {
      seed: 3,
    },
  );
  const x = input([2, 2, 5, 4]);
  const values = Float32Array.from({ length: 80 }, (_, i) => Math.sin(3 * i));
  const report = await gradCheck(sum(square(model.apply(x))), [x, ...model.parameters], {
    feeds: new Map([[x, values]]),
  });
  expect(report.ok).toBe(true);
});

it('says what does not fit', () => {
  expect(() => nn.conv2d(3, 4, 0)).toThrow(/conv2d: kernel height is 0/);
  expect(() => nn.conv2d(3, 4, 3).apply(zeros([2, 1, 8, 8]))).toThrow(ShapeError);
  expect(() => nn.conv2d(3, 4, 3).apply(zeros([3, 8, 8]))).toThrow(
    /\[3, 8, 8\] .* x is \[N, C, H, W\]/,
  );
  expect(() => nn.conv2d(1, 1, 1, { activation: 'rely' as 'relu' })).toThrow(NablaError);
});
