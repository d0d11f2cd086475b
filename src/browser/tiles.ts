// Keeps the tuner's measured tile sizes in IndexedDB, by adapter.
import type { TileStore } from '../graph/backend.js';

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function choices(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const request = indexedDB.open('nabla');
  request.onupgradeneeded = () => request.result.createObjectStore('tiles');
  return (await settled(request)).transaction('tiles', mode).objectStore('tiles');
}

/** Tuned tiles in the origin's IndexedDB. */
export const tileStore: TileStore = {
  load: async (adapter) => settled((await choices('readonly')).get(adapter)),
  save: async (adapter, text) =>
    void (await settled((await choices('readwrite')).put(text, adapter))),
};
