// What the tuner has chosen, and where that is kept from one run to the next.
import type { TileStore } from '../graph/backend.js';
import { choices } from '../planning/limits.js';
import type { Host } from './host.js';

/** What there is to choose: a tile for a product, and the form of arrays of a product or of a kind of kernel. */
export type Question = 'tile' | 'arrays';
/** Answers by `question subject`: 0 is that of the committed table, the others are numbered from 1. */
export type Chosen = Map<string, number>;

/** What names a device and its driver to the store. */
export type Identity = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>;

/** Raised where answers in stores would mean something else, or kernels of one tile are no longer what they were. */
const VERSION = 1;
/** Milliseconds to wait for what was stored: a browser's database may never answer. */
const LOADING = 300;

/** What a store gives in time, if it does. */
async function inTime<T>(ask: () => Promise<T>): Promise<T | undefined> {
  let stop = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    const timer = setTimeout(resolve, LOADING);
    stop = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch {
    return undefined;
  } finally {
    stop();
  }
}

/** Answers of a text, as far as they are some; what is none is measured again. */
function answersOf(text: string, tiles: number): Chosen {
  const isAnswer = ([key, value]: [string, unknown]): boolean => {
    const most = key.startsWith('tile ') ? tiles : key.startsWith('arrays ') ? 1 : -1;
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
  };
  try {
    return new Map(Object.entries<number>(Object(JSON.parse(text))).filter(isAnswer));
  } catch {
    return new Map(); // a part of a file, or another program's
  }
}

/**
 * The answers for an adapter and its driver, for a class of adapters and for the candidates that there are now: after another
 * table all is measured anew. Without a store, as in a private window or a closed folder, there are none.
 */
export async function openAnswers({ context }: Host, store: TileStore, identity: Identity) {
  const { vendor, architecture, device, description } = identity;
  const { tiles, arrays } = choices[context.adapter];
  const adapter = [vendor, architecture, device, description, context.adapter];
  const key = JSON.stringify([VERSION, ...adapter, arrays, tiles]);
  const load = async (): Promise<Chosen> => {
    const text = await inTime(() => store.load(key));
    return answersOf(text ?? '{}', tiles.length);
  };
  const chosen = await load();
  /** Keeps them beside what others have measured meanwhile. */
  async function save(): Promise<void> {
    const all = new Map([...(await load()), ...chosen]);
    await inTime(() => store.save(key, JSON.stringify(Object.fromEntries(all))));
  }
  return { chosen, save };
}
