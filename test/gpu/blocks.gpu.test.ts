// Ops that users define, with WGSL of their own.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwiseOf as pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { relu, sigmoid } from '../../src/ops/activation.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { full, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { max, sum } from '../../src/ops/reduce.js';
import { softmax } from '../../src/ops/softmax.js';
import { openBackend, openCpuEngine } from '../support/engine.js';
import { builtInNames } from '../support/names.js';
import { distance } from '../support/property.js';

const cubeWith = (source: string, name = 'cube', file?: string) =>
  defineOp({
    name,
    kernel: pointwise('cube', source, file),
    reference: (x: number) => x ** 3,
    vjp: ({ inputs: [x], cotangent }) => [mul(cotangent, mul(3, square(x!)))],
    bound: { ulp: 4 },
  });
const cube = cubeWith('fn cube(x: f32) -> f32 { return x * x * x; }');

let engine: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  engine = new Engine(await openBackend(), { crossCheck: 'every' });
});
afterAll(() => engine.dispose());

it('take part in fusion, derivatives of any order and the cross-check', async () => {
  const x = tensor([-1.5, 0.25, 2]);
  const y = add(cube(x), 1);
  const first = grad(y, x, { cotangent: tensor([1, 1, 1]) });
  const second = grad(first, x, { cotangent: tensor([1, 1, 1]) });
  const values = await engine.run({ y, first, second });
  expect([...values.y.data]).toEqual([-2.375, 1.015625, 9]);
  expect([...values.first.data]).toEqual([6.75, 0.1875, 12]);
  expect([...values.second.data]).toEqual([-9, 1.5, 12]);
  expect(engine.compile({ inputs: {}, outputs: y }).plan.dispatches).toHaveLength(1);
  expect((await gradCheck(y, x)).ok).toBe(true);
});

it('have errors in their WGSL told with function, line, file and source', async () => {
  const wrong = cubeWith('fn cube(x: f32) -> f32 {\n  let y = x * x;\n  return y * wrong;\n}');
  const failure = engine.run({ y: wrong(tensor([1, 2])) });
  await expect(failure).rejects.toThrow(
    /wrong.*in fn cube, its line 3, of \S*blocks\.gpu\.test\.ts\S*:\d+ \(line \d+, column \d+ of the kernel cube\)/,
  );
  await expect(failure).rejects.toThrow(/^> \d+ \|\s+return y \* wrong;$/m);
  const named = cubeWith('fn cube(x: f32) -> f32 { return wrong; }', 'cube', 'cube.wgsl');
  await expect(engine.run({ y: named(tensor([1, 2])) })).rejects.toThrow(
    'in fn cube, its line 1, of cube.wgsl (line',
  );
  const { y } = await engine.run({ y: cube(tensor([2])) }); // the engine goes on
  expect(y.data[0]).toBe(8);
});

it('may have the name of an op of Nabla, and of each other', async () => {
  const source = 'fn cube(x: f32) -> f32 { return x * x * x; }';
  // those that the planner knows, too
  for (const name of builtInNames) {
    const cube = cubeWith(source, name);
    const [own, twice] = [cube(tensor([[2, 0]])), cube(cube(tensor([[2], [-1]])))];
    const through = matmul(cube(tensor([[2, 1]])), cube(tensor([[1], [2]])));
    const one = cube(full([2], 3));
    const values = await engine.run({
      own,
      twice,
      through,
      one,
      sum: sum(cube(tensor([1, 2]))),
      joined: add(own, one),
    });
    const found = Object.values(values).map(({ data }) => [...data]);
    expect(found, name).toEqual([[8, 0], [512, -1], [16], [27, 27], [9], [35, 27]]);
  }
});

it('may keep constants and helpers beside their function', async () => {
  const source =
    'const POWER = 3.0;\nfn half(x: f32) -> f32 { return x / 2.0; }\nfn cube(x: f32) -> f32 { return POWER * half(x); }';
  const tripled = defineOp({
    name: 'tripled',
    kernel: pointwise('cube', source),
    reference: (x: number) => 1.5 * x,
  });
  expect([...(await engine.run(tripled(tensor([2, -4])))).data]).toEqual([3, -6]);
});

