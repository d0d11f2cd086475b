// Keeps the tuner's measured tile sizes in IndexedDB, by adapter.
import type { TileStore } from '../graph/backend.js';

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function openTiles(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const request = indexedDB.open('nabla');
  request.onupgradeneeded = () => request.result.createObjectStore('tiles');
  const database = await settled(request);
  return database.transaction('tiles', mode).objectStore('tiles');
}

/** Tuned tiles in the origin's IndexedDB. */
export const tileStore: TileStore = {
  async load(adapter) {
    const tiles = await openTiles('readonly');
    return settled(tiles.get(adapter));
  },
  async save(adapter, text) {
    const tiles = await openTiles('readwrite');
    await settled(tiles.put(text, adapter));
  },
};
