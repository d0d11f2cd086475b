// Programs that once broke the planner: what it fuses, where it puts values, and what a device lets it bind.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, exp, mul, sin, square, sub } from '../../src/ops/arithmetic.js';
import { eye, full, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { max, sum } from '../../src/ops/reduce.js';
import { concat, pad, slice } from '../../src/ops/slice.js';
import { transpose } from '../../src/ops/view.js';
import { openBackend, openCpuEngine, openGpuEngine } from '../support/engine.js';
import { distance, grid } from '../support/property.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

/** How far values on the GPU are from those on the CPU at most. */
async function farthest(tree: Readonly<Record<string, Tensor>>): Promise<number> {
  const [values, expected] = [await gpu.run(tree), await cpu.run(tree)];
  return Math.max(
    ...Object.keys(tree).map((name) => distance(values[name]!.data, expected[name]!.data)),
  );
}

it('plans long chains of views without recursion and without writing shared parts out again and again', async () => {
  const chain = (length: number, link: (x: Tensor) => Tensor): Tensor => {
    let x = tensor([[1, 2, 3, 4]]);
    for (let i = 0; i < length; i++) x = link(x);
    return x;
  };
  const turned = chain(10_001, transpose);
  // each concat reads what is before it at two places
  const joined = chain(200, (x) => slice(concat([x, x], { axis: 0 }), [1, 0], [2, 4]));
  const values = await gpu.run({ product: matmul(chain(10_000, transpose), turned), joined });
  expect([...values.product.data]).toEqual([30]);
  expect([...values.joined.data]).toEqual([1, 2, 3, 4]);
});

it('binds no more buffers than default limits let it where a product and what joins it read one value in two ways', async () => {
  const [x, w, a, b, c] = [1, 2, 3, 4, 5].map((k) =>
    parameter({ shape: [4, 4], dtype: 'f32', data: grid(k) }),
  );
  const product = matmul(x!, w!);
  const turned = [x, w, a, b, c].map((each) => transpose(each!));
  const joined = turned.reduce((total, each) => add(total, each), product);
  const [values, expected] = [
    await gpu.run({ product, joined }),
    await cpu.run({ product, joined }),
  ];
  expect([...values.joined.data]).toEqual([...expected.joined.data]);
});

it('compares what is stored, and not what another loop computed again', async () => {
  const x = parameter([[0.3, -0.7, 1.2, 0.05]]);
  const lowered = sin(sub(x, max(x, { axis: 1, keepDims: true })));
  const slope = grad(sum(sub(lowered, max(lowered, { axis: 1, keepDims: true }))), x);
  const step = gpu.compile({ outputs: { slope } });
  // a driver may round the second time otherwise, and then nothing equals the largest
  expect(
    step.plan.dispatches.filter(({ ops }) => ops.includes('sin') && ops.includes('equal')),
  ).toEqual([]);
  const [values, expected] = [await step(), await cpu.run({ slope })];
  expect(distance(values.slope.data, expected.slope.data)).toBeLessThan(1e-4);
});

it('adds pieces that broadcast', async () => {
  const [row, rows] = [parameter([1, 2]), parameter(tensor(grid(3).slice(0, 8), [2, 4]))];
  const [right, left] = [
    pad(row, [[0, 2]]),
    pad(rows, [
      [2, 0],
      [0, 0],
    ]),
  ] as const;
  expect(
    await farthest({ y: add(right, left), z: add(right, pad(parameter([5, 6]), [[2, 0]])) }),
  ).toBe(0);
});

it('lets no kernel bind one part of a buffer twice where it writes another', async () => {
  const [x, w] = [
    parameter({ shape: [8, 8], dtype: 'f32', data: new Float32Array(64).fill(0.1) }),
    parameter(eye(8)),
  ];
  const a = exp(matmul(x, w));
  const wide = matmul(x, parameter(full([8, 64], 0.3)));
  const parts = {
    // as vec4s and by elements; a value and a slice that lies in it
    twice: concat([a, add(matmul(a, w), transpose(a))], { axis: 0 }),
    slices: concat([wide, sin(add(wide, slice(wide, [1], [2])))], { axis: 0 }),
  };
  expect(await farthest(parts)).toBeLessThan(1e-5);
});

it('runs products of more rows and batches than one dimension of workgroups has', async () => {
  const tall = parameter({
    shape: [600_000, 4],
    dtype: 'f32',
    data: Float32Array.from({ length: 2_400_000 }, (_, i) => i % 5),
  });
  const [a, b] = [1, 2].map((k) => parameter(full([70_000, 1, 2], k))) as [Tensor, Tensor];
  const batched = matmul(a, b, { transposeB: true });
  expect(await farthest({ rows: sum(matmul(tall, eye(4)), { axis: 1 }), batched })).toBe(0);
  const [c, d] = [a, b].map((each) => slice(each, [0], [40_000]));
  const both = { c: matmul(c!, d!, { transposeB: true }), d: matmul(d!, d!, { transposeB: true }) };
  expect(await farthest(both)).toBe(0);
});

it('tells 0 from −0, and pads with infinities', async () => {
  const one = tensor([1]);
  for (const zero of [0, -0]) expect(await farthest({ y: div(one, full([1], zero)) })).toBe(0);
  for (const value of [Infinity, -Infinity]) {
    const { y } = await gpu.run({ y: pad(one, [[1, 0]], value) });
    expect([...y.data]).toEqual([value, 1]);
  }
});

it('wraps products of integers as the reference does', async () => {
  const i32 = tensor(Int32Array.of(123456789, 2147483647));
  const u32 = tensor(Uint32Array.of(4294967295, 3));
  const { a, b, c } = await gpu.run({
    a: mul(i32, tensor(Int32Array.of(987654321, 2147483647))),
    b: square(u32),
    c: square(i32),
  });
  expect([[...a.data], b.data[0], c.data[1]]).toEqual([[-67153019, 1], 1, 1]);
  expect(await farthest({ a: mul(i32, i32), b: square(u32) })).toBe(0);
});

it('pads many axes in a kernel that drivers compile', { timeout: 10_000 }, async () => {
  const widths = new Array(8).fill([1, 0]) as [number, number][];
  expect(await farthest({ y: pad(sin(full(new Array(8).fill(2), 0.5)), widths) })).toBeLessThan(
    1e-6,
  );
});

it('runs nothing of a step that finds no room for what it reads back', async () => {
  await using engine = new Engine(await openBackend({ byteBudget: 40_000 }));
  const p = parameter(0);
  const outputs = { x: mul(parameter(new Float32Array(5000)), 2) };
  const step = engine.compile({ outputs, updates: [[p, add(p, 1)]] });
  await expect(step()).rejects.toThrow('byteBudget');
  expect((await engine.read(p)).data[0]).toBe(0);
});
