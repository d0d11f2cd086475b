// Every tile of every adapter class gives the bits of the others, and the tuner takes the fastest of those that do.
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { grad } from '../../src/autodiff/reverse.js';
import { Engine } from '../../src/engine/engine.js';
import type { GpuOptions } from '../../src/gpu/device.js';
import type { TileStore } from '../../src/graph/backend.js';
import { relu } from '../../src/ops/activation.js';
import { add, square } from '../../src/ops/arithmetic.js';
import { input, parameter } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import { sum } from '../../src/ops/reduce.js';
import { choices, type Tile, tuning } from '../../src/planning/limits.js';
import { openBackend } from '../support/engine.js';

async function withEngine<T>(
  options: GpuOptions,
  use: (engine: Engine) => Promise<T>,
  tile?: Tile,
): Promise<T> {
  const backend = await openBackend(options);
  if (tile) backend.context.tileOf = () => tile;
  const engine = new Engine(backend);
  try {
    return await use(engine);
  } finally {
    engine.dispose();
  }
}

/** relu(op(A) op(B) + bias), of a size that takes large tiles where none divides it. */
function layer(transposeA: boolean, transposeB: boolean, [m, n, k] = [164, 164, 164]) {
  const a = random.normal(transposeA ? [k!, m!] : [m!, k!], { seed: 1 });
  const b = random.normal(transposeB ? [n!, k!] : [k!, n!], { seed: 2 });
  return relu(add(matmul(a, b, { transposeA, transposeB }), random.normal([n!], { seed: 3 })));
}

const all = Object.values(choices).flatMap(({ tiles: few }) =>
  few.map((tile) => [JSON.stringify(tile), tile] as const),
);

const graphs = [layer(false, true), layer(true, false, [256, 132, 133]), layer(false, false)];

describe('a tile', () => {
  let usual: unknown;
  beforeAll(() =>
    withEngine({}, async (engine) => {
      usual = await engine.run(graphs);
      const { checks } = await engine.verify(graphs);
      expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    }),
  );

  it.each(all)('%s gives the bits of the committed one, which are right', async (_, tile) => {
    expect(await withEngine({}, (engine) => engine.run(graphs), tile)).toEqual(usual);
  });
});

/** A store in memory, of which nobody knows the key. */
function memory(text?: string) {
  const kept = {
    ...{ text, keys: new Set<string>(), saves: 0 },
    async load(key: string) {
      kept.keys.add(key);
      return kept.text;
    },
    async save(key: string, saved: string) {
      kept.keys.add(key);
      kept.text = saved;
      kept.saves++;
    },
    /** The answers about the one product of `layer`. */
    get answers(): Record<string, number> {
      return JSON.parse(kept.text ?? '{}');
    },
  };
  return kept satisfies TileStore;
}

