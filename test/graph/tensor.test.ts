// What a tensor shows of itself, what it refuses, and that nothing of it changes.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NablaError } from '../../src/core/errors.js';
import { nameOf, Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { conv2d } from '../../src/ops/convolution.js';
import { eye, full, input, ones, parameter, tensor, zeros } from '../../src/ops/leaf.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { pad, slice } from '../../src/ops/slice.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import { table } from '../support/ops.js';
import { instantiate, seed } from '../support/property.js';

const samples = table.flatMap((entry) =>
  fc
    .sample(entry.samples(8), { numRuns: 2, seed })
    .map((sample) => [entry.name, instantiate(sample).y] as const),
);
const x = input([2, 3], { name: 'x' });
const y = add(x, 1);

describe('printed', () => {
  it('every op is one short line, alone and inside of what holds it', () => {
    for (const [, node] of samples) {
      const name = node.name === undefined ? '' : ` '${node.name}'`;
      const line = `Tensor #${node.id} ${nameOf(node)}${name} [${node.shape.join(', ')}] ${node.dtype}`;
      for (const text of [
        inspect(node),
        inspect(node, { depth: 9, showHidden: true }),
        `${node}`,
        String(node),
      ])
        expect(text).toBe(line);
      expect(inspect({ node })).toContain(line);
      expect(JSON.stringify(node).length).toBeLessThan(160);
    }
  });
  it('says the name', () => {
    expect(`${x}`).toBe(`Tensor #${x.id} input 'x' [2, 3] f32`);
    expect(JSON.parse(JSON.stringify({ x }))).toEqual({
      x: { id: x.id, op: 'input', name: 'x', shape: [2, 3], dtype: 'f32' },
    });
  });
  it('shows consoles of browsers little: what is enumerable', () => {
    expect(Object.keys(y)).toEqual(['id', 'shape', 'dtype', 'name']);
  });
});

describe('arithmetic', () => {
  const a = tensor([1, 2]) as never as number;
  const wrong: Record<string, () => unknown> = {
    'a + a': () => a + a,
    'text += a': () => ['y: ', a].reduce((text, each) => (text as string) + each),
    'a - 1': () => a - 1,
    '2 * a': () => 2 * a,
    'a / 2': () => a / 2,
    'a ** 2': () => a ** 2,
    'a % 2': () => a % 2,
    '-a': () => -a,
    '+a': () => +a,
    'a < 1': () => a < 1,
    'a >= 1': () => a >= 1,
    // biome would have it written as ===
    'a == 1': new Function('a', 'return a == 1').bind(undefined, a),
    'Math.max(a)': () => Math.max(a),
    'isNaN(a)': () => Number.isNaN(Math.abs(a)),
  };
  it.each(Object.entries(wrong))('%s throws and says what to use', (_, call) => {
    expect(call).toThrow(NablaError);
    expect(call).toThrow(
      /^tensor: Tensor #\d+ constant \[2\] f32 is no number .* use mul\(a, b\) for a \* b, add for \+/,
    );
  });
});

/** All that can be reached from a node without going to another node. */
function partsOf(value: unknown): object[] {
  if (
    typeof value !== 'object' ||
    value === null ||
    value instanceof Tensor ||
    ArrayBuffer.isView(value)
  )
    return [];
  return [value, ...Object.values(value).flatMap(partsOf)];
}

describe('nothing of a node can be changed', () => {
  it('shape, inputs and options of every op, at any depth', () => {
    for (const [name, root] of samples)
      for (const node of topological([root]))
        for (const part of [node, ...[node.shape, node.inputs, node.options].flatMap(partsOf)])
          expect(Object.isFrozen(part), `${name}: ${node}`).toBe(true);
  });
  it.each(['shape', 'inputs', 'op', 'options', 'dtype', 'id', 'name'])(
    '%s cannot be replaced',
    (key) => {
      expect(() => Object.assign(y, { [key]: [] })).toThrow(TypeError);
    },
  );
  it('and writing into a shape throws', () => {
    expect(() => (y.shape as number[]).push(1)).toThrow(TypeError);
    expect(() => (y.inputs as Tensor[]).pop()).toThrow(TypeError);
  });

  const image = ones([1, 1, 4, 4]);
  /** Functions that take arrays, each called with arrays that are changed afterwards. */
  const calls: Record<string, (list: number[], pairs: number[][]) => Tensor> = {
    input: (list) => input(list),
    zeros: (list) => zeros(list),
    full: (list) => full(list, 2),
    eye: (list) => eye(list),
    tensor: (list) => tensor(3, list),
    'tensor of data': (list) => tensor({ shape: list, dtype: 'f32', data: new Float32Array(4) }),
    'tensor of rows': (_, pairs) => tensor(pairs),
    parameter: (list) => parameter({ shape: list, dtype: 'f32', data: new Float32Array(4) }),
    'random.uniform': (list) => random.uniform(list, { seed: 1 }),
    reshape: (list) => reshape(ones([4]), list),
    broadcastTo: (list) => broadcastTo(ones([2, 1]), list),
    pad: (_, pairs) => pad(ones([2, 2]), pairs as never),
    slice: (list) => slice(ones([4, 4]), list, [3, 3]),
    transpose: (_, [axes]) => transpose(ones([2, 3]), axes!),
    sum: (_, [axes]) => sum(ones([2, 3]), { axis: axes! }),
    conv2d: (list) => conv2d(image, ones([1, 1, 2, 2]), { stride: list as never }),
    maxPool2d: (list) => maxPool2d(image, { size: list as never }),
  };
  const fresh = (): [number[], number[][]] => [
    [2, 2],
    [
      [1, 0],
      [0, 1],
    ],
  ];
  const described = (node: Tensor): string =>
    JSON.stringify(topological([node]).map(({ op, shape, options }) => [op.name, shape, options]));

  it.each(Object.entries(calls))('%s keeps no array of the caller, and freezes none', (_, call) => {
    for (const hold of [(list: object) => list, Object.freeze]) {
      const [list, pairs] = fresh();
      const node = call(hold(list) as number[], hold(pairs) as number[][]);
      const before = described(node);
      pairs[0]![0] = 7;
      if (!Object.isFrozen(list)) list[0] = 7;
      expect(described(node)).toBe(before);
    }
  });
});

it('a product of nodes is still what it was', () => expect(mul(x, y).inputs).toEqual([x, y]));
