import { describe, expect, it } from 'vitest';
import { explain, toMermaid } from '../../src/check/explain.js';
import { DTypeError, FeedError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { relu, sigmoid } from '../../src/ops/activation.js';
import { add, mul, square } from '../../src/ops/arithmetic.js';
import { gather } from '../../src/ops/indexing.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';

const engine = new Engine(new CpuBackend());
const numbers = (value: { data: ArrayLike<number> } | undefined) => value && Array.from(value.data);

describe('explain', () => {
  it('lists every node with value, local gradients, contributions and their sum', async () => {
    const w = parameter(
      [
        [1, 2],
        [3, 4],
      ],
      { name: 'w' },
    );
    const x = input([2], { name: 'x' });
    const z = matmul(w, x);
    const y = sum(square(relu(z)));
    const { mode, nodes } = await explain(engine, y, w, { x: [1, -1] });
    expect(mode).toBe('reverse');
    expect(nodes.map(({ id }) => id)).toEqual(topological([y]).map(({ id }) => id));
    const weights = nodes.find(({ name }) => name === 'w')!;
    expect(numbers(weights.gradient)).toEqual([0, 0, 0, 0]);
    const again = await explain(engine, y, [w, x], { x: [1, 1] });
    const at = (op: string) => again.nodes.find((node) => node.op === op)!;
    expect(numbers(at('square').local[0])).toEqual([6, 14]);
    expect(numbers(at('relu').local[0])).toEqual([1, 1]);
    expect(at('matmul').local[0]!.shape).toEqual([2, 1, 2, 2]);
    expect(numbers(at('matmul').local[0])).toEqual([1, 1, 0, 0, 0, 0, 1, 1]);
    expect(numbers(at('sum').gradient)).toEqual([1]);
    expect(numbers(again.nodes.find(({ name }) => name === 'x')!.gradient)).toEqual([
      6 + 42,
      12 + 56,
    ]);
  });

  it('gives each contribution of a value that one op takes twice', async () => {
    const x = tensor(3);
    const y = mul(x, x);
    const [node] = (await explain(engine, y, x)).nodes;
    expect(node!.incoming.map(({ from, value }) => [from, value.data[0]])).toEqual([
      [y.id, 3],
      [y.id, 3],
    ]);
    expect(numbers(node!.gradient)).toEqual([6]);
  });

  it('leaves out what has no derivative or was not asked for', async () => {
    const [table, at, scale] = [tensor([1, 2, 3]), tensor(new Int32Array([2])), tensor(5)];
    const { nodes } = await explain(engine, sum(mul(gather(table, at), scale)), table);
    const find = (node: Tensor) => nodes.find(({ id }) => id === node.id)!;
    expect([find(at).gradient, find(scale).gradient]).toEqual([undefined, undefined]);
    const product = nodes.find(({ op }) => op === 'mul')!;
    expect(product.local.map(numbers)).toEqual([[5], undefined]);
  });

  it('gives rows of the Jacobian for a vector y, and columns in forward mode', async () => {
    const x = tensor([1, 2]);
    const rows = await explain(engine, square(x), x);
    expect([rows.mode, numbers(rows.nodes[0]!.gradient)]).toEqual(['reverse', [2, 0, 0, 4]]);
    const t = tensor(2);
    const columns = await explain(engine, add(mul(t, x), square(t)), t);
    expect([columns.mode, numbers(columns.nodes.at(-1)!.gradient)]).toEqual(['forward', [5, 6]]);
    expect(columns.nodes.at(-1)!.incoming.map(({ value }) => numbers(value))).toEqual([
      [1, 2],
      [4, 4],
    ]);
  });

  it('evaluates each node once, and only what is needed', async () => {
    const own = new Engine(new CpuBackend());
    const [w, b] = [tensor(0.5), tensor(-1)];
    const y = sigmoid(add(mul(w, 3), b));
    const { nodes } = await explain(own, y, w);
    const { nodesEvaluated } = own.stats();
    // 6 values; the cotangents of 4 nodes below y; at most 3 nodes for each local gradient
    expect(nodes).toHaveLength(6);
    expect(nodesEvaluated).toBeLessThanOrEqual(6 + 4 + 3 * 3);
  });

  it('refuses integers and missing feeds', async () => {
    const x = input([1], { name: 'x' });
    await expect(explain(engine, sum(x), x)).rejects.toThrow(FeedError);
    await expect(explain(engine, sum(x), tensor(new Int32Array(1)))).rejects.toThrow(DTypeError);
  });
});

describe('toMermaid', () => {
  it('draws nodes with their shapes, and an edge for each input', () => {
    const x = input([2], { name: 'my "x"' });
    const y = sum(mul(x, 3));
    const [first, three, product] = topological([y]);
    expect(toMermaid(y).split('\n')).toEqual([
      'flowchart BT',
      `  n${first!.id}(["my #quot;x#quot; [2]"])`,
      `  n${three!.id}(["3"])`,
      `  n${product!.id}["mul [2]"]`,
      `  n${y.id}["sum"]`,
      `  n${first!.id} --> n${product!.id}`,
      `  n${three!.id} --> n${product!.id}`,
      `  n${product!.id} --> n${y.id}`,
    ]);
  });
});
