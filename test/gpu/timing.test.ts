// Times by coarse clocks, and what stores of measured kernels may hold.
import { describe, expect, it } from 'vitest';
import { openAnswers } from '../../src/gpu/chosen.js';
import type { Host } from '../../src/gpu/host.js';
import { timeOfCall } from '../../src/gpu/timing.js';
import type { TileStore } from '../../src/graph/backend.js';
import { choices } from '../../src/planning/limits.js';
import { uniforms } from '../support/samples.js';

/** A kernel whose calls take `each` ms, by a clock that ticks every `tick` ms and begins anywhere between two ticks. */
function kernel(each: number, tick: number) {
  const random = uniforms(7);
  const made = { calls: 0, spent: 0 };
  const run = async (calls: number): Promise<number> => {
    const start = tick * random();
    made.calls += calls;
    made.spent += calls * each;
    return tick * (Math.floor((start + calls * each) / tick) - Math.floor(start / tick));
  };
  const now = (): number => made.spent;
  return { run, now, made };
}

describe('the time of a call', () => {
  it.each([0.0004, 0.003, 0.02, 0.0655, 0.4, 3, 40])(
    'is within 3 %% of %d ms, by a clock that ticks every 65,536 ns',
    async (each) => {
      for (let round = 0; round < 20; round++) {
        const { run, now, made } = kernel(each, 0.065536);
        const found = await timeOfCall(run, { now });
        expect(Math.abs(found! / each - 1)).toBeLessThan(0.03);
        expect(made.spent).toBeLessThan(Math.max(60, 2 * each));
      }
    },
  );

  it('is given up early where it is far more than the best', async () => {
    const { run, now, made } = kernel(1, 0.065536);
    expect(await timeOfCall(run, { best: 0.2, now })).toBe(Number.POSITIVE_INFINITY);
    expect(made.calls).toBe(1);
    const near = kernel(0.3, 0.065536);
    expect(await timeOfCall(near.run, { best: 0.2, now: near.now })).toBeCloseTo(0.3, 1);
  });

  it('is unknown where the clock stands still', async () => {
    const { now, run, made } = kernel(0.5, 0.065536);
    const still = async (calls: number) => (await run(calls)) * 0;
    expect(await timeOfCall(still, { now })).toBeUndefined();
    expect(made.spent).toBeLessThan(1000);
  });
});

const host = (adapter: 'gpu' | 'lavapipe') => ({ context: { adapter } }) as unknown as Host;
const card = { vendor: 'nvidia', architecture: 'ada', device: 'RTX 4070', description: '550.1' };
/** A store that holds one text under every key. */
const holding = (text: string | undefined): TileStore => ({
  load: async () => text,
  save: async () => {},
});

describe('stored answers', () => {
  const good = { 'tile NT 1 × 8 × 8 × 8': 2, 'arrays map': 1, 'tile NN 1 × 4 × 4 × 4': 0 };

  it('are read', async () => {
    const { chosen } = await openAnswers(host('gpu'), holding(JSON.stringify(good)), card);
    expect(Object.fromEntries(chosen)).toEqual(good);
  });

  it.each([
    ...['{ broken', '', '[]', 'null', '"tiles"', '7', '{"best x":1}', '{"__proto__":{"a":1}}'],
    ...[-1, 99, 0.5, '1', null, [1], {}].map((value) =>
      JSON.stringify({ 'tile x': value, 'arrays map': value }),
    ),
    '{"arrays map":2}',
  ])('that are none are left out: %s', async (text) => {
    const { chosen } = await openAnswers(host('gpu'), holding(text), card);
    expect([...chosen]).toEqual([]);
  });

  it('are none where the store fails, at once or later, or never answers', async () => {
    const fails = (): never => {
      throw new Error('SecurityError');
    };
    const rejects = () => Promise.reject(new Error('a closed folder'));
    const never = () => new Promise<never>(() => {});
    for (const each of [fails, rejects, never]) {
      const { chosen, save } = await openAnswers(host('gpu'), { load: each, save: each }, card);
      expect([...chosen]).toEqual([]);
      await save();
    }
  });

  it('are kept beside those of others, by adapter, driver, class and candidates', async () => {
    const kept = new Map<string, string>();
    const store: TileStore = {
      load: async (key) => kept.get(key),
      save: async (key, text) => {
        kept.set(key, text);
      },
    };
    const first = await openAnswers(host('gpu'), store, card);
    const second = await openAnswers(host('gpu'), store, card);
    first.chosen.set('tile a', 1);
    second.chosen.set('tile b', 2);
    await first.save();
    await second.save();
    const third = await openAnswers(host('gpu'), store, card);
    expect(Object.fromEntries(third.chosen)).toEqual({ 'tile a': 1, 'tile b': 2 });
    for (const [name, value] of [
      ['device', 'RTX 4090'],
      ['description', '551'],
    ] as const)
      expect((await openAnswers(host('gpu'), store, { ...card, [name]: value })).chosen.size).toBe(
        0,
      );
    expect((await openAnswers(host('lavapipe'), store, card)).chosen.size).toBe(0);
    expect([...kept.keys()][0]).toContain(JSON.stringify(choices.gpu.tiles));
  });
});
