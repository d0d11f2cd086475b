// f16 on the GPU: the numbers of the CPU engine and of PyTorch, every kernel within its bound, wrong rounding found. An
// adapter without shader-f16 computes with halves and stores none.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { isFloat } from '../../src/core/dtype.js';
import { halfToNumber } from '../../src/core/half.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, mul, sub } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { max, sum } from '../../src/ops/reduce.js';
import { adam } from '../../src/optim/index.js';
import { openBackend, openCpuEngine, openGpuEngine } from '../support/engine.js';
import { randomGraph } from '../support/graphs.js';
import { A, B, cases, computed, halfUlp, programs, runProgram, stored } from '../support/half.js';
import { table } from '../support/ops.js';
import { gpuGraphs, instantiate, seed } from '../support/property.js';
import { floats } from '../support/samples.js';

let gpu: Engine;
const cpu = openCpuEngine();
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => gpu.dispose());

const hasHalves = ({ info }: Engine): boolean => info.features.includes('shader-f16');
/** The value of an f16 node in f32: what adapters without f16 can return. */
const wide = (y: Tensor): Tensor => (y.dtype === 'f16' ? cast(cast(y, 'f16'), 'f32') : y);

async function verified(tree: Tensor[], feeds = new Map()): Promise<void> {
  const { checks } = await gpu.verify(tree, feeds);
  expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
  expect(checks.filter(({ checked, total }) => checked < total)).toEqual([]);
}

it('a cast rounds every number as the CPU engine does, to the bit', async () => {
  const halves = Array.from({ length: 0x7c00 }, (_, bits) => halfToNumber(bits));
  // each number of f16, what is halfway to the next, and its neighbours in f32
  const around = halves.flatMap((each, i) => {
    const middle = (each + (halves[i + 1] ?? 65_536)) / 2;
    return [each, middle, middle * (1 - 2 ** -23), middle * (1 + 2 ** -23)];
  });
  const odd = [
    70_000,
    1e30,
    1e-8,
    2 ** -25,
    2 ** -25 * (1 + 2 ** -23),
    1e-40,
    Infinity,
    Number.NaN,
  ];
  const x = tensor(Float32Array.from([...around, ...odd].flatMap((each) => [each, -each])));
  const [found, expected] = await Promise.all(
    [gpu, cpu].map((engine) => engine.run(wide(cast(x, 'f16')))),
  );
  expect(Array.from(found!.data)).toEqual(Array.from(expected!.data));
});

describe('the rule on the GPU', () => {
  it.for(cases)('%s', async ([, build, expected]) => {
    const forms = hasHalves(gpu) ? [computed, stored] : [computed];
    for (const form of forms) {
      const y = build(form);
      const tree = form === stored ? [y, wide(y)] : [wide(y)];
      for (const { data } of await gpu.run(tree))
        expect([...data.subarray(0, expected.length)]).toEqual(expected);
      await verified(tree);
    }
  });

  it.for(programs)('what PyTorch gives: %s', async ([text, values, slopes]) => {
    const { y, gradient } = runProgram(text, computed(A, [2, 3]), computed(B, [2, 3]));
    const found = await gpu.run([wide(y), wide(gradient)]);
    const isOne = /^(add|sub|mul|larger|tiny) \d \d$/.test(text);
    for (const [i, expected] of [values, slopes].entries()) {
      const scale = Math.max(1, ...expected.map(Math.abs));
      for (const [at, value] of expected.entries())
        expect(Math.abs(found[i]!.data[at]! - value)).toBeLessThan(
          isOne ? 1.1 * halfUlp(value) : 2 ** -8 * scale,
        );
    }
    await verified([wide(y), wide(gradient)]);
  });
});