describe('the tuner', () => {
  const product = 'NT 1 × 164 × 164 × 164';
  const [tile, arrays] = [`tile ${product}`, `arrays ${product}`];
  const usual = { [tile]: 0, [arrays]: 0 };
  const { budget } = tuning;
  beforeEach(() => {
    Object.assign(tuning, { budget: 600_000 }); // a busy machine compiles for seconds
  });
  afterEach(() => {
    Object.assign(tuning, { budget });
  });
  const tuned = (store: TileStore, options: GpuOptions = {}) =>
    withEngine({ tune: true, tiles: async () => store, ...options }, async (engine) => {
      const step = engine.compile({ outputs: layer(false, true) });
      await engine.warmUp(step);
      const { pipelines } = engine.stats();
      const output = await step();
      expect(engine.stats().pipelines).toBe(pipelines);
      return { output, pipelines, wgsl: step.plan.dispatches.at(-1)!.wgsl };
    });
  let plain: Awaited<ReturnType<typeof tuned>>;
  beforeAll(async () => {
    plain = await tuned(memory(), { tune: undefined });
  });

  it.each([undefined, 'gpu'] as const)(
    'remembers what it measured, and then measures nothing (class %s)',
    async (adapterClass) => {
      const store = memory();
      const first = await tuned(store, { adapterClass });
      expect(store.answers).toEqual({ [tile]: expect.any(Number), [arrays]: expect.any(Number) });
      const second = await tuned(store, { adapterClass });
      expect([second.wgsl, second.output]).toEqual([first.wgsl, first.output]);
      expect(store.saves).toBe(1); // each measurement ends with one
      expect(first.pipelines).toBeGreaterThan(second.pipelines);
      expect(store.keys.size).toBe(1);
      if (adapterClass)
        expect([...store.keys].join()).toContain(JSON.stringify(choices[adapterClass].tiles));
    },
  );

  it('is off on software adapters, and where it is switched off', async () => {
    const store = memory();
    await withEngine({ tiles: async () => store }, async () => {});
    await withEngine({ tune: false, tiles: async () => store }, async () => {});
    expect(store.keys.size).toBe(0);
  });

  it('takes what it is told, whatever that is worth, with the same bits', async () => {
    const texts = new Set([plain.wgsl]);
    for (const told of [{ [tile]: 3 }, { [tile]: 1 }, { [tile]: 2, [arrays]: 1 }]) {
      const other = await tuned(memory(JSON.stringify({ ...usual, ...told })));
      texts.add(other.wgsl);
      expect(other.output).toEqual(plain.output);
    }
    expect(texts.size).toBe(3); // one of them is the committed table's
  });

  it('rejects kernels with other bits', async () => {
    const head = 'let head = value[lane];';
    const rewrite = (wgsl: string): string =>
      wgsl === plain.wgsl ? wgsl : wgsl.replace(head, `${head.slice(0, -1)} * 1.000001;`);
    const store = memory();
    const { wgsl, output } = await tuned(store, { rewrite });
    expect([wgsl, output]).toEqual([plain.wgsl, plain.output]);
    expect(store.answers).toEqual(usual);
  });

  it('measures no graph that runs once', async () => {
    const store = memory();
    await withEngine({ tune: true, tiles: async () => store }, async (engine) => {
      await engine.run(layer(false, true));
      expect(store.saves).toBe(0);
    });
  });

  it('ends when its time is over', async () => {
    Object.assign(tuning, { budget });
    const store = memory();
    const { now } = performance;
    let past = 0; // ms: each look at the clock costs 200
    vi.spyOn(performance, 'now').mockImplementation(() => {
      past += 200;
      return now.call(performance) + past;
    });
    const late = await tuned(store).finally(() => vi.restoreAllMocks());
    expect([late.wgsl, late.output]).toEqual([plain.wgsl, plain.output]);
    expect(late.pipelines).toBeLessThan(plain.pipelines + 2);
  });

  it('leaves a kernel for which there is no room', async () => {
    const store = memory();
    // the step's three matrices and no fourth
    const options = { tune: true, tiles: async () => store, byteBudget: 400_000 };
    await withEngine(options, async (engine) => {
      const step = engine.compile({ outputs: layer(false, true) });
      await engine.warmUp(step);
      expect(store.answers).toEqual(usual);
      expect(step.plan.dispatches.at(-1)!.wgsl).toBe(plain.wgsl);
      await step.enqueue();
      await engine.finish();
    });
  });

  it('leaves a step with small products side by side as it is, whatever tiles they would take', async () => {
    const x = input([40, 36]);
    const w = [
      parameter(random.normal([36, 28], { seed: 4 })),
      parameter(random.normal([28, 20], { seed: 5 })),
    ];
    const cost = sum(square(matmul(relu(matmul(x, w[0]!)), w[1]!)));
    const feeds = { x: Float32Array.from({ length: 1440 }, (_, i) => Math.sin(i)) };
    const train = (text?: string) =>
      withEngine({ tune: true, tiles: async () => memory(text) }, async (engine) => {
        const step = engine.compile({ inputs: { x }, outputs: { cost, slopes: grad(cost, w) } });
        await engine.warmUp(step);
        return { values: await step(feeds), dispatches: step.plan.dispatches.length };
      });
    const usual = await train();
    const told = ['NN 1 × 40 × 28 × 36', 'NN 1 × 40 × 20 × 28'].map((name) => [`tile ${name}`, 3]);
    expect((await train(JSON.stringify(Object.fromEntries(told)))).values).toEqual(usual.values);
  });

  it('has a place for its choices on this platform', async () => {
    const inNode = typeof indexedDB === 'undefined';
    if (inNode) {
      const { mkdirSync, mkdtempSync } = await import('node:fs');
      mkdirSync('.cache', { recursive: true });
      vi.stubEnv('XDG_CACHE_HOME', mkdtempSync('.cache/tiles-'));
    }
    const { tileStore } = await (inNode
      ? import('../../src/node/tiles.js')
      : import('../../src/browser/tiles.js'));
    expect(await tileStore.load('an adapter')).toBeUndefined();
    for (const text of ['{"NN":1}', '{"NN":2}']) {
      await tileStore.save('an adapter', text);
      expect(await tileStore.load('an adapter')).toBe(text);
    }
    vi.unstubAllEnvs();
  });
});
