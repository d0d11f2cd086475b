// Keeps what the tuner has measured in IndexedDB, by adapter and browser.
import type { TileStore } from '../graph/backend.js';

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Does something with the stored texts, and closes the database. */
async function withTiles<T>(
  mode: IDBTransactionMode,
  use: (tiles: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const request = indexedDB.open('nabla');
  request.onupgradeneeded = () => request.result.createObjectStore('tiles');
  const database = await settled(request);
  try {
    return await settled(use(database.transaction('tiles', mode).objectStore('tiles')));
  } finally {
    database.close();
  }
}

/** Browsers do not tell the driver; what they compile kernels with comes with their version. */
const keyOf = (adapter: string): string => `${adapter} ${navigator.userAgent}`;

/** What was measured, in the origin's IndexedDB. */
export const tileStore: TileStore = {
  load: (adapter) => withTiles('readonly', (tiles) => tiles.get(keyOf(adapter))),
  async save(adapter, text) {
    await withTiles('readwrite', (tiles) => tiles.put(text, keyOf(adapter)));
  },
};
