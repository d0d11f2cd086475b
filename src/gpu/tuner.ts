import type { TileStore } from '../graph/backend.js';
import type { Program } from '../graph/program.js';
import type { Device } from './device.js';
import { type Tile, tiles } from './matmul.js';
import type { PlanContext } from './memory.js';
import { type Dispatch, makePlan, type Plan } from './plan.js';
import { Scratch } from './scratch.js';

/** A candidate is repeated until it takes so many milliseconds; the products of one plan take so many in all. */
const [MEASURED, BUDGET] = [5, 500];

/** Measures the few sensible tiles of each product on its first use, and remembers the fastest by adapter and driver. */
export class Tuner {
  /** By product; the number of the tile in the committed table is what is stored. */
  readonly tiles = new Map<string, Tile>();
  readonly #device: Device;
  readonly #store: TileStore;
  readonly #candidates: readonly Tile[];
  readonly #adapter: string;
  #loaded: Promise<void> | undefined;

  constructor(device: Device, store: TileStore) {
    const { vendor, architecture, description } = device.info.adapter;
    this.#device = device;
    this.#store = store;
    this.#candidates = tiles[device.adapterClass];
    this.#adapter = `${vendor} ${architecture} ${description}`;
  }

  /** The plan of a program with its fastest tiles. */
  async tune(program: Program, context: PlanContext, plan: Plan): Promise<Plan> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const isNew = ({ product }: Dispatch): boolean => product !== undefined && !this.tiles.has(product);
    if (plan.dispatches.some(isNew)) {
      const deadline = performance.now() + BUDGET;
      const plans = this.#candidates.map((tile) => makePlan(program, { ...context, tiles: { get: () => tile } }));
      for (const dispatch of plan.dispatches) {
        if (!isNew(dispatch) || performance.now() > deadline) continue;
        // which products stand alone depends on their tiles
        const isSame = ({ product, kernel }: Dispatch) => product === dispatch.product && kernel === dispatch.kernel;
        const alike = plans.map(({ dispatches }) => dispatches.find(isSame) ?? dispatch);
        const fastest = await this.#fastest(alike, deadline);
        this.tiles.set(dispatch.product!, this.#candidates[fastest]!);
      }
      const numbers = [...this.tiles].map(([product, tile]) => [product, this.#candidates.indexOf(tile)]);
      await this.#store.save(this.#adapter, JSON.stringify(Object.fromEntries(numbers))).catch(() => {}); // a full disk
    }
    return makePlan(program, { ...context, tiles: this.tiles });
  }

  /** The number of the kernel that takes least time, among those that give the first one's bits. */
  async #fastest(dispatches: readonly Dispatch[], deadline: number): Promise<number> {
    const scratch = new Scratch(this.#device, dispatches[0]!);
    const texts = dispatches.map(({ wgsl }) => wgsl);
    const best = { at: 0, milliseconds: Number.POSITIVE_INFINITY };
    let bits: string | undefined;
    try {
      for (const [at, dispatch] of dispatches.entries()) {
        if (texts.indexOf(dispatch.wgsl) < at || performance.now() > deadline) continue;
        scratch.fill();
        await scratch.run(dispatch, dispatch.workgroups); // drivers compile at the first call
        const own = await scratch.read();
        bits ??= own;
        if (own !== bits) continue;
        let [calls, milliseconds] = [1, 0];
        for (; milliseconds < MEASURED; calls *= 2)
          milliseconds = await scratch.run(dispatch, dispatch.workgroups, calls);
        const each = (2 * milliseconds) / calls; // of the last round
        if (each < best.milliseconds) Object.assign(best, { at, milliseconds: each });
      }
    } finally {
      scratch.free();
    }
    return best.at;
  }

  async #load(): Promise<void> {
    try {
      const known: Record<string, number> = JSON.parse((await this.#store.load(this.#adapter)) ?? '{}');
      for (const [product, at] of Object.entries(known))
        if (this.#candidates[at]) this.tiles.set(product, this.#candidates[at]);
    } catch {} // what was stored is not to be read: it is measured again
  }
}
