import type { TileStore } from '../graph/backend.js';
import type { Program } from '../graph/program.js';
import type { Device } from './device.js';
import { tiles } from './matmul.js';
import type { PlanContext } from './memory.js';
import { type Dispatch, makePlan, type Plan } from './plan.js';
import { makeScratch, sizesOf } from './scratch.js';

/** Milliseconds that the products of one plan take in all. */
const BUDGET = 500;

/** Measures the few sensible tiles of each product on its first use, and remembers the fastest by adapter and driver. */
export function makeTuner(device: Device, store: TileStore) {
  const { vendor, architecture, description } = device.info.adapter;
  const adapter = `${vendor} ${architecture} ${description}`;
  const candidates = tiles[device.adapterClass];
  /** The number of a product's tile in the committed table. */
  const fastest: Record<string, number> = {};
  const chosen: PlanContext['tiles'] = { get: (product) => candidates[fastest[product] ?? -1] };
  const isNew = ({ product }: Dispatch): boolean => product !== undefined && !chosen.get(product);
  let loaded: Promise<unknown> | undefined;
  /** The plan of a program with its fastest tiles. */
  async function tune(program: Program, context: PlanContext, plan: Plan): Promise<Plan> {
    const load = async () => Object.assign(fastest, JSON.parse((await store.load(adapter)) ?? '{}'));
    loaded ??= load().catch(() => {}); // what was stored is not to be read: it is measured again
    await loaded;
    if (plan.dispatches.some(isNew)) {
      const deadline = performance.now() + BUDGET;
      const plans = candidates.map((tile) => makePlan(program, { ...context, tiles: { get: () => tile } }));
      for (const dispatch of plan.dispatches) {
        if (!isNew(dispatch) || performance.now() > deadline) continue;
        // which products stand alone depends on their tiles
        const isSame = ({ product, kernel }: Dispatch) => product === dispatch.product && kernel === dispatch.kernel;
        const alike = plans.map(({ dispatches }) => dispatches.find(isSame) ?? dispatch);
        fastest[dispatch.product!] = await fastestOf(device, alike, deadline);
      }
      await store.save(adapter, JSON.stringify(fastest)).catch(() => {}); // a full disk
    }
    return makePlan(program, { ...context, tiles: chosen });
  }
  return { tiles: chosen, tune };
}

/** The number of the kernel that takes least time, among those that give the first one's bits. */
async function fastestOf(device: Device, dispatches: readonly Dispatch[], deadline: number): Promise<number> {
  const scratch = makeScratch(device, sizesOf(dispatches[0]!));
  const texts = dispatches.map(({ wgsl }) => wgsl);
  const best = { at: 0, milliseconds: Number.POSITIVE_INFINITY };
  let bits: string | undefined;
  try {
    for (const [at, dispatch] of dispatches.entries()) {
      if (texts.indexOf(dispatch.wgsl) < at || performance.now() > deadline) continue;
      const own = await scratch.bitsAfter(dispatch); // drivers compile at the first call
      bits ??= own;
      const milliseconds = own === bits ? await scratch.time(dispatch) : Number.POSITIVE_INFINITY;
      if (milliseconds < best.milliseconds) Object.assign(best, { at, milliseconds });
    }
  } finally {
    scratch.free();
  }
  return best.at;
}
