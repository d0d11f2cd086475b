// Both forms of the arrays that kernels bind give the same bits, in every class of adapters.
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { Engine } from '../../src/engine/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import { defineOp } from '../../src/graph/define.js';
import type { NodeFeeds } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { cumSum } from '../../src/ops/cumSum.js';
import { gather } from '../../src/ops/indexing.js';
import { layerNorm } from '../../src/ops/layerNorm.js';
import { tensor } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { mean, sum } from '../../src/ops/reduce.js';
import { softmax } from '../../src/ops/softmax.js';
import { type AdapterClass, type Arrays, choices } from '../../src/planning/limits.js';
import { openAdapter } from '../support/adapter.js';
import { randomGraph } from '../support/graphs.js';
import { seed } from '../support/property.js';

/** Runs a tree on kernels for a class, whose arrays have a form, and checks it against float64. */
async function runWith(
  adapterClass: AdapterClass,
  arrays: Arrays,
  tree: Tensor[],
  feeds?: NodeFeeds,
) {
  const backend = await GpuBackend.open(await openAdapter(), { adapterClass });
  backend.context.arraysOf = () => arrays;
  const engine = new Engine(backend);
  try {
    const { checks } = await engine.verify(tree, feeds);
    expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    const { plan } = engine.compile({ inputs: {}, outputs: feeds ? [] : tree });
    const values = await engine.run(tree, feeds);
    return { values, texts: plan.dispatches.map(({ wgsl }) => wgsl) };
  } finally {
    engine.dispose();
  }
}

const draw = (shape: number[], from: number): Tensor => random.normal(shape, { seed: from });
const rows = draw([37, 100], 1);
const gain = draw([100], 2);
const y = softmax(layerNorm(rows, gain, draw([100], 3), 1e-5));
const family: Tensor[] = [
  matmul(draw([133, 131], 4), draw([131, 65], 5)),
  matmul(draw([164, 164], 6), draw([164, 164], 7), { transposeB: true }),
  sum(draw([9, 5, 11], 8), { axis: [0, 2] }),
  mean(draw([70_000], 9)),
  ...[y, grad(sum(y), gain)],
  cumSum(rows),
  gather(rows, tensor([36, 0, 7], [3], { dtype: 'i32' })),
];

const classes = Object.keys(choices) as AdapterClass[];

describe.each(classes)('kernels for %s', (adapterClass) => {
  it('have the same bits with arrays of either form', async () => {
    const fixed = await runWith(adapterClass, 'fixed', family);
    const sized = await runWith(adapterClass, 'sized', family);
    expect(sized.values).toEqual(fixed.values);
    expect(fixed.texts.filter((wgsl) => wgsl.includes('array<f32>;'))).toEqual([]);
    expect(sized.texts.filter((wgsl) => !/array<(f32|vec4<f32>)>;/.test(wgsl))).toEqual([]);
  });

  it(`have the same bits in random graphs (seed ${seed})`, async () => {
    const { y: output, leaves, feeds } = randomGraph(12, seed);
    const tree = [output, ...grad(output, leaves)];
    const fixed = await runWith(adapterClass, 'fixed', tree, feeds);
    expect((await runWith(adapterClass, 'sized', tree, feeds)).values).toEqual(fixed.values);
  });
});

/** 2x + x₂, by a function that takes the whole array, which has six numbers. */
const leaning = defineOp({
  name: 'leaning',
  shape: ([x]) => x!.shape,
  kernel: {
    kind: 'written',
    wgsl: `
      fn third(all: ptr<storage, array<f32, 6>, read>) -> f32 { return all[2]; }
      @compute @workgroup_size(1) fn main() {
        for (var i = 0; i < 6; i++) { out0[i] = 2.0 * in0[i] + third(&in0); }
      }`,
    workgroups: () => [1, 1, 1],
  },
  reference: ([x]) => Float64Array.from(x!.data, (value) => 2 * value + Number(x!.data[2])),
  bound: { ulp: 4 },
});

it('arrays that a written kernel takes as a whole keep their lengths', async () => {
  const { values, texts } = await runWith('gpu', 'sized', [leaning(tensor([1, 2, 3, 4, 5, 6]))]);
  expect([...values[0]!.data]).toEqual([5, 7, 9, 11, 13, 15]);
  expect(texts.join()).toContain('in0: array<f32, 6>;');
});
