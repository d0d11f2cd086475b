// Products as hardware gets them, whatever adapter runs them here: thin and fat, long, batched, ragged, in halves, with epilogues.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { relu } from '../../src/ops/activation.js';
import { add, mul } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { slice } from '../../src/ops/slice.js';
import { choices, type Tile } from '../../src/planning/limits.js';
import { chooseCut } from '../../src/planning/products.js';
import { openBackend } from '../support/engine.js';
import { forAllAsync, gpuGraphs } from '../support/property.js';

const open = async (tile?: Tile): Promise<Engine> => {
  const backend = await openBackend({ adapterClass: 'gpu' });
  if (tile) backend.context.tileOf = () => tile;
  return new Engine(backend);
};

let engine: Engine;
beforeAll(async () => {
  engine = await open();
});
afterAll(() => engine.dispose());

/** A product with what surrounds it. */
interface Case {
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Operands as they lie, or halves, or parts of others, or computed. */
  readonly a: 'whole' | 'halves' | 'part' | 'scaled';
  readonly b: 'whole' | 'halves' | 'shared';
  readonly isLayer: boolean;
}

function graphOf(each: Case) {
  const { batch, m, n, k, transposeA, transposeB } = each;
  const left = [...batch, ...(transposeA ? [k, m] : [m, k])];
  const right = [...(each.b === 'shared' ? [] : batch), ...(transposeB ? [n, k] : [k, n])];
  const b = random.normal(right, { seed: 2 });
  const half = each.b === 'halves' ? cast(cast(b, 'f16'), 'f32') : b;
  const product = matmul(operand(each.a, left), half, { transposeA, transposeB });
  return each.isLayer ? relu(add(product, random.normal([n], { seed: 3 }))) : product;
}

function operand(kind: Case['a'], shape: number[]) {
  switch (kind) {
    case 'whole':
      return random.normal(shape, { seed: 1 });
    case 'halves':
      return cast(cast(random.normal(shape, { seed: 1 }), 'f16'), 'f32');
    case 'part':
      return slice(
        random.normal(
          shape.map((size) => size + 1),
          { seed: 1 },
        ),
        shape.map(() => 1),
        shape.map((size) => size + 1),
      );
    case 'scaled':
      return mul(random.normal(shape, { seed: 1 }), 0.5);
    default:
      return kind satisfies never;
  }
}

/** Sizes that are small, of a few tiles, or whole numbers of vec4s. */
const size = (most: number) =>
  fc.oneof(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: most }),
    fc.integer({ min: 1, max: most / 4 }).map((quads) => 4 * quads),
  );
const cases: fc.Arbitrary<Case> = fc.record({
  batch: fc.oneof(
    fc.constant<number[]>([]),
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  ),
  ...{ m: size(88), n: size(88), k: size(152) },
  ...{ transposeA: fc.boolean(), transposeB: fc.boolean(), isLayer: fc.boolean() },
  a: fc.constantFrom('whole' as const, 'halves' as const, 'part' as const, 'scaled' as const),
  b: fc.constantFrom('whole' as const, 'halves' as const, 'shared' as const),
});
const plain: Case = {
  ...{ batch: [], m: 64, n: 64, k: 64, transposeA: false, transposeB: false },
  ...{ a: 'whole', b: 'whole', isLayer: true },
};

async function expectRight(graph: ReturnType<typeof graphOf>): Promise<void> {
  const { checks } = await engine.verify(graph);
  expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
  expect(checks.at(-1)?.total).toBe(graph.shape.reduce((a, b) => a * b, 1));
}

describe('a product on hardware is right', { timeout: 120_000 }, () => {
  it('of any shape, in any orientation, of whatever it reads', async () => {
    await forAllAsync(cases, 2 * gpuGraphs, (each) => expectRight(graphOf(each)));
  });

  it.each([
    ['of one column', { m: 301, n: 1, k: 1024 }],
    ['of one row', { m: 1, n: 300, k: 1027 }],
    ['of one row over a transposed matrix', { m: 1, n: 300, k: 1028, transposeB: true }],
    ['of one element', { m: 1, n: 1, k: 9000, transposeA: true }],
    ['of two rows', { m: 2, n: 136, k: 260 }],
    ['of three rows', { m: 3, n: 133, k: 260, transposeB: true }],
    ['of four rows with parts', { m: 4, n: 8, k: 9000, transposeB: true }],
    ['of ten columns', { m: 200, n: 10, k: 784, transposeB: true }],
    ['of few outputs over a long batch', { m: 12, n: 20, k: 9001, transposeA: true }],
    ['in parts, of a batch', { batch: [2], m: 9, n: 16, k: 8200 }],
    ['of large tiles', { batch: [5], m: 513, n: 516, k: 33 }],
    ['of middle tiles', { batch: [3], m: 257, n: 260, k: 70, transposeA: true }],
  ] as [string, Partial<Case>][])('%s', async (_, sizes) => {
    await expectRight(graphOf({ ...plain, ...sizes }));
  });

  it('of heads of attention', async () => {
    const [q, k, v] = [4, 5, 6].map((seed) => random.normal([2, 3, 40, 64], { seed }));
    if (!q || !k || !v) throw new Error('no heads');
    await expectRight(matmul(matmul(q, k, { transposeB: true }), v));
  });

  it('where zeros beyond the last step of k would meet infinities', async () => {
    const a = mul(random.normal([70, 70], { seed: 1 }), Number.POSITIVE_INFINITY);
    const [x, y] = await engine.run([matmul(a, random.normal([70, 70], { seed: 2 })), sum(a)]);
    const isNumber = Array.from(x?.data ?? []).some(Number.isFinite);
    expect([isNumber, y?.data.length]).toEqual([false, 1]);
  });
});

describe('tiles of a product on hardware', { timeout: 120_000 }, () => {
  // none, some and many slices, and parts; no tile divides these
  const products: Case[] = [
    { ...plain, batch: [40], m: 126, n: 124, k: 36 },
    { ...plain, batch: [7], m: 12, n: 5, k: 19 },
    { ...plain, m: 21, n: 18, k: 4100, transposeA: true },
  ];
  const graphs = products.map(graphOf);
  let usual: unknown;
  beforeAll(async () => {
    usual = await engine.run(graphs);
  }, 120_000);

  it('are for several numbers of slices, and for parts', () => {
    const cuts = products.map(({ batch: [batch = 1], ...each }) =>
      chooseCut('gpu', { ...each, batch, isAlongK: each.transposeB, loads: 1 }),
    );
    expect(cuts.map((cut) => cut?.slices)).toEqual([1, 8, 16]);
    expect(cuts.map((cut, i) => cut?.part === products[i]?.k)).toEqual([true, true, false]);
  });

  const others: Tile[] = [...choices.gpu.tiles, ['registers', 1, 2, 2, 8]];
  it.each(others.map((tile) => [JSON.stringify(tile), tile] as const))(
    '%s gives the bits of the usual ones',
    async (_, tile) => {
      await using other = await open(tile);
      expect(await other.run(graphs)).toEqual(usual);
    },
  );
});
