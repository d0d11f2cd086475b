// The tuner: times candidate tile sizes of matrix products on the device and keeps the fastest.

import type { Dispatch } from '../compiler/describe.js';
import { makePlan } from '../compiler/plan.js';
import type { TileStore } from '../graph/backend.js';
import { choices, type Tile } from '../planning/limits.js';
import type { Host, Tuner } from './host.js';
import { sizesOf } from './scratch.js';
import { makeTrials } from './trials.js';

/** Milliseconds that the products of one plan take in all. */
const BUDGET = 500;

/** Measures the few sensible tiles of each product on its first use, and remembers the fastest by adapter and driver. */
export function makeTuner(backend: Host, store: TileStore): Tuner {
  const { context, info } = backend;
  const { vendor, architecture, description } = info.adapter;
  const adapter = `${vendor} ${architecture} ${description}`;
  const candidates = choices[context.adapter].tiles;
  /** The number of a product's tile in the committed table. */
  const fastest: Record<string, number> = {};
  const tileOf = (product: string): Tile | undefined => candidates[fastest[product] ?? -1];
  /** The product of a dispatch that no tile is known for. */
  const newProduct = ({ product }: Dispatch): string | undefined =>
    product === undefined || tileOf(product) ? undefined : product;
  const load = async () => Object.assign(fastest, JSON.parse((await store.load(adapter)) ?? '{}'));
  let loaded: Promise<unknown> | undefined;
  context.tileOf = tileOf;
  return async (plan) => {
    loaded ??= load().catch(() => {}); // what was stored is not to be read: it is measured again
    await loaded;
    if (plan.dispatches.some((dispatch) => newProduct(dispatch) !== undefined)) {
      const deadline = performance.now() + BUDGET;
      const plans = candidates.map((tile) =>
        makePlan(plan.program, { ...context, tileOf: () => tile }),
      );
      for (const dispatch of plan.dispatches) {
        const wanted = newProduct(dispatch);
        if (wanted === undefined || performance.now() > deadline) continue;
        // which products stand alone depends on their tiles
        const isSame = ({ product, kernel }: Dispatch) =>
          product === wanted && kernel === dispatch.kernel;
        const alike = plans.map(({ dispatches }) => dispatches.find(isSame) ?? dispatch);
        fastest[wanted] = await fastestOf(backend, dispatch, alike, deadline);
      }
      await store.save(adapter, JSON.stringify(fastest)).catch(() => {}); // a full disk
    }
    return makePlan(plan.program, context);
  };
}

/** The number of the kernel that takes least time, among those that give the first one's bits. */
async function fastestOf(
  backend: Host,
  { bindings }: Dispatch,
  dispatches: readonly Dispatch[],
  deadline: number,
): Promise<number> {
  const scratch = makeTrials(backend, sizesOf({ bindings }));
  const texts = dispatches.map(({ wgsl }) => wgsl);
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  let bits: string | undefined;
  try {
    for (const [at, dispatch] of dispatches.entries()) {
      if (texts.indexOf(dispatch.wgsl) < at || performance.now() > deadline) continue;
      const own = await scratch.bitsAfter(dispatch); // drivers compile at the first call
      bits ??= own;
      const milliseconds = own === bits ? await scratch.time(dispatch) : Number.POSITIVE_INFINITY;
      if (milliseconds >= least) continue;
      best = at;
      least = milliseconds;
    }
  } finally {
    scratch.free();
  }
  return best;
}