describe(`generated calls of f16 tensors (seed ${seed})`, () => {
  it.each(table)('$name', async ({ samples, differentiable }) => {
    const tree: Tensor[] = [];
    const feeds = new Map();
    for (const each of fc.sample(samples(200), { seed, numRuns: 2 })) {
      const halved = each.values.map((value) =>
        value.dtype === 'f32' ? { ...value, dtype: 'f16' as const } : value,
      );
      const { inputs, feeds: fed } = instantiate({
        ...each,
        values: hasHalves(gpu) ? halved : each.values,
      });
      for (const [node, value] of fed) feeds.set(node, value);
      const xs = inputs.map((x) => (isFloat(x.dtype) ? cast(x, 'f16') : x));
      const y = each.build(xs);
      const wrt = xs.filter(({ dtype }) => isFloat(dtype));
      const isSmooth = differentiable && isFloat(y.dtype) && wrt.length > 0;
      const cotangent = isSmooth ? cast(tensor(floats(1, y.shape)), y.dtype) : undefined;
      tree.push(...[y, ...(cotangent ? grad(y, wrt, { cotangent }) : [])].map(wide));
    }
    await verified(tree, feeds);
    const [found, expected] = await Promise.all([gpu.run(tree, feeds), cpu.run(tree, feeds)]);
    found.forEach(({ data }, i) => {
      const scale = Array.from(expected[i]!.data).reduce(
        (most, x) => Math.max(most, Math.abs(x)),
        1,
      );
      Array.from(data).forEach((x, at) => {
        const other = expected[i]!.data[at]!;
        if (!(Math.abs(x - other) <= 2e-3 * scale)) expect(x).toBe(other);
      });
    });
  });

  const graphs = Array.from({ length: gpuGraphs }, (_, i) => ({
    size: 6 + (i % 7),
    from: seed + i,
  }));
  it.each(graphs)('graph $size from $from', async ({ size, from }) => {
    const { y, leaves, feeds } = randomGraph(size, from, true);
    const tree = [y, ...grad(y, leaves)].map(wide);
    const { checks } = await gpu.verify(tree, feeds);
    expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    const [found, expected] = await Promise.all([gpu.run(tree, feeds), cpu.run(tree, feeds)]);
    found.forEach(({ data }, i) => {
      const scale = Math.max(2 ** -6, ...Array.from(expected[i]!.data, Math.abs));
      const off = Array.from(data, (value, at) => Math.abs(value - expected[i]!.data[at]!) / scale);
      expect(Math.max(0, ...off)).toBeLessThan(2 ** -7);
    });
  });
});

describe('parameters of f16', () => {
  it('are kept and trained as on the CPU engine, or refused where the adapter stores none', async () => {
    const results = [cpu, gpu].map(async (engine) => {
      const p = parameter(tensor([1.9, -0.3, 0], [3], { dtype: 'f16' }), { name: 'p' });
      const updates = adam({ learningRate: 0.01 }).updates(sum(mul(p, mul(p, 1e3))), [p]);
      const step = engine.compile({ updates });
      for (let i = 0; i < 5; i++) await step.enqueue();
      return [...(await engine.read(p)).data];
    });
    const [onCpu, onGpu] = await Promise.allSettled(results);
    if (hasHalves(gpu)) return expect(onGpu).toEqual(onCpu);
    expect(String((onGpu as PromiseRejectedResult).reason)).toMatch(
      /DTypeError: .*no shader-f16; use f32/,
    );
  });
});

it('values between are f32, in buffers too: no f16 lies there but what is cast to it', async () => {
  const x = cast(input([64, 64], { name: 'x' }), 'f16');
  const y = sub(x, max(x, { axis: 1, keepDims: true }));
  const product = matmul(mul(y, 3), mul(y, 5));
  const { plan } = gpu.compile({ inputs: { x: x.inputs[0]! }, outputs: cast(product, 'f32') });
  expect(plan.dispatches.filter(({ wgsl }) => wgsl.includes('array<f16'))).toEqual([]);
});

it('an op of one’s own that says f16 gives f32 until it is rounded', async () => {
  const triple = defineOp({
    name: 'triple',
    kernel: pointwise('triple', 'fn triple(x: f32) -> f32 { return 3.0 * x; }'),
    reference: (x: number) => 3 * x,
    dtype: () => 'f16',
    bound: { ulp: 1 },
  });
  const y = triple(tensor([30_000, 0.1]));
  const tree = [cast(div(y, 3), 'f32'), wide(y)];
  const [between, rounded] = await gpu.run(tree);
  expect([between!.data[0], Array.from(rounded!.data)]).toEqual([
    30_000,
    [Infinity, 0.300048828125],
  ]);
  await verified(tree);
});

const mutants: [string, wrong: string | RegExp, by: string][] = [
  [
    'no rounding',
    'let bits = bitcast<u32>(a);',
    'if (a == a) { return a; } let bits = bitcast<u32>(a);',
  ],
  ['cutting for rounding', 'size + 0xfffu + ((size >> 13u) & 1u)', 'size'],
  ['ties away from even', '((size >> 13u) & 1u)', '1u'],
  [
    'the largest number for infinity',
    'select(rounded, 0x7f800000u,',
    'select(rounded, 0x477fe000u,',
  ],
  ['small numbers lost', 'let small = ', 'let small = 0u * '],
  ['infinity for NaN', 'select(finite, size,', 'select(finite, 0x7f800000u,'],
];

describe('wrong rounding is found', () => {
  it.for(mutants)('%s', async ([, wrong, by]) => {
    let planted = false;
    const rewrite = (wgsl: string): string => {
      planted ||= wgsl.replace(wrong, by) !== wgsl;
      return wgsl.replace(wrong, by);
    };
    const engine = new Engine(await openBackend({ rewrite }));
    const x = tensor([1.9, 2049, 2051, 70_000, 3e-6, Number.NaN]);
    const report = await engine.verify(wide(cast(add(x, 0), 'f16')));
    engine.dispose();
    expect([planted, report.ok]).toEqual([true, false]);
  });
});
