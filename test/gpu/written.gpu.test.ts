// Hand-written kernels and ops of several outputs on the GPU: values, derivatives, cross-check, plans, and what users write.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import { defineOp } from '../../src/graph/define.js';
import { pointwise } from '../../src/graph/record.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { cumSum } from '../../src/ops/cumSum.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { random } from '../../src/ops/random.js';
import { mean, sum } from '../../src/ops/reduce.js';
import { concat } from '../../src/ops/slice.js';
import { openGpuEngine } from '../support/engine.js';
import { polar, twice } from '../support/several.js';

let gpu: Engine;
beforeAll(async () => {
  gpu = await openGpuEngine();
});
afterAll(() => {
  gpu.dispose();
});

const x = tensor([0.5, -1.25, 2]);

describe('an op of several outputs', () => {
  it('computes them all in one dispatch', async () => {
    const [s, c, most] = polar(x);
    const report = await gpu.verify({ s, c, most });
    expect(report.checks.map(({ op }) => op)).toEqual(['polar[0]', 'polar[1]', 'polar[2]']);
    expect(report.ok).toBe(true);
    const values = await gpu.run({ s, c, most });
    expect(values.most.data[0]).toBe(2);
    expect(values.c.data[2]).toBeCloseTo(Math.cos(2), 3);
    const { plan } = gpu.compile({ inputs: {}, outputs: { s, c, most } });
    expect(plan.dispatches.map(({ kernel, ops }) => [kernel, ops])).toEqual([['polar', ['polar']]]);
    expect(plan.dispatches[0]!.wgsl).toContain('const LENGTH = 3;');
    expect(plan.dispatches[0]!.wgsl).toMatch(/var<storage, read_write> out2: array<i32(, 1)?>;/);
  });

  it.each([0, 1, 2])('binds what nobody reads too: output %i alone', async (index) => {
    const report = await gpu.verify({ one: polar(x)[index]! });
    expect(report.ok).toBe(true);
  });

  it('has gradients that agree with finite differences', async () => {
    const [s, c] = polar(x);
    const [a, b] = twice(x, s);
    const y = sum(add(mul(s, c), mul(a, b)));
    expect((await gradCheck(y, x, { engine: gpu, absolute: 1e-3, relative: 1e-2 })).ok).toBe(true);
    expect((await gpu.verify({ y, g: grad(y, x) })).ok).toBe(true);
  });

  it('takes literals, views, slices, halves and one operand twice', async () => {
    const half = input([3], { dtype: 'f16' });
    const inputs: [string, readonly Tensor[]][] = [
      ['numbers', twice(2, 3)],
      ['one tensor twice', twice(x, x)],
      ['a mean', twice(mean(x), mean(x))],
    ];
    if (gpu.info.features.includes('shader-f16')) inputs.push(['f16', twice(half, half)]);
    for (const [what, outputs] of inputs) {
      const report = await gpu.verify(outputs, new Map([[half, [1, 2, 3]]]));
      expect(report.ok, what).toBe(true);
    }
  });

  it('may lie side by side in a concat', async () => {
    const wide = random.normal([64], { seed: 1 });
    const [s, c] = polar(wide);
    expect((await gpu.verify({ all: concat([s, c], { axis: 0 }) })).ok).toBe(true);
  });

  it('may be what parameters become', async () => {
    const p = parameter([1, 2, 3]);
    const [s, c] = polar(p);
    const step = gpu.compile({ inputs: {}, outputs: { c }, updates: [[p, s]] });
    const { c: before } = (await step({})) as { c: { data: Float32Array } };
    expect(before.data[0]).toBeCloseTo(Math.cos(1), 3);
    const { data } = await gpu.read(p);
    expect(data[1]).toBeCloseTo(Math.sin(2), 3);
  });

  it('gives nothing of nothing', async () => {
    const [s] = polar(tensor([], [0]));
    const { s: none } = await gpu.run({ s });
    expect(none.shape).toEqual([0]);
  });
});

