// Ops that users define, with WGSL of their own.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { Engine } from '../../src/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import { pointwiseOf as pointwise } from '../../src/graph/op.js';
import { defineOp } from '../../src/graph/tensor.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { full, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { openAdapter } from '../support/adapter.js';
import { builtInNames } from '../support/names.js';

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
beforeAll(async () => {
  engine = new Engine(await GpuBackend.open(await openAdapter()), 'every');
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
    /wrong.*in fn cube, its line 3, of \S*blocks\.gpu\.test\.ts\S*:\d+ \(line \d+, column \d+ of the kernel\)/,
  );
  await expect(failure).rejects.toThrow(/^> \d+ \|\s+return y \* wrong;$/m);
  const named = cubeWith('fn cube(x: f32) -> f32 { return wrong; }', 'cube', 'cube.wgsl');
  await expect(engine.run({ y: named(tensor([1, 2])) })).rejects.toThrow('in fn cube, its line 1, of cube.wgsl (line');
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
  const tripled = defineOp({ name: 'tripled', kernel: pointwise('cube', source), reference: (x: number) => 1.5 * x });
  expect([...(await engine.run(tripled(tensor([2, -4])))).data]).toEqual([3, -6]);
});

it('may read seven values, and no more than a kernel can bind', async () => {
  const sumOf = (inputs: number) => {
    const names = Array.from({ length: inputs }, (_, i) => `x${i}`);
    const source = `fn total(${names.map((name) => `${name}: f32`).join(', ')}) -> f32 { return ${names.join(' + ')}; }`;
    const reference = Function(...names, `return ${names.join(' + ')}`) as (...all: number[]) => number;
    const total = defineOp({ name: 'total', kernel: pointwise('total', source), reference, bound: { ulp: 8 } });
    return engine.run(total(...names.map((_, i) => tensor([i, 1]))));
  };
  expect([...(await sumOf(7)).data]).toEqual([21, 7]);
  await expect(sumOf(8)).rejects.toThrow('total: it binds 9 buffers of at most 8; give it fewer inputs');
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
  await expect(engine.run({ y: wrong(tensor([1, 2])) })).rejects.toThrow(/cube.*the float64 reference/);
});
