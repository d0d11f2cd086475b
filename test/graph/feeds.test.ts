// Which names may be fed is decided by the graph, or the step, and by nothing else in the process.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { watch } from '../../src/check/anomaly.js';
import { explain } from '../../src/check/explain.js';
import { gradCheck } from '../../src/check/gradCheck.js';
import { FeedError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import type { Program } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, log, mul, square } from '../../src/ops/arithmetic.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { forAllAsync } from '../support/property.js';

const engine = new Engine(new CpuBackend());
const total = (nodes: readonly Tensor[]): Tensor =>
  nodes.reduce((sum, node) => add(sum, node), tensor(0) as Tensor);

/** Names that objects have of themselves are names like others. */
const names = fc.constantFrom(
  'x',
  'y',
  'an input',
  '',
  'toString',
  'constructor',
  '__proto__',
  'a b',
  'input f32[];p1',
);
const fedBy = (all: readonly string[], value = 1): Record<string, number> =>
  Object.fromEntries(all.map((name) => [name, value]));

describe('run', () => {
  it('accepts the names of its graph alone, whatever inputs there are elsewhere', () =>
    forAllAsync(fc.tuple(fc.uniqueArray(names), names), 200, async ([own, other]) => {
      const elsewhere = input([], { name: other });
      const y = total(own.map((name) => input([], { name })));
      expect((await engine.run(y, fedBy(own, 2))).data[0]).toBe(2 * own.length);
      if (own.includes(other)) return;
      const wrong = engine.run(y, fedBy([...own, other]));
      await expect(wrong).rejects.toThrow(FeedError);
      const known = own.join(', ') || 'none';
      await expect(wrong).rejects.toThrow(
        `run: there is no input ${other} in this graph; it has ${known}; correct`,
      );
      expect((await engine.run(square(elsewhere), fedBy([other], 3))).data[0]).toBe(9);
    }));

  it('asks for each of them', () =>
    forAllAsync(fc.uniqueArray(names, { minLength: 1 }), 50, async (own) => {
      const y = total(own.map((name) => input([], { name })));
      await expect(engine.run(y, fedBy(own.slice(1)))).rejects.toThrow(
        `run: ${own[0]} f32 [] is missing`,
      );
    }));

  it('as in the given case', async () => {
    const x = input([1], { name: 'x' });
    for (const prepare of [() => {}, () => input([1], { name: 'y' })]) {
      prepare();
      await expect(engine.run({ y: square(x) }, { x: [1], y: [1] })).rejects.toThrow(
        /there is no input y .* it has x;/,
      );
    }
  });

  it('tells inputs of one name apart by node', async () => {
    const [a, b] = [input([], { name: 'x' }), input([], { name: 'x' })];
    const y = add(a, mul(2, b));
    await expect(engine.run(y, { x: 1 })).rejects.toThrow(
      /run: two inputs of this graph are named x; rename one, or feed/,
    );
    expect(
      (
        await engine.run(
          y,
          new Map([
            [a, 1],
            [b, 2],
          ]),
        )
      ).data[0],
    ).toBe(5);
  });

  it('feeds inputs without a name by node alone', async () => {
    const x = input([]);
    for (const feeds of [{}, { 'an input': 1 }])
      await expect(engine.run(x, feeds)).rejects.toThrow(FeedError);
    await expect(engine.run(x, { y: 1 })).rejects.toThrow(/it has 1 without a name/);
    await expect(engine.run(x)).rejects.toThrow(
      /an input f32 \[\] is missing; name it, or pass a Map by node/,
    );
    expect((await engine.run(x, new Map([[x, 1]]))).data[0]).toBe(1);
    await expect(engine.run(x, null as never)).rejects.toThrow(/run: feeds are null/);
  });

  it('takes one plan for graphs that differ in names, and mixes up none of their values', async () => {
    let compiled = 0;
    const counting = new CpuBackend();
    const compile = counting.compile.bind(counting);
    counting.compile = (program: Program) => {
      compiled++;
      return compile(program);
    };
    const own = new Engine(counting);
    for (const [first, second] of [
      ['a', 'b'],
      ['b', 'a'],
      ['c', undefined],
    ] as const) {
      const x = input([], { name: first });
      const y = input([], second === undefined ? {} : { name: second });
      const feeds = new Map([
        [y, 10],
        [x, 1],
      ]);
      expect((await own.run(add(mul(2, x), y), feeds)).data[0]).toBe(12);
    }
    expect(compiled).toBe(1);
  });

  it('names the inputs of the graph that was run when it looks for infinities', async () => {
    const own = new Engine(new CpuBackend(), { anomaly: watch });
    for (const name of ['first', 'second'])
      await expect(own.run(log(input([], { name })), { [name]: -1 })).rejects.toThrow(
        `from finite ${name} []`,
      );
  });
});

describe('a step', () => {
  const [x, z] = [input([], { name: 'own' }), input([], { name: 'x' })];
  const step = engine.compile({ inputs: { x, z }, outputs: { y: add(x, mul(2, z)) } });
  it('accepts the names that it declares, not those that its inputs have', async () => {
    expect((await step({ x: 1, z: 10 })).y.data[0]).toBe(21);
    await expect(step({ x: 1, z: 1, own: 1 })).rejects.toThrow(
      'feeds: own is no input of this step; it has x, z',
    );
    await expect(step({ x: 1, toString: 1 } as never)).rejects.toThrow(/toString is no input/);
    await expect(step({ x: 1 })).rejects.toThrow('feeds: z f32 [] is missing; pass a value for it');
  });
  it('has one name for each input', () => {
    expect(() => engine.compile({ inputs: { x, again: x }, outputs: { x } })).toThrow(
      'compile: inputs.again is the same input as inputs.x; give it one name',
    );
  });
});

describe('checks that run more than y', () => {
  const x = input([2], { name: 'x' });
  const unused = input([], { name: 'unused' });
  const feeds = { x: [1, 2], unused: 1 };
  it('accept the names of y and of what it is differentiated by', async () => {
    const y = mul(3, x); // its derivative needs no x
    for (const given of [{}, { engine }]) {
      expect((await gradCheck(y, [x, unused], { ...given, feeds })).ok).toBe(true);
      await expect(gradCheck(y, x, { ...given, feeds: { ...feeds, z: 1 } })).rejects.toThrow(
        /no input unused in this/,
      );
    }
    expect((await explain(engine, y, [x, unused], feeds)).nodes.at(-1)!.value.data).toEqual(
      Float64Array.of(3, 6),
    );
    await expect(explain(engine, y, x, feeds)).rejects.toThrow(
      /explain: there is no input unused in this graph; it has x/,
    );
  });
});
