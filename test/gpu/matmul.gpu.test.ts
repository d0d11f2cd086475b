// Products over many tiles and workgroups, whole and ragged, in every orientation, with epilogues.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { relu } from '../../src/ops/activation.js';
import { add } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { openCpuEngine, openGpuEngine } from '../support/engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openGpuEngine();
});
afterAll(() => engine.dispose());

const sizes = [
  [130, 129, 70],
  [128, 256, 64],
  [257, 3, 33],
  [1, 300, 17],
  [300, 1, 5],
  [68, 132, 1],
] as const;
const orientations = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
);

describe.each(sizes)('[%i, ·] × [·, %i] over %i', (m, n, k) => {
  it.for(orientations)('%o', async ({ transposeA, transposeB }) => {
    const a = random.normal(transposeA ? [k, m] : [m, k], { seed: 1 });
    const b = random.normal(transposeB ? [n, k] : [k, n], { seed: 2 });
    const bias = random.normal([n], { seed: 3 });
    const report = await engine.verify(relu(add(matmul(a, b, { transposeA, transposeB }), bias)));
    expect(report.checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    expect(report.checks.at(-1)!.checked).toBe(m * n);
  });
});

it('one dispatch serves a batch of products', async () => {
  const [a, b] = [
    random.normal([5, 1, 33, 20], { seed: 4 }),
    random.normal([3, 20, 41], { seed: 5 }),
  ];
  const report = await engine.verify(matmul(a, b));
  expect(report.checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
  expect(report.checks.at(-1)!.total).toBe(5 * 3 * 33 * 41);
});

it('a weight gradient over a large batch is summed in parts', async () => {
  const wave = (size: number) =>
    tensor(
      Float32Array.from({ length: 2080 * size }, (_, i) => Math.sin(i)),
      [2080, size],
    );
  const [a, b] = [wave(12), wave(20)];
  const product = matmul(a, b, { transposeA: true });
  const report = await engine.verify(product);
  expect(report.checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
  expect(report.checks.at(-1)!.op).toBe('sum');
  const cpu = openCpuEngine();
  const [parts, whole] = [(await engine.run(product)).data, (await cpu.run(product)).data];
  expect(Math.max(...whole.map((value, i) => Math.abs(value - parts[i]!)))).toBeLessThan(1e-3);
});