describe('cumSum', () => {
  it.each([
    [[1], -1],
    [[7], 0],
    [[1000], 0],
    [[70000], 0],
    [[3, 257], 1],
    [[257, 3], 0],
    [[2, 33, 5], 1],
    [[70000, 2], 1],
  ])('adds along an axis of %j (axis %i), both ways', async (shape, axis) => {
    const values = random.normal(shape, { seed: 3 });
    const outputs = [cumSum(values, { axis }), cumSum(values, { axis, reverse: true })];
    expect((await gpu.verify(outputs)).ok).toBe(true);
  });
});

const scaled = (kernel: object) =>
  defineOp({
    name: 'scaled',
    shape: ([z]) => z.shape,
    reference: ([z]) => Float64Array.from(z.data, (value) => 2 * value),
    kernel: {
      kind: 'written',
      wgsl: '@compute @workgroup_size(1) fn main() { for (var i = 0u; i < N; i++) { out0[i] = in0[i] * 2; } }',
      constants: ([z]: readonly [Shape, ...Shape[]]) => ({ N: sizeOf(z) }),
      workgroups: () => [1, 1, 1],
      ...kernel,
    },
    bound: { ulp: 1 },
  });

describe('a kernel that a user writes', () => {
  it.each([
    ['under the usual name', {}],
    [
      'under another name, beside helpers and types of any name',
      {
        entry: 'go',
        wgsl: `struct main_t { b0: f32 }
        alias K = f32;
        const ROWS = 2.0;
        fn finish(a: K) -> main_t { return main_t(a * ROWS); }
        @compute @workgroup_size(4, 1, 1) fn go(@builtin(local_invocation_index) lane: u32) {
          for (var i = lane; i < N; i += 4u) { out0[i] = finish(in0[i]).b0; }
        }
        @compute @workgroup_size(1) fn other() { out7[0] = 1.0; }`,
      },
    ],
    [
      'for this class of adapters alone',
      {
        wgsl: 'fn main() {}',
        variants: Object.fromEntries(
          ['gpu', 'lavapipe', 'swiftshader'].map((name) => [
            name,
            {
              wgsl: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) at: vec3u) { out0[at.x] = in0[at.x] + in0[at.x]; }',
              workgroups: ([z]: [number[]]) => [z[0], 1, 1],
            },
          ]),
        ),
      },
    ],
    [
      'over more workgroups than an axis may have',
      {
        wgsl: `@compute @workgroup_size(1) fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
          let at = group.x + group.y * groups.x;
          if (at < N) { out0[at] = in0[at] * 2.0; }
        }`,
        workgroups: () => [70000, 1, 1],
      },
    ],
  ])('runs %s', async (_, kernel) => {
    const report = await gpu.verify(scaled(kernel)(random.normal([100], { seed: 1 })));
    expect(report.checks.map(({ op, worst }) => [op, worst.ratio <= 1])).toContainEqual([
      'scaled',
      true,
    ]);
    expect(report.ok).toBe(true);
  });

  it.each([
    ['an entry point that is not there', { entry: 'go' }, /scaled: its WGSL holds no 'fn go\('/],
    [
      'a constant without a value',
      { constants: () => ({ N: undefined }) },
      /constant N is undefined/,
    ],
    [
      'no workgroups',
      { workgroups: () => [0, 1, 1] },
      /workgroups are 0, 1, 1; give three whole numbers/,
    ],
    ['too many', { workgroups: () => [1, 70000, 1] }, /give at most 65535 along an axis/],
    [
      'WGSL with an error',
      { wgsl: '@compute @workgroup_size(1) fn main() { out0[0] = nothing; }' },
      /unresolved value 'nothing'.* in fn main, its line 1/,
    ],
  ])('tells of %s', async (_, kernel, message) => {
    await expect(gpu.run(scaled(kernel)(x))).rejects.toThrow(message);
  });

  it('may not bind more than a device lets it', async () => {
    const many = defineOp({
      name: 'many',
      shape: ([z]) => z.shape,
      reference: ([z]) => z.data,
      kernel: {
        kind: 'written',
        wgsl: '@compute @workgroup_size(1) fn main() {}',
        workgroups: () => [1, 1, 1],
      },
    });
    const inputs = Array.from({ length: 8 }, (_, i) => tensor([i]));
    await expect(gpu.run(many(...(inputs as [Tensor, ...Tensor[]])))).rejects.toThrow(
      'many: it binds 9 buffers of at most 8; give it fewer inputs',
    );
  });

  it('is caught by the cross-check where it is wrong', async () => {
    const wrong = scaled({
      wgsl: '@compute @workgroup_size(1) fn main() { out0[0] = in0[0]; out0[1] = 2; out0[2] = 3; }',
    });
    const report = await gpu.verify(wrong(x));
    expect(report.ok).toBe(false);
    expect(report.checks.find(({ op }) => op === 'scaled')!.worst.ratio).toBeGreaterThan(1);
  });
});

