import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import type { Check } from '../../src/check/compare.js';
import { CheckError } from '../../src/core/errors.js';
import { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { gelu, relu, sigmoid, tanh } from '../../src/ops/activation.js';
import { abs, add, div, exp, mul, sqrt, square, sub } from '../../src/ops/arithmetic.js';
import { greater } from '../../src/ops/compare.js';
import { gather, oneHot } from '../../src/ops/indexing.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { mean, sum } from '../../src/ops/reduce.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { openBackend, openGpuEngine } from '../support/engine.js';

const batch = 9;
const sizes = [21, 18, 12, 7];
const feeds = {
  x: Float32Array.from({ length: batch * sizes[0]! }, (_, i) => Math.sin(3 * i)),
  y: Int32Array.from({ length: batch }, (_, i) => i % 7),
};

/** A network with every family of kernels: products, epilogues, rows, column sums, gather and its reverse, updates. */
function program() {
  const x = input([batch, sizes[0]!]);
  const y = input([batch], { dtype: 'i32' });
  const table = parameter(random.normal([7, sizes[0]!], { seed: 9 }));
  const parameters: Tensor[] = [table];
  let a = add(x, mul(0.5, gather(table, y)));
  sizes.slice(1).forEach((width, l) => {
    const w = parameter(random.normal([width, sizes[l]!], { seed: l, deviation: 0.4 }));
    const b = parameter(random.uniform([width], { seed: 10 + l }));
    parameters.push(w, b);
    const z = add(matmul(a, w, { transposeB: true }), b);
    a = l === 2 ? z : l === 1 ? gelu(z) : relu(z);
  });
  const cost = mean(softmaxCrossEntropy(a, oneHot(y, 7)));
  const gradients = grad(cost, parameters);
  return {
    inputs: { x, y },
    outputs: { cost },
    updates: parameters.map((p, i) => [p, sub(p, mul(0.1, gradients[i]!))] as const),
  };
}

describe('the cross-check', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = new Engine(await openBackend(), { crossCheck: 'every' });
  });
  afterAll(() => engine.dispose());

  it('finds no mismatch in correct kernels', async () => {
    const step = engine.compile(program());
    for (let i = 0; i < 5; i++) await step(feeds);
  });

  it('reports how close each result is', async () => {
    const x = input([40, 33], { name: 'x' });
    const values = Float32Array.from({ length: 40 * 33 }, (_, i) => Math.cos(i));
    const report = await engine.verify(
      { s: sigmoid(x), t: sum(tanh(matmul(x, x, { transposeB: true }))) },
      { x: values },
    );
    expect(report.ok).toBe(true);
    expect(report.checks.length).toBeGreaterThan(1);
    for (const check of report.checks) {
      expect(check.checked).toBe(check.total);
      expect(check.worst.ratio).toBeLessThanOrEqual(1);
    }
  });
});

// kernels of classes differ: one of two texts is there
const mutants: [string, (wgsl: string) => string][] = [
  [
    'a product one column of K short',
    (w) =>
      w.replace('k < K + zero', 'k + DEPTH < K').replace('turn < end + zero', 'turn + 8u < end'),
  ],
  [
    'a row read twice',
    (w) => w.replace('m0 + q, k', 'm0 + q / 2u * 2u, k').replaceAll('m0 + 1u);', 'm0 + 0u);'),
  ],
  [
    'a swapped operand element',
    (w) =>
      w
        .replace(/(left\[\(row\) \/ LANES\])\[step\]/, '$1[(step + 1u) % 4u]')
        .replace(/(left0_0)\[0\]/, '$1[1]'),
  ],
  [
    'an epilogue off by one',
    (w) => w.replace('let n = first + lane;', 'let n = first + lane + 1u;'),
  ],
  [
    'a sum that skips its first column',
    (w) =>
      w
        .replace('var column = 0u', 'var column = 1u')
        .replace('var start = along;', 'var start = along + 1u;'),
  ],
  ['a ReLU that passes negatives', (w) => w.replace('select(z, 0.0, z < 0.0)', 'z')],
  [
    'a derivative of the wrong sign',
    (w) => w.replace('select(0.0, 1.0, a > 0.0)', 'select(0.0, -1.0, a > 0.0)'),
  ],
  ['a product for a difference', (w) => w.replace('return a - b;', 'return a + b;')],
  [
    'a softmax without its division',
    (w) => w.replace('exponential(z - peak) / total', 'exponential(z - peak)'),
  ],
  ['a gather from the next row', (w) => w.replace('index == row', 'index == row + 1u')],
  ['an update a thousandth too large', (w) => w.replace('f32(0.10000000149011612)', 'f32(0.1001)')],
];

