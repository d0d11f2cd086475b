// The comparator sees wrong kernels: every WGSL function in turn gives wrong values, and values at infinity do.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { add, div, exp, pow } from '../../src/ops/arithmetic.js';
import { tensor } from '../../src/ops/leaf.js';
import { softmax } from '../../src/ops/softmax.js';
import { combine } from '../support/combine.js';
import { forcedClass, openBackend, openGpuEngine } from '../support/engine.js';
import { table } from '../support/ops.js';
import { seed } from '../support/property.js';

const sources = import.meta.glob<string>('../../shaders/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const functions = Object.values(sources).flatMap((source) =>
  [...source.matchAll(/^fn (\w+)\([^)]*\) -> (f32|u32|bool)/gm)].map(([, name, type]) => ({
    name: name!,
    type: type!,
  })),
);
/** Anomaly mode and the tuner have tests of their own. */
const elsewhere = ['not_finite', 'mixed'];
const checked = functions.filter(({ name }) => !elsewhere.includes(name));
/** What sums in one invocation take, those of software adapters. */
const ofSerialSums = ['as_rounded', 'left_out', 'with_rest', 'whole'];

/** A kernel whose function `name` returns something else. */
function spoil(wgsl: string, name: string, type: string): string {
  const start = wgsl.indexOf(`fn ${name}(`);
  if (start < 0) return wgsl;
  const rest = wgsl.slice(start);
  const end = rest.indexOf('\nfn ') < 0 ? rest.length : rest.indexOf('\nfn ');
  // whole numbers are wrong in their upper bits too: lower ones may be lost in rounding
  const wrong = {
    f32: 'return ($1) * 1.125 + 0.0625;',
    u32: 'return ($1) + 0x01010101u;',
    bool: 'return !($1);',
  }[type]!;
  const body = rest.slice(0, end).replace(/return ([^;]+);(?![\s\S]*return )/, wrong);
  return wgsl.slice(0, start) + body + rest.slice(end);
}

async function verifyWith(
  rewrite: (wgsl: string) => string,
  tree: readonly Tensor[],
  feeds = new Map(),
) {
  const engine = new Engine(await openBackend({ rewrite }));
  try {
    return await engine.verify(tree, feeds);
  } finally {
    engine.dispose();
  }
}

describe('a wrong function is found', () => {
  /** Calls of every op, and the WGSL of their kernels. */
  let graphs: { graph: ReturnType<typeof combine>; text: string }[];
  beforeAll(async () => {
    const engine = await openGpuEngine();
    graphs = table.flatMap(({ samples, differentiable }) =>
      fc.sample(samples(40), { seed, numRuns: 4 }).map((each) => {
        const graph = combine([each], differentiable);
        const inputs = Object.fromEntries(
          [...graph.feeds.keys()].map((node, i) => [`x${i}`, node]),
        );
        const { plan } = engine.compile({ inputs, outputs: graph.tree });
        return { graph, text: plan.dispatches.map(({ wgsl }) => wgsl).join('\n') };
      }),
    );
    engine.dispose();
  });

  it.for(checked)('$name', async ({ name, type }) => {
    const callers = graphs.filter(({ text }) => text.includes(`fn ${name}(`));
    if ((await forcedClass()) === 'gpu' && ofSerialSums.includes(name))
      return expect(callers).toEqual([]);
    expect(callers.length).toBeGreaterThan(0);
    for (const { graph } of callers) {
      const report = await verifyWith((wgsl) => spoil(wgsl, name, type), graph.tree, graph.feeds);
      if (!report.ok) return;
    }
    expect.fail(`${callers.length} calls of ${name} pass although it is wrong`);
  });
});

const inf = Number.POSITIVE_INFINITY;
/** `wrong` replaces `right` in the WGSL. */
const special: [string, right: string, wrong: string, () => Tensor][] = [
  [
    'e^−∞',
    'select(exp(a), a,',
    'select(exp(a) + select(0.0, 5.0, a < -1e30), a,',
    () => exp(tensor([-inf, 1])),
  ],
  [
    '1 / 0',
    'select(a / b, special,',
    'select(a / b, 7.0,',
    () => div(tensor([1, 1]), tensor([0, 2])),
  ],
  ['0⁻¹', 'limit, is_limit', '3.0, is_limit', () => pow(tensor([0, 2]), tensor([-1, 2]))],
  [
    '∞ + 1',
    'return a + b;',
    'return min(a + b, 3e38);',
    () => add(tensor([inf, 1]), tensor([1, 1])),
  ],
  [
    'a masked softmax',
    'return exponential(z - peak) / total;',
    'return select(exponential(z - peak) / total, 0.5, z < -1e30);',
    () => softmax(tensor([[1, 2, -inf]])),
  ],
];

describe('is found at infinity', () => {
  it.for(special)('%s', async ([, right, wrong, build]) => {
    const good = await verifyWith((wgsl) => wgsl, [build()]);
    expect([good.ok, ...good.checks.map(({ checked, total }) => total - checked)]).toEqual([
      true,
      0,
    ]);
    let planted = false;
    const bad = await verifyWith(
      (wgsl) => {
        planted ||= wgsl.includes(right);
        return wgsl.replace(right, wrong);
      },
      [build()],
    );
    expect([planted, bad.ok]).toEqual([true, false]);
  });
});