describe('WGSL that a user writes', () => {
  const doubled = (source: string, options: { accepts?: 'number' } = {}) =>
    defineOp({
      name: 'doubled',
      ...options,
      kernel: pointwise('f', source),
      reference: (value: number) => 2 * value,
      bound: { ulp: 1 },
    });

  it.each([
    [
      'a struct whose members have attributes and names of constants',
      'const K = 2.0; struct S { @align(16) K: f32, @size(16) f: f32 } fn f(x: f32) -> f32 { var s: S; s.K = K; s.f = x; return s.f * s.K; }',
    ],
    [
      'words of attributes that are names of its own too',
      'const off = 2.0; @diagnostic(off, derivative_uniformity) fn f(x: f32) -> f32 { return off * x; }',
    ],
    [
      'comments that end as WGSL ends them',
      '// two\rconst K = 2.0;\n// more\u2028fn f(x: f32) -> f32 { return K * x; }',
    ],
    [
      'an assertion that holds',
      'const K = 2.0; const_assert K < 3.0; fn f(x: f32) -> f32 { return K * x; }',
    ],
  ])('may hold %s', async (_, source) => {
    const y = doubled(source)(x);
    // in a kernel of its own, and joined with others
    const report = await gpu.verify([y, sum(y), sum(mul(doubled(`${source} `)(x), 3))]);
    expect(report.checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    expect([...(await gpu.run(y)).data]).toEqual([1, -2.5, 4]);
  });

  it('may name helpers as Nabla names functions of other types', async () => {
    const source =
      'fn f_i32(x: f32) -> f32 { return x + x; } fn i32_f(x: f32) -> f32 { return f_i32(x); } fn f(x: f32) -> f32 { return i32_f(x); }';
    const twiceOf = doubled(source, { accepts: 'number' });
    const whole = tensor([1, 2, 3], [3], { dtype: 'i32' });
    const { data } = await gpu.run(mul(twiceOf(x), cast(twiceOf(whole), 'f32')));
    expect([...data]).toEqual([2, -10, 24]);
  });

  it.each([
    [
      'of a pointwise op',
      () => doubled('const_assert 1 > 2; fn f(x: f32) -> f32 { return x + x; }')(x),
    ],
    [
      'of a written kernel',
      () =>
        scaled({
          wgsl: 'const_assert N < 2u; @compute @workgroup_size(1) fn main() { out0[0] = in0[0]; }',
        })(x),
    ],
  ])('is refused where an assertion does not hold: %s', async (_, make) => {
    await expect(gpu.run(make())).rejects.toThrow(/const assertion failed/);
  });

  it('names the kernel that an error is in', async () => {
    const wrong = scaled({ wgsl: '@compute @workgroup_size(1) fn main() { out0[0] = in1[0]; }' });
    await expect(gpu.run(wrong(x))).rejects.toThrow(
      /unresolved value 'in1'[\s\S]*of the kernel scaled\)/,
    );
  });
});