describe('a planted fault is found', () => {
  for (const [fault, rewrite] of mutants)
    it(fault, async () => {
      let planted = 0;
      const mutate = (wgsl: string): string => {
        const changed = rewrite(wgsl);
        if (changed !== wgsl) planted++;
        return changed;
      };
      const engine = new Engine(await openBackend({ rewrite: mutate }), {
        crossCheck: 'every',
      });
      const step = engine.compile(program());
      await expect(step(feeds)).rejects.toThrow(/the float64 reference/);
      expect(planted).toBeGreaterThan(0);
      engine.dispose();
    });
});

describe('a cross-check that is switched while steps run', () => {
  const found: Check[] = [];
  let engine: Engine;
  beforeAll(async () => {
    const backend = await openBackend();
    engine = new Engine(backend, { onCheck: (checks) => found.push(...checks) });
  });
  afterAll(() => engine.dispose());

  it('reports each kernel call of every step, one in sixteen steps, or none', async () => {
    const step = engine.compile(program());
    await step(feeds);
    expect(found).toEqual([]);
    engine.crossCheck = 'every';
    await step(feeds);
    expect(new Set(found.map(({ kernel }) => kernel))).toEqual(
      new Set(step.plan.dispatches.map((each) => each.kernel)),
    );
    for (const { worst } of found) expect(worst.ratio).toBeLessThanOrEqual(1);
    found.length = 0;
    engine.crossCheck = 'sampled';
    for (let i = 0; i < 16; i++) await step.enqueue(feeds);
    expect(new Set(found.map(({ kernel }) => kernel)).size).toBe(1);
    found.length = 0;
    engine.crossCheck = 'off';
    for (let i = 0; i < 16; i++) await step.enqueue(feeds);
    expect(found).toEqual([]);
    expect(engine.crossCheck).toBe('off');
  });

  it('neither hides a wrong value behind a bound that is no number, nor asks for a NaN that rounding decides on', async () => {
    const wrong = defineOp({
      name: 'wrong',
      kernel: pointwise(
        'wrong',
        'fn wrong(x: f32) -> f32 { return select(x + 0.1, 777.0, x > 3.0); }',
      ),
      reference: (x: number) => x + 0.1,
      bound: { ulp: 4 },
      propagate: ([x], [error]) =>
        Float64Array.from(x!.data, (value, i) => (error![i]! / value) * value), // 0 / 0
    });
    const plain = new Engine(await openBackend());
    const { ok } = await plain.verify(wrong(mul(parameter([3.1, 0, 1]), 1.5)));
    const rows = parameter({
      shape: [50, 7],
      dtype: 'f32',
      data: Float32Array.from({ length: 350 }, (_, i) => 0.1 * Math.ceil((i + 1) / 7)),
    });
    const variance = sub(mean(square(rows), { axis: 1 }), square(mean(rows, { axis: 1 })));
    const spread = await plain.verify(sqrt(variance));
    plain.dispose();
    expect([ok, spread.ok]).toEqual([false, true]);
  });

  it('refuses another word', () => {
    expect(() => {
      engine.crossCheck = 'always' as never;
    }).toThrow("engine: crossCheck is 'always'; use 'off', 'sampled' or 'every'");
    expect(engine.crossCheck).toBe('off');
  });
});

it('reports a mismatch before it is thrown', async () => {
  const rewrite = (wgsl: string): string => wgsl.replace('return a - b;', 'return a + b;');
  const ratios: number[] = [];
  const backend = await openBackend({ rewrite });
  await using engine = new Engine(backend, {
    crossCheck: 'every',
    onCheck: (checks) => ratios.push(...checks.map((c) => c.worst.ratio)),
  });
  await expect(engine.compile(program())(feeds)).rejects.toThrow(CheckError);
  expect(Math.max(...ratios)).toBeGreaterThan(1);
});

it('leaves nothing behind', async () => {
  const engine = await openGpuEngine();
  const step = engine.compile(program());
  await step(feeds);
  step.release();
  engine.dispose();
  expect(engine.stats().liveBuffers).toBe(0);
  expect(engine.stats().liveBytes).toBe(0);
});

it('lets an adapter take numbers below the normal ones for 0', async () => {
  const engine = await openGpuEngine();
  const x = tensor(Float32Array.of(0, 1e-40, -1e-40, 1e-38, 2 ** -149));
  const report = await engine.verify([
    sqrt(abs(x)),
    mul(x, 1e30),
    exp(x),
    div(1, add(x, 1)),
    greater(x, 0),
  ]);
  expect(report.ok, JSON.stringify(report.checks)).toBe(true);
  engine.dispose();
});
