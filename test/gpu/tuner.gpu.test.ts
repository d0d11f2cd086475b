// Every tile of every adapter class gives the bits of the others, and the tuner takes the fastest of those that do.
import { beforeAll, describe, expect, it, vi } from 'vitest';
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
import { choices, type Tile } from '../../src/planning/limits.js';
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

/** A store in memory. */
function memory(text?: string): TileStore & { text: string | undefined; saves: number } {
  const store = {
    ...{ text, saves: 0 },
    load: async () => store.text,
    save: async (_: string, saved: string) => {
      store.text = saved;
      store.saves++;
    },
  };
  return store;
}

describe('the tuner', () => {
  const product = 'NT 1 × 164 × 164 × 164';
  const tuned = (store: TileStore, options: GpuOptions = {}) =>
    withEngine({ ...options, tune: store }, async (engine) => {
      const step = engine.compile({ outputs: layer(false, true) });
      await engine.warmUp(step);
      return { output: await step(), wgsl: step.plan.dispatches.at(-1)!.wgsl };
    });

  it('remembers what it measured, and then measures nothing', async () => {
    const store = memory();
    const first = await tuned(store);
    expect(JSON.parse(store.text!)).toEqual({ [product]: expect.any(Number) });
    expect(await tuned(store)).toEqual(first);
    expect(store.saves).toBe(1); // each measurement ends with one
  });

  it('takes what it is told, whatever that is worth', async () => {
    const usual = await tuned(memory(JSON.stringify({ [product]: 0 })));
    const other = await tuned(memory(JSON.stringify({ [product]: 2 })));
    expect(other.wgsl).not.toBe(usual.wgsl);
    expect(other.output).toEqual(usual.output);
  });

  it('rejects a kernel with other bits, and measures again where what it kept is unreadable', async () => {
    const usual = await tuned(memory(JSON.stringify({ [product]: 0 })));
    const rewrite = (wgsl: string): string =>
      wgsl === usual.wgsl
        ? wgsl
        : wgsl.replace('let head = value[lane];', 'let head = value[lane] * 1.000001;');
    const store = memory('{ broken');
    const { wgsl, output } = await tuned(store, { rewrite });
    expect(wgsl).toBe(usual.wgsl);
    expect(output).toEqual(usual.output);
    expect(JSON.parse(store.text!)).toEqual({ [product]: 0 });
  });

  it('leaves a step with small products side by side as it is, whatever tiles they would take', async () => {
    const x = input([40, 36]);
    const w = [
      parameter(random.normal([36, 28], { seed: 4 })),
      parameter(random.normal([28, 20], { seed: 5 })),
    ];
    const cost = sum(square(matmul(relu(matmul(x, w[0]!)), w[1]!)));
    const feeds = { x: Float32Array.from({ length: 1440 }, (_, i) => Math.sin(i)) };
    const train = (options: GpuOptions) =>
      withEngine(options, async (engine) => {
        const step = engine.compile({ inputs: { x }, outputs: { cost, slopes: grad(cost, w) } });
        await engine.warmUp(step);
        return { values: await step(feeds), dispatches: step.plan.dispatches.length };
      });
    const usual = await train({});
    expect(await train({ tune: memory() })).toEqual(usual);
    const registers = ['NN 1 × 40 × 28 × 36', 'NN 1 × 40 × 20 × 28'].map((product) => [product, 2]);
    const told = await train({ tune: memory(JSON.stringify(Object.fromEntries(registers))) });
    expect(told.values).toEqual(usual.values);
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
    await tileStore.save('an adapter', '{"NN":1}');
    expect(await tileStore.load('an adapter')).toBe('{"NN":1}');
    vi.unstubAllEnvs();
  });
});