/** Names that Nabla's kernels have for themselves, and those of its own functions. */
const hostile =
  `main finish group lane row column place batch head value zero at i k m n x y id groups b0 b1 v0 v1 r0 l_b0 h0 c00_0 left right
  rows step element M N K ROWS COLUMNS LANES GROUPS GROUP_X DEPTH INNER tile_a vector_a block_b load_a main_0 user0_f add hadamard
  relu is_nan exponential sigmoid fold_sum fold_max scatter_add softmax square`.split(/\s+/);

it.each([
  [
    'functions',
    (name: string) =>
      `fn ${name}_(x: f32) -> f32 { return x; }\nfn ${name}(x: f32) -> f32 { return 2.0 * ${name}_(x); }`,
  ],
  [
    'constants',
    (name: string) =>
      `const ${name} = 2.0;\nfn f(argument: f32) -> f32 { return ${name} * argument; }`,
  ],
  [
    'types',
    (name: string) =>
      `struct ${name} { main: f32 }\nfn f(argument: f32) -> f32 { let made = ${name}(argument); return 2.0 * made.main; }`,
  ],
  [
    'aliases',
    (name: string) =>
      `alias ${name} = f32;\nfn f(argument: ${name}) -> ${name} { return 2.0 * argument; }`,
  ],
  [
    'parameters and variables',
    (name: string) =>
      `fn f(${name}: f32) -> f32 { let ${name}_ = 2.0; return ${name}_ * ${name}; }`,
  ],
] as const)('may give %s any name, in any kernel', async (what, write) => {
  const x = tensor(
    Float32Array.from({ length: 20 }, (_, i) => i - 9),
    [4, 5],
  );
  const doubles = hostile.map((name) => {
    const kernel = pointwise(what === 'functions' ? name : 'f', write(name));
    const vjp = ({ cotangent }: { cotangent: Tensor }): Tensor[] => [mul(2, cotangent)];
    return defineOp({
      name: 'double',
      kernel,
      reference: (z: number) => 2 * z,
      vjp,
      bound: { ulp: 1 },
    });
  });
  // alone, in pairs and threes with Nabla's own, and on top of reductions, rows and products
  const alone = doubles.map((double) => double(x));
  const pairs = doubles.map((double, i) =>
    add(double(relu(doubles[(i + 7) % doubles.length]!(x))), sigmoid(square(x))),
  );
  const heads = doubles.slice(0, 12).flatMap((double, i) => {
    const other = doubles[(5 * i + 1) % doubles.length]!;
    return [
      sum(double(x)),
      other(max(double(x), { axis: 1 })),
      other(softmax(double(x))),
      double(add(matmul(x, double(x), { transposeB: true }), 1)),
    ];
  });
  const all = [...alone, ...pairs, ...heads];
  const expected = await cpu.run(all);
  const values = await engine.run(all);
  for (const [at, { data }] of values.entries())
    expect(distance(data, expected[at]!.data)).toBeLessThan(1e-5);
});

it('may read seven values, and no more than a kernel can bind', async () => {
  const sumOf = (inputs: number) => {
    const names = Array.from({ length: inputs }, (_, i) => `x${i}`);
    const source = `fn total(${names.map((name) => `${name}: f32`).join(', ')}) -> f32 { return ${names.join(' + ')}; }`;
    const reference = Function(...names, `return ${names.join(' + ')}`) as (
      ...all: number[]
    ) => number;
    const total = defineOp({
      name: 'total',
      kernel: pointwise('total', source),
      reference,
      bound: { ulp: 8 },
    });
    return engine.run(total(...names.map((_, i) => tensor([i, 1]))));
  };
  expect([...(await sumOf(7)).data]).toEqual([21, 7]);
  await expect(sumOf(8)).rejects.toThrow(
    'total: it binds 9 buffers of at most 8; give it fewer inputs',
  );
});

it('are told to give a bound where they have none and are not exact', async () => {
  const kernel = pointwise('third', 'fn third(x: f32) -> f32 { return x / 3.0; }');
  const third = defineOp({ name: 'third', kernel, reference: (x: number) => x / 3 });
  await expect(engine.run(third(tensor([1, 2])))).rejects.toThrow(
    'the op has no bound: give it one, such as { ulp: 4 }',
  );
});

it('have a wrong kernel found by the cross-check', async () => {
  const wrong = cubeWith('fn cube(x: f32) -> f32 { return x * x; }');
  await expect(engine.run({ y: wrong(tensor([1, 2])) })).rejects.toThrow(
    /cube.*the float64 reference/,
  );
});
