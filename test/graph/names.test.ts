// A user's op may have the name of any of Nabla's own. It stays the user's: nothing takes it for the other by its name.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { watch } from '../../src/check/anomaly.js';
import { evaluateInterval, exact, type Interval } from '../../src/check/compare.js';
import { explain, toMermaid } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { isConstant, isInput, isParameter } from '../../src/graph/program.js';
import { pointwise } from '../../src/graph/record.js';
import * as onnx from '../../src/io/onnx.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { full, input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { builtInNames } from '../support/names.js';
import { valuesOf } from '../support/property.js';

const engine = new Engine(new CpuBackend());
const watching = new Engine(new CpuBackend(), { anomaly: watch });
const kernel = pointwise('cube', 'fn cube(x: f32) -> f32 { return x * x * x; }');
const cubeNamed = (name: string) =>
  defineOp({
    ...{ name, kernel, accepts: 'number', bound: { ulp: 4 } },
    reference: (x: number) => x ** 3,
    vjp: ({ inputs: [x], cotangent }) => [mul(cotangent, mul(3, square(x!)))],
  });
const identityNamed = (name: string) =>
  defineOp({ name, kernel, reference: (x: number) => x, vjp: ({ cotangent }) => [cotangent] });
const value = (...nodes: Parameters<typeof valuesOf>[0]) =>
  valuesOf(nodes).map(({ data }) => [...data]);

it(`there are ${builtInNames.length} names`, () => {
  expect(builtInNames).toEqual(
    expect.arrayContaining(['full', 'oneHot', 'reshape', 'slice', 'sum', 'gather']),
  );
  expect(builtInNames).toEqual(
    expect.arrayContaining(['stopGradient', 'parameter', 'input', 'constant', 'windows']),
  );
  expect(builtInNames.length).toBeGreaterThan(60);
});

describe.each(builtInNames)("a user's %s", (name) => {
  const cube = cubeNamed(name);
  const x = tensor([[2, -1]]);
  const y = cube(x);

  it('computes, of what is computed, of numbers and of integers too', async () => {
    expect(
      value(
        y,
        cube(y),
        cube(full([1], 3)),
        add(cube(2), 0),
        cube(tensor([-3, 5], { dtype: 'i32' })),
      ),
    ).toEqual([[8, -1], [512, -1], [27], [8], [-27, 125]]);
    expect([...(await engine.run(cube(tensor([-3, 7], { dtype: 'i32' })))).data]).toEqual([
      -27, 343,
    ]);
    expect([...(await engine.run(matmul(y, tensor([[1], [10]])))).data]).toEqual([-2]);
    const half = engine.compile({
      outputs: { y: matmul(y, tensor([[1], [10]])) },
      precision: 'f16',
    });
    expect([...(await half()).y.data]).toEqual([-2]);
  });

  it('is differentiated by its own rule, in every mode', async () => {
    const first = grad(sum(y), x);
    expect(value(first, grad(sum(first), x), jvp(y, x, tensor([[1, 10]])), jacobian(y, x))).toEqual(
      [
        [12, 3],
        [12, -6],
        [12, 30],
        [12, 0, 0, 3],
      ],
    );
    expect((await gradCheck(y, x)).ok).toBe(true);
    const bent = defineOp({
      name,
      kernel,
      reference: (z: number) => z ** 3,
      vjp: ({ cotangent }) => [cotangent],
    });
    expect((await gradCheck(bent(x), x)).ok).toBe(false);
    // targets that do not sum to 1
    const [z, target] = [tensor([[1, 3, 2]]), identityNamed(name)(tensor([[0.5, 0.1, 0.1]]))];
    expect((await gradCheck(softmaxCrossEntropy(z, target), z)).ok).toBe(true);
  });

  it('is checked by its own reference and bound', () => {
    const [given] = valuesOf([x]);
    const [{ value, errors }] = evaluateInterval(y, [exact(given!)]) as [Interval];
    expect([...value.data]).toEqual([8, -1]);
    expect(errors[0]).toBe(4 * 2 ** -20);
  });

  it('is watched for infinities and NaN', async () => {
    const root = defineOp({ name, kernel, reference: Math.sqrt });
    await expect(watching.run(add(root(x), 1))).rejects.toThrow(
      `anomaly: 1 of 2 values of ${name} [1, 2] are NaN or infinite; it is the first op of the step that made any`,
    );
    await expect(watching.run(root(full([2], -1)))).rejects.toThrow(
      `anomaly: 2 of 2 values of ${name} [2] are NaN`,
    );
  });

  it('is explained and drawn', async () => {
    const { nodes } = await explain(engine, y, x);
    expect(nodes.map(({ op }) => op)).toEqual(['constant', name]);
    expect([...nodes[1]!.local[0]!.data]).toEqual([12, 3]);
    expect(toMermaid(y)).toContain(`["${name} [1, 2]"]`);
    expect(`${y}`).toBe(`Tensor #${y.id} ${name} [1, 2] f32`);
  });

  it('is no leaf, and has no ONNX operator', async () => {
    expect([isInput(y), isConstant(y), isParameter(y)]).toEqual([false, false, false]);
    expect(() => engine.compile({ updates: [[y, y]] })).toThrow(/is no parameter/);
    expect(() => engine.compile({ inputs: { y } })).toThrow(/inputs.y is no input/);
    await expect(engine.read(y)).rejects.toThrow(/is no parameter/);
    await expect(onnx.encode(engine, { inputs: {}, outputs: { y } })).rejects.toThrow(
      `onnx: ${name} has no ONNX`,
    );
  });

  it('takes part in steps', async () => {
    const [at, p] = [input([], { name: 'at' }), parameter(2)];
    const step = engine.compile({
      inputs: { at },
      outputs: { y: cube(at) },
      updates: [[p, cube(p)]],
    });
    expect((await step({ at: 4 })).y.data[0]).toBe(64);
    expect((await engine.read(p)).data[0]).toBe(8);
  });
});
