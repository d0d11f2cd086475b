// Ops of several outputs through graph, derivatives, float64 evaluation, explanations and structure keys.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { hessian, jacobian } from '../../src/autodiff/jacobian.js';
import { grad } from '../../src/autodiff/reverse.js';
import { explain, toMermaid } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { defineOp } from '../../src/graph/define.js';
import { programNodes } from '../../src/graph/program.js';
import { structureOf } from '../../src/graph/structure.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, cos, mul, neg, sin, square } from '../../src/ops/arithmetic.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { sum } from '../../src/ops/reduce.js';
import { openCpuEngine } from '../support/engine.js';
import { polar, turned, twice } from '../support/several.js';

/** A number that f32 has. */
const point = 0.3125;
const x = tensor([0.5, -1.25, 2]);
const run = async (...tensors: Tensor[]) =>
  (await openCpuEngine().run(tensors)).map(({ data }) => [...data]);

describe('an op of several outputs', () => {
  it('returns a tensor for each, of its own shape and dtype', () => {
    const [s, c, most] = polar(x);
    expect([s.shape, c.shape, most.shape]).toEqual([[3], [3], []]);
    expect([s.dtype, c.dtype, most.dtype]).toEqual(['f32', 'f32', 'i32']);
    expect(`${c}`).toMatch(/^Tensor #\d+ polar\[1\] \[3\] f32$/);
    expect(JSON.parse(JSON.stringify(c))).toMatchObject({ op: 'polar[1]', shape: [3] });
  });

  it('is evaluated once for all of them', async () => {
    const before = polar.seen.calls;
    const [s, c] = polar(x);
    const [ss, cc] = await run(s, c);
    expect(ss![0]).toBeCloseTo(Math.sin(0.5), 12);
    expect(cc![2]).toBeCloseTo(Math.cos(2), 12);
    expect(polar.seen.calls).toBe(before + 1);
  });

  it.each([
    ['its first output', ([s]: Tensor[]) => sum(square(s!))],
    ['its second', ([, c]: Tensor[]) => sum(mul(c!, [3, 4, 5].length))],
    ['two of them', ([s, c]: Tensor[]) => sum(mul(s!, c!))],
    ['one of them twice', ([s, c]: Tensor[]) => sum(add(mul(s!, s!), mul(s!, c!)))],
    [
      'outputs of outputs',
      ([s]: Tensor[]) => sum(mul(...(polar(s!).slice(0, 2) as [Tensor, Tensor]))),
    ],
  ])('has the derivatives of %s', async (_, of) => {
    const y = of([...polar(x)]);
    const plain = of([sin(x), cos(x)]);
    expect((await gradCheck(y, x)).ok).toBe(true);
    const v = tensor([1, -2, 0.5]);
    const [g, gp, h, hp, t, tp] = await run(
      grad(y, x),
      grad(plain, x),
      hessian(y, x),
      hessian(plain, x),
      jvp(y, x, v),
      jvp(plain, x, v),
    );
    const pairs = [
      [g, gp],
      [h, hp],
      [t, tp],
    ];
    for (const [own, other] of pairs)
      for (const [i, value] of own!.entries()) expect(value).toBeCloseTo(other![i]!, 10);
  });

  it('hands its rule no cotangent for an output that nothing depends on', () => {
    const [s] = polar(x);
    grad(sum(s), x);
    expect(polar.seen.cotangents).toEqual([true, false, false]);
  });

  it('is differentiated through its definition where it has no rule', async () => {
    const [a, b] = twice(x, tensor([2, 3, 4]));
    const y = sum(mul(a, b));
    expect((await gradCheck(y, x)).ok).toBe(true);
    const [first, second] = await run(grad(y, x), hessian(y, x));
    expect(first!).toHaveLength(3);
    expect(second!).toHaveLength(9);
    expect((await gradCheck(sum(grad(y, x)), x)).ok).toBe(true);
  });

  it('counts what its inputs share once', async () => {
    // both inputs are x: the derivative by one must not run through the other
    const [a, b] = twice(x, square(x));
    expect((await gradCheck(sum(mul(a, b)), x)).ok).toBe(true);
  });

  it('has a Jacobian in both modes', async () => {
    const wide = input([2]);
    const [s, c] = polar(wide);
    const y = add(s, c);
    const [rows] = await openCpuEngine().run([jacobian(y, wide)], new Map([[wide, [1, 2]]]));
    expect(rows!.data[0]).toBeCloseTo(Math.cos(1) - Math.sin(1), 12);
    expect(rows!.data[1]).toBeCloseTo(0, 12);
    const scalar = tensor(point);
    const spread = add(...(polar(mul(scalar, tensor([1, 2, 3]))).slice(0, 2) as [Tensor, Tensor]));
    const [column] = await run(jacobian(spread, scalar));
    expect(column![1]).toBeCloseTo(2 * (Math.cos(2 * point) - Math.sin(2 * point)), 12);
  });

  it('is one node in structure keys: equal for equal graphs, different for other outputs', () => {
    const key = (of: (outputs: readonly Tensor[]) => Tensor, z: Tensor): string => {
      const outputs = [of(polar(z))];
      return structureOf(programNodes({ outputs, updates: [] }), outputs);
    };
    const [a, b] = [input([3]), input([3])];
    expect(key(([s]) => s!, a)).toBe(key(([s]) => s!, b));
    expect(key(([s]) => s!, a)).not.toBe(key(([, c]) => c!, a));
  });

  it('says what is wrong with a rule that forgets an input', () => {
    const [a] = turned(x);
    expect(() => grad(sum(a), x)).toThrow(
      'turned: its vjp returned 0 cotangents for 1 inputs; return one for each',
    );
  });

  it('takes tensors and numbers, and refuses what is neither', () => {
    expect(polar(2)[0].shape).toEqual([]);
    expect(() => polar('2' as never)).toThrow('polar: 2 is not a tensor');
  });
});

describe('explain', () => {
  it('shows outputs as nodes, with what each sends back', async () => {
    const [s, c] = polar(x);
    const y = sum(mul(s, c));
    const { nodes } = await explain(openCpuEngine(), y, x);
    expect(nodes.map(({ op }) => op)).toEqual(['constant', 'polar[0]', 'polar[1]', 'mul', 'sum']);
    const [leaf, first, second] = nodes;
    expect(first!.inputs).toEqual([leaf!.id]);
    expect(leaf!.incoming.map(({ from }) => from)).toEqual([second!.id, first!.id]);
    const total = leaf!.incoming.reduce((at, { value }) => at + value.data[0]!, 0);
    expect(leaf!.gradient!.data[0]).toBeCloseTo(total, 12);
    expect(leaf!.gradient!.data[0]).toBeCloseTo(Math.cos(1), 12);
    expect(first!.local[0]!.data[0]).toBeCloseTo(Math.cos(0.5), 12);
  });

  it('shows them in forward mode too', async () => {
    const scalar = tensor(point);
    const [s, c] = polar(mul(scalar, tensor([1, 2, 3])));
    const { mode, nodes } = await explain(openCpuEngine(), add(s, c), scalar);
    expect(mode).toBe('forward');
    const first = nodes.find(({ op }) => op === 'polar[0]')!;
    expect(first.gradient!.data[2]).toBeCloseTo(3 * Math.cos(3 * point), 12);
    expect(first.incoming[0]!.value.data[2]).toBeCloseTo(3 * Math.cos(3 * point), 12);
  });

  it('draws no node without a value', () => {
    const [s, c] = polar(x);
    const text = toMermaid(mul(s, c));
    expect(text).toContain('polar[0]');
    expect(text.match(/-->/g)).toHaveLength(4);
  });
});

describe('defineOp', () => {
  it('types the outputs', () => {
    const pair = defineOp({
      name: 'pair',
      outputs: ([z]) => [
        { shape: z!.shape, dtype: 'f32' },
        { shape: [], dtype: 'f32' },
      ],
      kernel: { kind: 'composed', compose: ([z]) => [neg(z!), sum(z!)] },
    });
    const [minus, total] = pair(x);
    // @ts-expect-error: there are two
    const [, , none] = pair(x);
    expect([minus.shape, total.shape, none]).toEqual([[3], [], undefined]);
    expect(jvp(total, x, x).shape).toEqual([]);
  });
});

describe('a derivative by an output', () => {
  it('is that of the node that the caller has, also through other outputs', async () => {
    const [s, c] = polar(x);
    const g = grad(sum(square(s)), x); // 2 s c
    const [byC, tangent] = await run(grad(sum(g), c), jvp(g, c, tensor([1, 1, 1])));
    const [sine] = await run(s);
    for (const [i, value] of sine!.entries()) {
      expect(byC![i]).toBeCloseTo(2 * value, 10);
      expect(tangent![i]).toBeCloseTo(2 * value, 10);
    }
    expect(toMermaid(grad(sum(mul(s, c)), x)).match(/polar\[1\]/g)).toHaveLength(1);
  });

  it('agrees with finite differences', async () => {
    const [s, c] = polar(x);
    expect((await gradCheck(sum(mul(s, c)), [c, s])).ok).toBe(true);
  });
});

describe('what is wrong with a record', () => {
  const kernel = { kind: 'written', wgsl: '', workgroups: () => [1, 1, 1] as const } as const;
  const record = { name: 'wrong', kernel, reference: () => [] };
  it.each([
    [
      { ...record, outputs: () => undefined },
      /wrong: its outputs are undefined; give \{ shape, dtype \}/,
    ],
    [{ ...record, outputs: () => [undefined] }, /wrong: its outputs are \[null\]; give/],
    [{ ...record, outputs: () => [] }, /wrong: its outputs are \[\]; give/],
    [
      { ...record, kernel: { kind: 'writen' } },
      /defineOp: the kernel of wrong is of kind 'writen'; use pointwise,/,
    ],
    [
      { ...record, kernel: { kind: 'written', workgroups: kernel.workgroups } },
      /kernel of wrong: wgsl is missing; pass an object of kind, wgsl, workgroups/,
    ],
    [
      { ...record, kernel: { kind: 'written', wgsl: '' } },
      /kernel of wrong: workgroups is missing; pass/,
    ],
    [
      { ...record, shape: () => [3] },
      /wrong: its reference returned 0 elements for \[3\]; return 3/,
    ],
    [
      { ...record, outputs: () => [{ shape: [3], dtype: 'f32' }] },
      /wrong: its reference returned no list of 1 values/,
    ],
    [
      { ...record, outputs: () => [{ shape: [3], dtype: 'f32' }], reference: () => [undefined] },
      /wrong: its reference returned no elements for \[3\]; return 3/,
    ],
  ])('is said: %#', async (wrong, message) => {
    const made = async () => {
      const y: unknown = defineOp(wrong as never)(x);
      await openCpuEngine().run([y].flat() as Tensor[]);
    };
    await expect(made()).rejects.toThrow(message);
  });

  it('is said of bytes that a written kernel would read as words', () => {
    const take = defineOp({
      ...record,
      accepts: 'any',
      shape: () => [4],
      reference: () => [] as never,
    });
    expect(() => take(tensor([1, 2, 3, 4], { dtype: 'u8' }))).toThrow('wrong: u8 is storage only');
  });
});
